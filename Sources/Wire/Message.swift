import Core
import Records

/// A frame's body as a value.
///
/// `init(from:)` leaves bytes behind what it knows unread: a newer peer may have appended to a body, and an older one does not
/// mind. It copies what it keeps, and never allocates more than the body's own size.
package protocol Message: Equatable, Sendable {
    var opcode: Opcode { get }
    func encode(into out: inout ByteWriter)
    init(from reader: inout ByteReader) throws(DecodingError)
}

extension Message {
    /// Decodes a whole body.
    package init(decoding body: [UInt8]) throws(DecodingError) {
        self = try body.reading { reader throws(DecodingError) in try Self(from: &reader) }
    }
}

/// How fresh a read must be.
public enum Consistency: Equatable, Sendable {
    /// It sees every write that was acknowledged before it began.
    case linearizable
    /// It may be older by so many milliseconds. For open datasets only.
    case stale(maxAgeMilliseconds: UInt32)
}

/// For whom and why a record is read or written; kept with the disclosure. Each text has at most
/// `Limits.disclosureTextBytes` bytes; empty means not said.
public struct RequestContext: Equatable, Sendable {
    public var purpose: String
    public var caseNumber: String
    public var endUser: String

    public init(purpose: String = "", caseNumber: String = "", endUser: String = "") {
        self.purpose = purpose
        self.caseNumber = caseNumber
        self.endUser = endUser
    }
}

/// What every request about records begins with.
///
///     handle u32 | dataset u32 | parts u8 | [max age u32] | [count u16, field u16 …] | [purpose] | [case] | [end user]
///
/// Bits of `parts`: 0 stale reads are enough, 1 only these fields, 2 purpose, 3 case, 4 end user; each text a string16.
package struct RequestPreamble: Equatable, Sendable {
    /// Whose request it is, as BOUND gave it on this connection.
    package var handle: UInt32
    /// 0 where the request names its datasets elsewhere (writes) or none.
    package var dataset: DatasetID
    package var consistency: Consistency
    /// The fields that the answer shall have; nil for every visible one.
    package var fields: FieldMask?
    package var context: RequestContext

    package init(
        handle: UInt32, dataset: DatasetID = DatasetID(0), consistency: Consistency = .linearizable, fields: FieldMask? = nil,
        context: RequestContext = RequestContext()
    ) {
        self.handle = handle
        self.dataset = dataset
        self.consistency = consistency
        self.fields = fields
        self.context = context
    }

    package func encode(into out: inout ByteWriter) {
        out.write(handle)
        out.write(dataset.rawValue)
        var parts: UInt8 = 0
        if case .stale = consistency { parts |= 1 }
        if fields != nil { parts |= 2 }
        if !context.purpose.isEmpty { parts |= 4 }
        if !context.caseNumber.isEmpty { parts |= 8 }
        if !context.endUser.isEmpty { parts |= 16 }
        out.write(parts)
        if case let .stale(age) = consistency { out.write(age) }
        if let fields {
            let ids = fields.fields
            out.write(UInt16(ids.count))
            for id in ids { out.write(id.rawValue) }
        }
        for text in [context.purpose, context.caseNumber, context.endUser] where !text.isEmpty { out.write16(text) }
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        var parts: UInt8 = 0
        let head = try RequestHead(from: &reader, &parts)
        self.init(handle: head.handle, dataset: head.dataset, consistency: head.consistency, fields: head.fields)
        if parts & 4 != 0 { context.purpose = try reader.readString16(max: Limits.disclosureTextBytes) }
        if parts & 8 != 0 { context.caseNumber = try reader.readString16(max: Limits.disclosureTextBytes) }
        if parts & 16 != 0 { context.endUser = try reader.readString16(max: Limits.disclosureTextBytes) }
    }
}

/// A preamble without its texts: what a GET is answered by, of which there are many. Nothing in it is counted by references.
package struct RequestHead: Sendable {
    package let handle: UInt32
    package let dataset: DatasetID
    package let consistency: Consistency
    package let fields: FieldMask?

    /// Reads a whole preamble; its texts are checked and not kept.
    package init(of reader: inout ByteReader) throws(DecodingError) {
        var parts: UInt8 = 0
        try self.init(from: &reader, &parts)
        guard parts & 28 != 0 else { return }
        for bit in [UInt8(4), 8, 16] where parts & bit != 0 { _ = try reader.readString16(max: Limits.disclosureTextBytes) }
    }

    /// Reads what stands before the texts. `parts` says which of them follow.
    fileprivate init(from reader: inout ByteReader, _ parts: inout UInt8) throws(DecodingError) {
        handle = try reader.readUInt32()
        dataset = DatasetID(try reader.readUInt32())
        parts = try reader.readUInt8()
        guard parts < 32 else { throw .invalid(at: reader.position - 1, "unknown part of a request") }
        consistency = parts & 1 != 0 ? .stale(maxAgeMilliseconds: try reader.readUInt32()) : .linearizable
        guard parts & 2 != 0 else {
            fields = nil
            return
        }
        var mask = FieldMask()
        for _ in 0..<(try reader.readCount16(minimumSize: 2)) {
            let id = try reader.readUInt16()
            guard id <= Limits.fieldID else { throw .invalid(at: reader.position - 2, "impossible field number") }
            mask.insert(FieldID(id))
        }
        fields = mask
    }
}

/// What every answer about records begins with, 32 bytes.
///
///     applied index u64 | policy index u64 | staleness u32 (ms) | schema version u32 | disclosure u64
public struct ReplyInfo: Equatable, Sendable {
    /// Bytes of its layout.
    static let bytes = 32

    /// How far the answering node had applied the log.
    public var appliedIndex: LogIndex
    /// The last change of rights that the answer was made under.
    public var policyIndex: LogIndex
    /// How old the answer may be at most, in milliseconds; 0 for a linearizable one.
    public var stalenessMilliseconds: UInt32
    /// The version of the dataset's schema; 0 where the request has no single dataset.
    public var schemaVersion: UInt32
    /// The number of the disclosure's record; 0 where none is kept.
    public var disclosure: UInt64

    public init(
        appliedIndex: LogIndex, policyIndex: LogIndex, stalenessMilliseconds: UInt32 = 0, schemaVersion: UInt32 = 0, disclosure: UInt64 = 0
    ) {
        self.appliedIndex = appliedIndex
        self.policyIndex = policyIndex
        self.stalenessMilliseconds = stalenessMilliseconds
        self.schemaVersion = schemaVersion
        self.disclosure = disclosure
    }

    package func encode(into out: inout ByteWriter) {
        out.write(
            inMemory: (
                appliedIndex.rawValue.bigEndian, policyIndex.rawValue.bigEndian, stalenessMilliseconds.bigEndian, schemaVersion.bigEndian,
                disclosure.bigEndian
            ))
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        appliedIndex = LogIndex(try reader.readUInt64())
        policyIndex = LogIndex(try reader.readUInt64())
        stalenessMilliseconds = try reader.readUInt32()
        schemaVersion = try reader.readUInt32()
        disclosure = try reader.readUInt64()
    }
}
