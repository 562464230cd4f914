import Core

/// What must hold of the record before an operation.
public enum WriteCondition: Equatable, Sendable {
    case none
    case absent
    case present
    /// The record was last changed by the entry of this index.
    case modifiedAt(LogIndex)
}

/// One operation on one record.
public struct WriteOperation: Equatable, Sendable {
    public enum Kind: UInt8, Sendable {
        /// The whole record: a field that is not given is null.
        case put = 1
        /// The given fields of an existing record.
        case update = 2
        /// Removes the record; none there is no error.
        case delete = 3
    }

    public var kind: Kind
    public var dataset: DatasetID
    public var key: [UInt8]
    public var condition: WriteCondition
    public var fields: [Field]

    public struct Field: Equatable, Sendable {
        public var id: FieldID
        public var value: Value

        public init(_ id: FieldID, _ value: Value) {
            self.id = id
            self.value = value
        }
    }

    public init(kind: Kind, dataset: DatasetID, key: [UInt8], condition: WriteCondition = .none, fields: [Field] = []) {
        self.kind = kind
        self.dataset = dataset
        self.key = key
        self.condition = condition
        self.fields = fields
    }

    /// The fields that it gives, as far as their numbers are possible.
    package var mask: FieldMask {
        var mask = FieldMask()
        for field in fields where field.id.rawValue <= Limits.fieldID { mask.insert(field.id) }
        return mask
    }

    /// The value that it gives the field; nil if it gives none.
    package func value(of field: FieldID) -> Value? {
        for given in fields where given.id == field { return given.value }
        return nil
    }

    // Layout, the same in the protocol: kind u8, dataset u32, key string16, condition u8 (0 none, 1 absent, 2 present,
    // 3 modified at) and u64 for the last, count u16, then each field: id u16, kind u8 (0 for null), length i32, content.

    package func encode(into out: inout ByteWriter) {
        out.write(kind.rawValue)
        out.write(dataset.rawValue)
        out.write16(key)
        switch condition {
        case .none: out.write(UInt8(0))
        case .absent: out.write(UInt8(1))
        case .present: out.write(UInt8(2))
        case let .modifiedAt(index):
            out.write(UInt8(3))
            out.write(index.rawValue)
        }
        out.write(UInt16(fields.count))
        for field in fields {
            out.write(field.id.rawValue)
            out.write(field.value.kind?.rawValue ?? 0)
            out.write(field.value.encodedLength)
            field.value.encodeContent(into: &out)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.position
        guard let kind = Kind(rawValue: try reader.readUInt8()) else { throw .invalid(at: start, "unknown kind of write") }
        let dataset = DatasetID(try reader.readUInt32())
        let key = try reader.copiedBytes16(max: Limits.recordKeyBytes)
        let condition: WriteCondition
        switch try reader.readUInt8() {
        case 0: condition = .none
        case 1: condition = .absent
        case 2: condition = .present
        case 3: condition = .modifiedAt(LogIndex(try reader.readUInt64()))
        default: throw .invalid(at: reader.position - 1, "unknown condition of a write")
        }
        let count = try reader.readCount16(minimumSize: 7)
        var fields: [Field] = []
        fields.reserveCapacity(count)
        for _ in 0..<count { fields.append(try Field(from: &reader)) }
        self.init(kind: kind, dataset: dataset, key: key, condition: condition, fields: fields)
    }
}

extension WriteOperation.Field {
    init(from reader: inout ByteReader) throws(DecodingError) {
        let number = try reader.readUInt16()
        let start = reader.position
        let kind = try reader.readUInt8()
        let length = try reader.readInt32()
        guard number <= Limits.fieldID else { throw .invalid(at: start - 2, "impossible field number") }
        if length == RecordLayout.lengthNull {
            self.init(FieldID(number), .null)
            return
        }
        guard length >= 0, let kind = ValueKind(rawValue: kind) else { throw .invalid(at: start, "unknown kind of value") }
        let content = try reader.readSpan(Int(length))
        do { self.init(FieldID(number), try Value(kind: kind, content: content)) } catch { throw .invalid(at: start, "a value is malformed") }
    }
}
