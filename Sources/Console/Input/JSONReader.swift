import Core

/// Reads JSON (RFC 8259), and nothing but JSON: no comments, no trailing commas, no member twice, no number that a whole number of 64 bits
/// or a double cannot take, at most `Document.depth` levels.
package struct JSONReader {
    /// Gives numbers that are not whole as the text that was written, so that a decimal keeps all its digits.
    package var keepsFractionsAsText = false
    private let bytes: [UInt8]
    private let file: String
    private let firstLine: Int
    private var position = 0

    /// `firstLine` is the line of the first byte in its file.
    package init(_ bytes: [UInt8], file: String, firstLine: Int = 1) {
        self.bytes = bytes
        self.file = file
        self.firstLine = firstLine
    }

    /// The one value that the text holds.
    package static func document(_ bytes: [UInt8], file: String) throws(InputError) -> Document {
        var reader = JSONReader(bytes, file: file)
        return try reader.whole()
    }

    /// The one value, with nothing but white space around it.
    package mutating func whole() throws(InputError) -> Document {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        skipSpace()
        let value = try value(depth: Document.depth)
        skipSpace()
        guard position == bytes.count else { throw error("expected the end of the text") }
        return value
    }

    /// Several values one after the other, each with the line it begins in. A list stands for its elements.
    package mutating func sequence() throws(InputError) -> [(line: Int, value: Document)] {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        var values: [(line: Int, value: Document)] = []
        while true {
            skipSpace()
            guard position < bytes.count else { return values }
            let start = position
            guard current == UInt8(ascii: "[") else {
                values.append((place(start).line, try value(depth: Document.depth)))
                continue
            }
            position += 1
            skipSpace()
            if current == UInt8(ascii: "]") {
                position += 1
                continue
            }
            repeat {
                skipSpace()
                let line = place(position).line
                values.append((line, try value(depth: Document.depth - 1)))
            } while try goesOn(UInt8(ascii: "]"), "the list", start)
        }
    }

    // MARK: Errors

    private func error(_ message: String, at place: Int? = nil) -> InputError {
        let (line, column) = self.place(place ?? position)
        return InputError(file: file, line: line, column: column, message)
    }

    /// Line and column are counted only when somebody asks.
    private func place(_ place: Int) -> (line: Int, column: Int) {
        let before = bytes[..<min(place, bytes.count)]
        let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        let line = before.reduce(firstLine) { $1 == 0x0A ? $0 + 1 : $0 }
        return (line, before[lineStart...].reduce(1) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 })
    }

    // MARK: Parts

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func value(depth: Int) throws(InputError) -> Document {
        switch current {
        case nil: throw error("the text ends where a value is expected")
        case UInt8(ascii: "{")?: return try object(depth: depth)
        case UInt8(ascii: "[")?: return try array(depth: depth)
        case UInt8(ascii: "\"")?: return .string(try string())
        case UInt8(ascii: "t")?: return try word("true", .bool(true))
        case UInt8(ascii: "f")?: return try word("false", .bool(false))
        case UInt8(ascii: "n")?: return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ word: String, _ value: Document) throws(InputError) -> Document {
        guard bytes[position...].starts(with: word.utf8) else { throw error("expected a value") }
        position += word.utf8.count
        return value
    }

    private mutating func object(depth: Int) throws(InputError) -> Document {
        guard depth > 1 else { throw error("nested too deeply") }
        let start = position
        position += 1
        var members: [Document.Member] = []
        var names: Set<[UInt8]> = []
        skipSpace()
        if current == UInt8(ascii: "}") {
            position += 1
            return .object([])
        }
        while true {
            skipSpace()
            guard current == UInt8(ascii: "\"") else {
                throw current == nil ? error("the object has no end", at: start) : error("expected a member's name in \"quotation marks\"")
            }
            let nameStart = position
            let name = try string()
            guard names.insert(Array(name.utf8)).inserted else { throw error("the object has this member already", at: nameStart) }
            skipSpace()
            guard current == UInt8(ascii: ":") else { throw error("expected : after the member's name") }
            position += 1
            skipSpace()
            members.append(.init(name, try value(depth: depth - 1)))
            guard try goesOn(UInt8(ascii: "}"), "the object", start) else { return .object(members) }
        }
    }

    private mutating func array(depth: Int) throws(InputError) -> Document {
        guard depth > 1 else { throw error("nested too deeply") }
        let start = position
        position += 1
        var values: [Document] = []
        skipSpace()
        if current == UInt8(ascii: "]") {
            position += 1
            return .array([])
        }
        while true {
            skipSpace()
            values.append(try value(depth: depth - 1))
            guard try goesOn(UInt8(ascii: "]"), "the array", start) else { return .array(values) }
        }
    }

    /// Takes a comma, or the end.
    private mutating func goesOn(_ end: UInt8, _ what: String, _ start: Int) throws(InputError) -> Bool {
        skipSpace()
        switch current {
        case UInt8(ascii: ",")?:
            position += 1
            return true
        case end?:
            position += 1
            return false
        case nil: throw error("\(what) has no end", at: start)
        default: throw error("expected , or \(Character(Unicode.Scalar(end)))")
        }
    }

    private mutating func string() throws(InputError) -> String {
        let start = position
        position += 1
        var out: [UInt8] = []
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                guard let text = String(validating: out, as: UTF8.self) else { throw error("the text is not UTF-8", at: start) }
                return text
            case UInt8(ascii: "\\"): try escape(into: &out)
            case ..<0x20: throw error("a control character in a text; write it as an escape")
            default:
                out.append(byte)
                position += 1
            }
        }
        throw error("the text has no closing quotation mark", at: start)
    }

    private mutating func escape(into out: inout [UInt8]) throws(InputError) {
        let start = position
        position += 1
        guard let byte = current else { return }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
        case UInt8(ascii: "b"): out.append(0x08)
        case UInt8(ascii: "f"): out.append(0x0C)
        case UInt8(ascii: "n"): out.append(0x0A)
        case UInt8(ascii: "r"): out.append(0x0D)
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexadecimal(start)
            if (0xD800..<0xDC00).contains(code) {
                guard bytes[position...].starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) else { throw error("half of a character", at: start) }
                position += 2
                let low = try hexadecimal(start)
                guard (0xDC00..<0xE000).contains(low) else { throw error("half of a character", at: start) }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw error("half of a character", at: start) }
            out += Array(String(Character(scalar)).utf8)
        default: throw error("unknown escape", at: start)
        }
    }

    private mutating func hexadecimal(_ start: Int) throws(InputError) -> UInt32 {
        guard position + 4 <= bytes.count, let high = Hex.decode(String(decoding: bytes[position..<position + 4], as: UTF8.self)) else {
            throw error("expected four hexadecimal digits", at: start)
        }
        position += 4
        return UInt32(high[0]) << 8 | UInt32(high[1])
    }

    private mutating func number() throws(InputError) -> Document {
        let start = position
        func digits(_ position: inout Int) -> Int {
            let first = position
            while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) { position += 1 }
            return position - first
        }
        if current == UInt8(ascii: "-") { position += 1 }
        let leading = current
        let whole = digits(&position)
        guard whole > 0, whole == 1 || leading != UInt8(ascii: "0") else { throw error("expected a value", at: start) }
        var isWhole = true
        if current == UInt8(ascii: ".") {
            isWhole = false
            position += 1
            guard digits(&position) > 0 else { throw error("expected digits after the decimal point") }
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            isWhole = false
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            guard digits(&position) > 0 else { throw error("expected digits of the exponent") }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole {
            guard let number = Int64(text) else { throw error("the number needs more than 64 bits; write it as a text", at: start) }
            return .int(number)
        }
        if keepsFractionsAsText { return .string(text) }
        guard let number = Double(text), number.isFinite else { throw error("the number is too large", at: start) }
        return .double(number)
    }
}
