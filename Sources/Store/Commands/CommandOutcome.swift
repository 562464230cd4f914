import Core
import Records

/// What a command did: the same on every replica.
package enum CommandOutcome: Equatable, Sendable {
    /// The write took effect at this index (of the first application, for a retry).
    case written(LogIndex)
    case sessionOpened(SessionID)
    /// The catalogue was changed, or needed no change; what `kho` shows.
    case catalogueChanged(Document)
    case rejected(Rejection)

    // Layout: kind u8, then: 1 index u64; 2 session u64; 3 document; 4 rejection.

    package func encode(into out: inout ByteWriter) {
        switch self {
        case let .written(index):
            out.write(UInt8(1))
            out.write(index.rawValue)
        case let .sessionOpened(session):
            out.write(UInt8(2))
            out.write(session.rawValue)
        case let .catalogueChanged(document):
            out.write(UInt8(3))
            document.encode(into: &out)
        case let .rejected(rejection):
            out.write(UInt8(4))
            rejection.encode(into: &out)
        }
    }

    package func encoded() -> [UInt8] {
        var out = ByteWriter()
        encode(into: &out)
        return out.bytes
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        switch try reader.readUInt8() {
        case 1: self = .written(LogIndex(try reader.readUInt64()))
        case 2: self = .sessionOpened(SessionID(try reader.readUInt64()))
        case 3: self = .catalogueChanged(try Document(from: &reader))
        case 4: self = .rejected(try Rejection(from: &reader))
        default: throw .invalid(at: reader.position - 1, "unknown kind of outcome")
        }
    }
}

/// Why a command had no effect. Says nothing of what the principal may not see.
package struct Rejection: Equatable, Sendable {
    package enum Reason: UInt8, Sendable {
        /// No such principal, or no longer.
        case unauthenticated = 1
        /// No right; also where there is no such dataset.
        case denied = 2
        /// A condition does not hold.
        case conflict = 3
        /// An update of a record that is not there.
        case notFound = 4
        /// A value breaks a rule of the schema.
        case schema = 5
        /// The session has ended or is another principal's.
        case sessionEnded = 6
        /// The sequence number is too old for its answer to be known.
        case sequenceTooOld = 7
        /// The catalogue refuses the change; path and text say why.
        case catalogue = 8
        /// The command is not well formed: a bad key, a key twice, no operations.
        case invalid = 9
        /// The cluster has begun already.
        case alreadyInitialised = 10
    }

    package var reason: Reason
    /// The operation's place in the batch.
    package var operation: Int = 0
    package var field: FieldID?
    package var rule: SchemaRule?
    /// Where in a document, and what is wrong there: cut to `Limits.refusalPathBytes` and `Limits.refusalTextBytes`, since both may repeat
    /// what somebody wrote.
    package private(set) var path = ""
    package private(set) var text = ""

    package init(_ reason: Reason, operation: Int = 0, field: FieldID? = nil, rule: SchemaRule? = nil, path: String = "", text: String = "") {
        self.reason = reason
        self.operation = operation
        self.field = field
        self.rule = rule
        self.path = path.shortened(toBytes: Limits.refusalPathBytes)
        self.text = text.shortened(toBytes: Limits.refusalTextBytes)
    }

    // Layout: reason u8, operation u16, field u16 (0 none), rule u8 (0 none), path string16, text string16.

    func encode(into out: inout ByteWriter) {
        out.write(reason.rawValue)
        out.write(UInt16(operation))
        out.write(field?.rawValue ?? 0)
        out.write(rule?.rawValue ?? 0)
        out.write16(path)
        out.write16(text)
    }

    init(from reader: inout ByteReader) throws(DecodingError) {
        guard let reason = Reason(rawValue: try reader.readUInt8()) else { throw .invalid(at: reader.position - 1, "unknown reason") }
        self.reason = reason
        operation = Int(try reader.readUInt16())
        let field = try reader.readUInt16()
        self.field = field == 0 ? nil : FieldID(field)
        let rule = try reader.readUInt8()
        self.rule = SchemaRule(rawValue: rule)
        path = try reader.readString16()
        text = try reader.readString16()
    }
}
