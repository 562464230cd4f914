import Core
import Records

/// What kind of error it is; tells a client what to do about a code that it does not know.
public enum ErrorClass: UInt8, Sendable, CaseIterable {
    /// The bytes or their order break the protocol.
    case protocolViolation = 1
    case unauthenticated = 2
    case denied = 3
    case notFound = 4
    case conflict = 5
    /// The request is understood and cannot be carried out as it is.
    case invalid = 6
    case tooLarge = 7
    case throttled = 8
    case unavailable = 9
    case stale = 10
    case sessionEnded = 11
    case cancelled = 12
    case `internal` = 13
    case unsupported = 14

    /// The status code where KHO/1 is offered over HTTP.
    public var httpStatus: Int {
        switch self {
        case .protocolViolation, .invalid: 400
        case .unauthenticated: 401
        case .denied: 403
        case .notFound: 404
        case .conflict: 409
        case .sessionEnded: 410
        case .tooLarge: 413
        case .throttled: 429
        case .cancelled: 499
        case .internal: 500
        case .unsupported: 501
        case .unavailable, .stale: 503
        }
    }
}

/// Whether, and how, the same request may be sent again.
public enum RetryAdvice: UInt8, Sendable, CaseIterable {
    /// It would fail again.
    case never = 0
    /// Nothing was done: send it again, after `retryAfterMilliseconds`, to this or another node.
    case later = 1
    /// Nothing was done: send it to another node.
    case elsewhere = 2
    /// It may or may not have been done: send it again with the same session and sequence.
    case sameSequence = 3
}

/// The body of ERROR.
///
///     number u16 | class u8 | retry u8 | retry after u32 (ms) | operation u16 | field u16 | rule u8 | position u32 |
///     English string16 | Vietnamese string16 | path string16 | detail string16
///
/// On stream 0 it concerns the connection, which then ends. The texts are the table's (`ErrorCode`), never made from values. `path`
/// and `detail` are for administrators and empty on the client port.
public struct WireError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Stable; one that this version does not know has a nil `code`.
    public var number: UInt16
    public var errorClass: ErrorClass
    public var retry: RetryAdvice
    /// How long to wait at the least before `retry`; 0: as the client likes.
    public var retryAfterMilliseconds: UInt32
    /// The place of the operation that failed in its batch.
    public var operation: Int?
    /// The field whose value breaks `rule`.
    public var field: FieldID?
    public var rule: SchemaRule?
    /// Where in the filter's UTF-8 the fault is.
    public var position: Int?
    public var english: String
    public var vietnamese: String
    public var path: String
    public var detail: String

    /// Of this code, with its class, its advice and its texts.
    public init(
        _ code: ErrorCode, retryAfterMilliseconds: UInt32 = 0, operation: Int? = nil, field: FieldID? = nil, rule: SchemaRule? = nil,
        position: Int? = nil, path: String = "", detail: String = ""
    ) {
        number = code.rawValue
        errorClass = code.errorClass
        retry = code.retry
        self.retryAfterMilliseconds = retryAfterMilliseconds
        self.operation = operation
        self.field = field
        self.rule = rule
        self.position = position
        english = code.english
        vietnamese = code.vietnamese
        self.path = path
        self.detail = detail
    }

    /// Nil for an error of a newer version.
    public var code: ErrorCode? { ErrorCode(rawValue: number) }

    /// `KHO-1001: …`, with what is known of the place.
    public var description: String {
        var text = "KHO-\(number): \(english)"
        if let operation { text += ", operation \(operation)" }
        if let field { text += ", field \(field)" }
        if let rule { text += ": \(rule.text)" }
        if let position { text += ", at byte \(position)" }
        if !path.isEmpty { text += ", at \(path)" }
        if !detail.isEmpty { text += ": \(detail)" }
        return text
    }
}

extension WireError: Message {
    package var opcode: Opcode { .error }

    /// What stands for "none" in the two numbers that may be 0.
    private static let noOperation = UInt16.max
    private static let noPosition = UInt32.max

    package func encode(into out: inout ByteWriter) {
        out.write(number)
        out.write(errorClass.rawValue)
        out.write(retry.rawValue)
        out.write(retryAfterMilliseconds)
        out.write(operation.map { UInt16(clamping: $0) } ?? Self.noOperation)
        out.write(field?.rawValue ?? 0)
        out.write(rule?.rawValue ?? 0)
        out.write(position.map { UInt32(clamping: $0) } ?? Self.noPosition)
        out.write16(english)
        out.write16(vietnamese)
        out.write16(path)
        out.write16(detail.shortened(toBytes: Limits.errorDetailBytes))
    }

    /// A newer peer's class counts as internal, and its advice as never.
    package init(from reader: inout ByteReader) throws(DecodingError) {
        number = try reader.readUInt16()
        errorClass = ErrorClass(rawValue: try reader.readUInt8()) ?? .internal
        retry = RetryAdvice(rawValue: try reader.readUInt8()) ?? .never
        retryAfterMilliseconds = try reader.readUInt32()
        let operation = try reader.readUInt16()
        self.operation = operation == Self.noOperation ? nil : Int(operation)
        let field = try reader.readUInt16()
        self.field = field == 0 ? nil : FieldID(field)
        rule = SchemaRule(rawValue: try reader.readUInt8())
        let position = try reader.readUInt32()
        self.position = position == Self.noPosition ? nil : Int(position)
        english = try reader.readString16()
        vietnamese = try reader.readString16()
        path = try reader.readString16()
        detail = try reader.readString16()
    }
}
