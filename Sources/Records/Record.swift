import Core

/// A record as a reader got it.
public struct Record: Sendable, Equatable {
    public let key: [UInt8]
    /// The version of the schema it was written under; 0 if the reader does not see the whole record.
    public let schemaVersion: UInt32
    /// The log index of its last change; nil if the reader does not see the whole record.
    public let modifiedAt: LogIndex?
    /// The log's time of its last change; nil if the reader does not see the whole record.
    public let modifiedTime: LogTime?
    /// The fields that were asked for and are in the reader's schema, ascending by number. A field that is not among them has no
    /// value: it is null; `.withheld` is not.
    public let fields: [Field]

    public struct Field: Sendable, Equatable {
        public let id: FieldID
        public let value: Value

        public init(id: FieldID, value: Value) {
            self.id = id
            self.value = value
        }
    }

    public subscript(field: FieldID) -> Value? { fields.first { $0.id == field }?.value }

    /// Decodes and verifies a record as it came over the wire.
    package init(decoding bytes: [UInt8], key: [UInt8]) throws(RecordError) {
        let view = try RecordView(bytes.span.bytes)
        try view.verify(key: key.span.bytes)
        var fields: [Field] = []
        for (id, value) in try view.values() { fields.append(Field(id: id, value: value)) }
        let filtered = view.flags & RecordLayout.flagFiltered != 0
        self.key = key
        schemaVersion = view.schemaVersion
        modifiedAt = filtered ? nil : view.modifiedAt
        modifiedTime = filtered ? nil : view.modifiedTime
        self.fields = fields
    }
}
