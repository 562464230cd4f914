import Core

/// A line of a history: a JSON object whose members are texts, whole numbers from 0 up, and true. No more of JSON is read or written.
struct FlatObject: Equatable {
    enum Value: Equatable {
        case number(UInt64)
        case text(String)
        case yes
    }

    private(set) var members: [(name: String, value: Value)] = []

    init() {}

    static func == (a: FlatObject, b: FlatObject) -> Bool { a.members.elementsEqual(b.members) { $0.name == $1.name && $0.value == $1.value } }

    mutating func add(_ name: String, _ value: UInt64) { members.append((name, .number(value))) }
    mutating func add(_ name: String, _ value: String) { members.append((name, .text(value))) }
    mutating func add(_ name: String) { members.append((name, .yes)) }

    // MARK: Writing

    /// The object's bytes without a line feed.
    func encoded() -> [UInt8] {
        var out = Array("{".utf8)
        for (place, member) in members.enumerated() {
            if place > 0 { out.append(UInt8(ascii: ",")) }
            Self.write(member.name, into: &out)
            out.append(UInt8(ascii: ":"))
            switch member.value {
            case let .number(number): out += Array(String(number).utf8)
            case let .text(text): Self.write(text, into: &out)
            case .yes: out += Array("true".utf8)
            }
        }
        out.append(UInt8(ascii: "}"))
        return out
    }

    private static func write(_ text: String, into out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): out += [UInt8(ascii: "\\"), byte]
            case ..<0x20: out += Array("\\u00".utf8) + Array(Hex.encode([byte]).utf8)
            default: out.append(byte)
            }
        }
        out.append(UInt8(ascii: "\""))
    }

    // MARK: Reading

    struct Malformed: Error {
        let what: String
    }

    /// Throws if the bytes are no such object, or a member stands twice.
    init(decoding bytes: ArraySlice<UInt8>) throws(Malformed) {
        var reader = Reader(rest: bytes)
        try reader.expect(UInt8(ascii: "{"))
        while true {
            let name = try reader.text()
            guard !members.contains(where: { $0.name == name }) else { throw Malformed(what: "the member \(name) stands twice") }
            try reader.expect(UInt8(ascii: ":"))
            members.append((name, try reader.value()))
            if reader.takes(UInt8(ascii: "}")) { break }
            try reader.expect(UInt8(ascii: ","))
        }
        reader.skipSpace()
        guard reader.rest.isEmpty else { throw Malformed(what: "something follows the object") }
    }

    private struct Reader {
        var rest: ArraySlice<UInt8>

        mutating func skipSpace() { rest = rest.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D } }

        mutating func takes(_ byte: UInt8) -> Bool {
            skipSpace()
            guard rest.first == byte else { return false }
            rest.removeFirst()
            return true
        }

        mutating func expect(_ byte: UInt8) throws(Malformed) {
            guard takes(byte) else { throw Malformed(what: "expected \(Character(Unicode.Scalar(byte)))") }
        }

        mutating func value() throws(Malformed) -> Value {
            skipSpace()
            if rest.first == UInt8(ascii: "\"") { return .text(try text()) }
            if rest.starts(with: "true".utf8) {
                rest.removeFirst(4)
                return .yes
            }
            let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            guard !digits.isEmpty, digits.count == 1 || digits.first != UInt8(ascii: "0"), let number = UInt64(String(decoding: digits, as: UTF8.self))
            else { throw Malformed(what: "expected a text, true, or a whole number from 0 to \(UInt64.max)") }
            rest.removeFirst(digits.count)
            return .number(number)
        }

        mutating func text() throws(Malformed) -> String {
            try expect(UInt8(ascii: "\""))
            var out: [UInt8] = []
            while let byte = rest.popFirst() {
                switch byte {
                case UInt8(ascii: "\""):
                    guard let text = String(validating: out, as: UTF8.self) else { throw Malformed(what: "a text is not UTF-8") }
                    return text
                case UInt8(ascii: "\\"): out.append(try escaped())
                case ..<0x20: throw Malformed(what: "a control character in a text")
                default: out.append(byte)
                }
            }
            throw Malformed(what: "a text has no end")
        }

        private mutating func escaped() throws(Malformed) -> UInt8 {
            switch rest.popFirst() {
            case UInt8(ascii: "\"")?: return UInt8(ascii: "\"")
            case UInt8(ascii: "\\")?: return UInt8(ascii: "\\")
            case UInt8(ascii: "u")?:
                guard rest.count >= 4, let bytes = Hex.decode(String(decoding: rest.prefix(4), as: UTF8.self)), bytes[0] == 0, bytes[1] < 0x20 else { break }
                rest.removeFirst(4)
                return bytes[1]
            default: break
            }
            throw Malformed(what: "an escape that no history has")
        }
    }
}
