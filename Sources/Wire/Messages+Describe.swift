import Core
import Records

/// Asks for the datasets that the principal sees something of: `preamble | code string16 | after u32`.
package struct Describe: Message {
    /// Its dataset, if not 0, is the one asked for.
    package var preamble: RequestPreamble
    /// The dataset asked for, if not empty and the preamble names none. Neither: all of them.
    package var code: String
    /// Of all of them, those with a larger number.
    package var after: DatasetID

    package init(preamble: RequestPreamble, code: String = "", after: DatasetID = DatasetID(0)) {
        self.preamble = preamble
        self.code = code
        self.after = after
    }

    package var opcode: Opcode { .describe }

    package func encode(into out: inout ByteWriter) {
        preamble.encode(into: &out)
        out.write16(code)
        out.write(after.rawValue)
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        preamble = try RequestPreamble(from: &reader)
        code = try reader.readString16(max: Limits.nameBytes)
        after = DatasetID(try reader.readUInt32())
    }
}

/// Who may see a dataset without an agreement.
public enum SharingClass: UInt8, Sendable, CaseIterable {
    case open = 1
    case sharedByDefault = 2
    case sharedOnRequest = 3
}

/// What the principal may do with a dataset, for some records at the least.
public struct DatasetActions: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let get = DatasetActions(rawValue: 1)
    public static let scan = DatasetActions(rawValue: 2)
    public static let count = DatasetActions(rawValue: 4)
    public static let watch = DatasetActions(rawValue: 8)
    public static let export = DatasetActions(rawValue: 16)
    public static let write = DatasetActions(rawValue: 32)
}

/// A dataset as the principal sees it: fields that it never sees are not there.
///
///     id u32 | code string16 | name string16 | owner string16 | key name string16 | class u8 | actions u8 | schema version u32 |
///     count u16, field …
public struct DatasetDescription: Equatable, Sendable {
    public var id: DatasetID
    public var code: String
    public var name: String
    /// The owning agency's code.
    public var owner: String
    /// What the record's key is called.
    public var keyName: String
    public var sharing: SharingClass
    public var actions: DatasetActions
    /// The visible schema, ascending by field number.
    public var schema: Schema

    public init(
        id: DatasetID, code: String, name: String, owner: String, keyName: String, sharing: SharingClass, actions: DatasetActions,
        schema: Schema
    ) {
        self.id = id
        self.code = code
        self.name = name
        self.owner = owner
        self.keyName = keyName
        self.sharing = sharing
        self.actions = actions
        self.schema = schema
    }

    package func encode(into out: inout ByteWriter) {
        out.write(id.rawValue)
        for text in [code, name, owner, keyName] { out.write16(text) }
        out.write(sharing.rawValue)
        out.write(actions.rawValue)
        out.write(schema.version)
        out.write(UInt16(schema.fields.count))
        for field in schema.fields { field.encode(into: &out) }
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        id = DatasetID(try reader.readUInt32())
        code = try reader.readString16()
        name = try reader.readString16()
        owner = try reader.readString16()
        keyName = try reader.readString16()
        guard let sharing = SharingClass(rawValue: try reader.readUInt8()) else { throw .invalid(at: reader.position - 1, "unknown class") }
        self.sharing = sharing
        actions = DatasetActions(rawValue: try reader.readUInt8())
        let version = try reader.readUInt32()
        var fields: [FieldDefinition] = []
        for _ in 0..<(try reader.readCount16(minimumSize: 17)) { fields.append(try FieldDefinition(from: &reader)) }
        schema = Schema(version: version, fields: fields)
    }
}

extension FieldDefinition {
    // Layout: id u16 | name string16 | title string16 | kind u8 | scale u8 | required u8 | sensitivity u8 | code list u32 (0 none) |
    // bytes u32 (0 no limit of its own).

    func encode(into out: inout ByteWriter) {
        out.write(id.rawValue)
        out.write16(name)
        out.write16(title)
        out.write(kind.rawValue)
        out.write(scale)
        out.write(required)
        out.write(sensitivity.rawValue)
        out.write(codeList?.rawValue ?? 0)
        out.write(UInt32(clamping: maxBytes ?? 0))
    }

    init(from reader: inout ByteReader) throws(DecodingError) {
        let id = FieldID(try reader.readUInt16())
        guard id.rawValue <= Limits.fieldID else { throw .invalid(at: reader.position - 2, "impossible field number") }
        let name = try reader.readString16()
        let title = try reader.readString16()
        guard let kind = ValueKind(rawValue: try reader.readUInt8()) else {
            throw .invalid(at: reader.position - 1, "unknown kind of value")
        }
        let scale = try reader.readUInt8()
        let required = try reader.readBool()
        guard let sensitivity = Sensitivity(rawValue: try reader.readUInt8()) else {
            throw .invalid(at: reader.position - 1, "unknown sensitivity")
        }
        let list = try reader.readUInt32()
        let bytes = try reader.readUInt32()
        self.init(
            id: id, name: name, title: title, kind: kind, scale: scale, required: required, sensitivity: sensitivity,
            codeList: list == 0 ? nil : DatasetID(list), maxBytes: bytes == 0 ? nil : Int(bytes))
    }
}

/// The answer to DESCRIBE: `info | count u16, dataset … | more u8`, ascending by number. None for a dataset that there is not or that
/// the principal sees nothing of.
package struct Description: Message {
    package var info: ReplyInfo
    package var datasets: [DatasetDescription]
    /// The list goes on: ask again with the last number as `after`.
    package var more: Bool

    package init(info: ReplyInfo, datasets: [DatasetDescription], more: Bool = false) {
        self.info = info
        self.datasets = datasets
        self.more = more
    }

    package var opcode: Opcode { .description }

    package func encode(into out: inout ByteWriter) {
        info.encode(into: &out)
        out.write(UInt16(datasets.count))
        for dataset in datasets { dataset.encode(into: &out) }
        out.write(more)
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        info = try ReplyInfo(from: &reader)
        datasets = []
        for _ in 0..<(try reader.readCount16(minimumSize: 20)) { datasets.append(try DatasetDescription(from: &reader)) }
        more = try reader.readBool()
    }
}
