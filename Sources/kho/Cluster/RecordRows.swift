import Console
import KhoClient

/// Records as documents and as rows of a table: `{key, fields: {name: value}, modifiedAt?, modifiedTime?}`.
struct RecordRows: Sendable {
    let dataset: DatasetDescription
    /// The fields shown, in the order of the columns.
    let fields: [FieldDefinition]

    func document(of record: Record) -> Document {
        var members: [Document.Member] = [
            .init("key", .string(Self.text(of: record.key))),
            // A field that the record never had is null.
            .init("fields", .object(fields.map { .init($0.name, Self.document(of: record[$0.id] ?? .null)) })),
        ]
        if let index = record.modifiedAt { members.append(.init("modifiedAt", .int(Int64(clamping: index.rawValue)))) }
        if let time = record.modifiedTime { members.append(.init("modifiedTime", .string(TimestampText.write(time.milliseconds)))) }
        return .object(members)
    }

    var columns: [Table.Column] {
        [Table.Column(dataset.keyName, "key")] + fields.map { Table.Column($0.name, "fields.\($0.name)", alignment: Self.alignment($0.kind)) }
    }

    private static func alignment(_ kind: ValueKind) -> Table.Alignment {
        switch kind {
        case .int64, .double, .decimal: .right
        default: .left
        }
    }

    /// Null is null; what may not be seen in this record is `{"withheld": true}`. A decimal is its text, so that no digit is lost.
    static func document(of value: Value) -> Document {
        switch value {
        case .null: .null
        case .withheld: .withheld
        case .masked: .masked
        case let .bool(bool): .bool(bool)
        case let .int64(number): .int(number)
        case let .double(number): .double(number)
        case let .list(texts): .array(texts.map { .string($0) })
        case .string, .decimal, .date, .timestamp, .bytes: .string(value.text ?? "")
        }
    }

    /// Withheld values stand back in a table.
    static let emphasis: @Sendable (String, Document) -> Emphasis? = { _, value in value == .withheld || value == .masked ? .dim : nil }

    /// A key as text; hexadecimal digits behind `0x` where it is not UTF-8.
    static func text(of key: [UInt8]) -> String { String(validating: key, as: UTF8.self) ?? "0x" + Hex.encode(key) }
}
