/// A tree of plain values: what administrators write in files, send to nodes and get back. The members of an object
/// keep the order in which they were written.
public indirect enum Document: Equatable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case array([Document])
    case object([Member])

    public struct Member: Equatable, Sendable {
        public var name: String
        public var value: Document

        public init(_ name: String, _ value: Document) {
            self.name = name
            self.value = value
        }
    }

    /// Levels of arrays and objects that are read.
    public static let depth = 32

    /// An object's member of this name (compared as bytes), or nil.
    public subscript(name: String) -> Document? {
        guard case let .object(members) = self else { return nil }
        return members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value
    }

    public var string: String? { if case let .string(value) = self { value } else { nil } }
    public var int: Int64? { if case let .int(value) = self { value } else { nil } }
    public var bool: Bool? { if case let .bool(value) = self { value } else { nil } }
    public var array: [Document]? { if case let .array(value) = self { value } else { nil } }
    public var members: [Member]? { if case let .object(value) = self { value } else { nil } }

    // Binary layout, between nodes and `kho`: tag u8; then nothing (0 null, 1 false, 2 true), i64 (3), the bits of a
    // double (4), u32 and UTF-8 (5), u32 and elements (6), u32 and members, each a string16 and a value (7).

    package func encoded() -> [UInt8] {
        var out = ByteWriter()
        encode(into: &out)
        return out.bytes
    }

    package func encode(into out: inout ByteWriter) {
        switch self {
        case .null: out.write(UInt8(0))
        case let .bool(value): out.write(UInt8(value ? 2 : 1))
        case let .int(value):
            out.write(UInt8(3))
            out.write(value)
        case let .double(value):
            out.write(UInt8(4))
            out.write(value.bitPattern)
        case let .string(value):
            out.write(UInt8(5))
            out.write32(value)
        case let .array(values):
            out.write(UInt8(6))
            out.write(UInt32(values.count))
            for value in values { value.encode(into: &out) }
        case let .object(members):
            out.write(UInt8(7))
            out.write(UInt32(members.count))
            for member in members {
                out.write16(member.name)
                member.value.encode(into: &out)
            }
        }
    }

    package init(decoding bytes: [UInt8]) throws(DecodingError) {
        self = try bytes.reading { reader throws(DecodingError) in
            let value = try Document(from: &reader)
            try reader.expectEnd()
            return value
        }
    }

    package init(from reader: inout ByteReader, depth: Int = Document.depth) throws(DecodingError) {
        guard depth > 0 else { throw .invalid(at: reader.position, "nested too deeply") }
        let start = reader.position
        switch try reader.readUInt8() {
        case 0: self = .null
        case 1: self = .bool(false)
        case 2: self = .bool(true)
        case 3: self = .int(try reader.readInt64())
        case 4: self = .double(Double(bitPattern: try reader.readUInt64()))
        case 5: self = .string(try reader.readString32())
        case 6:
            var values: [Document] = []
            for _ in 0..<(try reader.readCount32(minimumSize: 1)) {
                values.append(try Document(from: &reader, depth: depth - 1))
            }
            self = .array(values)
        case 7:
            var members: [Member] = []
            for _ in 0..<(try reader.readCount32(minimumSize: 3)) {
                let name = try reader.readString16()
                members.append(Member(name, try Document(from: &reader, depth: depth - 1)))
            }
            self = .object(members)
        default: throw .invalid(at: start, "unknown kind of value")
        }
    }
}

extension Document: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .int(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: Document...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, Document)...) {
        self = .object(elements.map { Member($0.0, $0.1) })
    }
}
