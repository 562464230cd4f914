import Core

/// What is wrong in a configuration file, and where. Written `file:line: message`.
package struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    package let file: String
    /// Counted from 1; 0 where it concerns the file as a whole.
    package let line: Int
    package let message: String

    package init(file: String, line: Int, message: String) {
        self.file = file
        self.line = line
        self.message = message
    }

    package var description: String { line > 0 ? "\(file):\(line): \(message)" : "\(file): \(message)" }
}

/// A file in the part of TOML 1.0 that Kho's configurations use: comments, `[table]` headers, dotted and quoted keys, basic
/// and literal strings of one line, whole numbers, booleans, arrays over several lines. No inline tables, arrays of
/// tables, floats or dates: they are errors that say so.
package struct TOMLFile: Equatable, Sendable {
    package indirect enum Value: Equatable, Sendable {
        case string(String)
        case integer(Int64)
        case boolean(Bool)
        case array([Value])

        /// For messages: "a string".
        package var kind: String {
            switch self {
            case .string: "a string"
            case .integer: "a whole number"
            case .boolean: "true or false"
            case .array: "an array"
            }
        }
    }

    package struct Entry: Equatable, Sendable {
        /// The key with its tables, joined by dots: `listen.peer`.
        package let key: String
        package let value: Value
        package let line: Int
    }

    /// The name for messages.
    package let name: String
    /// In the order of the file. No key is there twice.
    package let entries: [Entry]
    /// The headers of tables, those included that nothing stands under, in the order of the file. None is there twice.
    package let tables: [Table]

    package struct Table: Equatable, Sendable {
        /// The parts joined by dots.
        package let name: String
        package let line: Int
    }

    package subscript(key: String) -> Entry? { entries.first { $0.key == key } }

    /// Parses the text of a file of this name.
    package init(parsing text: String, name: String) throws(ConfigurationError) {
        var parser = TOMLParser(text: text, file: name)
        self.name = name
        (entries, tables) = try parser.parse()
    }
}

/// Takes a file apart, byte by byte. Recursion only in arrays, whose depth is bounded.
private struct TOMLParser {
    private let bytes: [UInt8]
    private let file: String
    private var position = 0
    private var line = 1
    private static let arrayDepth = 4

    init(text: String, file: String) {
        bytes = Array(text.utf8)
        self.file = file
    }

    mutating func parse() throws(ConfigurationError) -> ([TOMLFile.Entry], [TOMLFile.Table]) {
        var entries: [TOMLFile.Entry] = []
        var lines: [String: Int] = [:]
        var headers: [TOMLFile.Table] = []
        var table: [String] = []
        while true {
            skipBlanksAndLines()
            guard let byte = current else { return (entries, headers) }
            let start = line
            if byte == UInt8(ascii: "[") {
                position += 1
                guard current != UInt8(ascii: "[") else { throw error("arrays of tables are not used here") }
                table = try key()
                guard current == UInt8(ascii: "]") else { throw error("expected ] after the table's name") }
                position += 1
                let name = table.joined(separator: ".")
                if let first = headers.first(where: { $0.name == name }) {
                    throw error("table [\(name)] was begun in line \(first.line) already", at: start)
                }
                headers.append(TOMLFile.Table(name: name, line: start))
            } else {
                let name = (table + (try key())).joined(separator: ".")
                guard current == UInt8(ascii: "=") else { throw error("expected = after the key \(name)") }
                position += 1
                skipBlanks()
                let value = try value(depth: 0)
                if let first = lines[name] { throw error("\(name) was given in line \(first) already", at: start) }
                lines[name] = start
                entries.append(TOMLFile.Entry(key: name, value: value, line: start))
            }
            try endOfLine()
        }
    }

    // MARK: Parts

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private func error(_ message: String, at line: Int? = nil) -> ConfigurationError {
        ConfigurationError(file: file, line: line ?? self.line, message: message)
    }

    private mutating func skipBlanks() {
        while let byte = current, byte == 0x20 || byte == 0x09 { position += 1 }
    }

    private mutating func skipComment() {
        guard current == UInt8(ascii: "#") else { return }
        while let byte = current, byte != 0x0A { position += 1 }
    }

    private mutating func skipBlanksAndLines() {
        while true {
            skipBlanks()
            skipComment()
            switch current {
            case 0x0A?:
                line += 1
                position += 1
            case 0x0D?: position += 1
            default: return
            }
        }
    }

    private mutating func endOfLine() throws(ConfigurationError) {
        skipBlanks()
        skipComment()
        if current == 0x0D { position += 1 }
        guard current == nil || current == 0x0A else { throw error("expected the end of the line") }
    }

    /// One or several parts joined by dots, with blanks after it taken.
    private mutating func key() throws(ConfigurationError) -> [String] {
        var parts: [String] = []
        while true {
            skipBlanks()
            if current == UInt8(ascii: "\"") || current == UInt8(ascii: "'") {
                parts.append(try string())
            } else {
                let start = position
                while let byte = current, Self.isBare(byte) { position += 1 }
                guard position > start else { throw error("expected a key, as name = value, or a table, as [name]") }
                parts.append(String(decoding: bytes[start..<position], as: UTF8.self))
            }
            skipBlanks()
            guard current == UInt8(ascii: ".") else { return parts }
            position += 1
        }
    }

    private static func isBare(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private mutating func value(depth: Int) throws(ConfigurationError) -> TOMLFile.Value {
        switch current {
        case UInt8(ascii: "\"")?, UInt8(ascii: "'")?: return .string(try string())
        case UInt8(ascii: "[")?: return .array(try array(depth: depth))
        case UInt8(ascii: "{")?: throw error("inline tables are not used here; write a [table]")
        default: break
        }
        let start = position
        while let byte = current, byte == UInt8(ascii: "+") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":") || Self.isBare(byte) {
            position += 1
        }
        let word = String(decoding: bytes[start..<position], as: UTF8.self)
        switch word {
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        case "": throw error("expected a value")
        default: break
        }
        let digits = word.replacing("_", with: "")
        if let number = Int64(digits), !word.hasPrefix("_"), !word.hasSuffix("_") { return .integer(number) }
        throw error("\(word) is no value: a text stands in \"quotation marks\", a number has digits only")
    }

    private mutating func array(depth: Int) throws(ConfigurationError) -> [TOMLFile.Value] {
        guard depth < Self.arrayDepth else { throw error("arrays are nested too deeply") }
        let start = line
        position += 1
        var values: [TOMLFile.Value] = []
        while true {
            skipBlanksAndLines()
            if current == UInt8(ascii: "]") { break }
            guard current != nil else { throw error("the array has no end", at: start) }
            values.append(try value(depth: depth + 1))
            skipBlanksAndLines()
            guard current != nil else { throw error("the array has no end", at: start) }
            if current == UInt8(ascii: ",") {
                position += 1
            } else if current != UInt8(ascii: "]") {
                throw error("expected , or ] in the array")
            }
        }
        position += 1
        return values
    }

    private mutating func string() throws(ConfigurationError) -> String {
        let quote = bytes[position]
        position += 1
        if current == quote, position + 1 < bytes.count, bytes[position + 1] == quote { throw error("strings of several lines are not used here") }
        var out: [UInt8] = []
        while let byte = current, byte != 0x0A {
            position += 1
            if byte == quote { return String(decoding: out, as: UTF8.self) }
            if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                try escape(into: &out)
            } else if byte < 0x20, byte != 0x09 {
                throw error("a control character in a string")
            } else {
                out.append(byte)
            }
        }
        throw error("the string has no end")
    }

    private mutating func escape(into out: inout [UInt8]) throws(ConfigurationError) {
        guard let byte = current else { throw error("the string has no end") }
        position += 1
        switch byte {
        case UInt8(ascii: "n"): out.append(0x0A)
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "r"): out.append(0x0D)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): out.append(byte)
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            let count = byte == UInt8(ascii: "u") ? 4 : 8
            guard position + count <= bytes.count,
                let number = UInt32(String(decoding: bytes[position..<position + count], as: UTF8.self), radix: 16),
                let scalar = Unicode.Scalar(number)
            else { throw error("expected \(count) hexadecimal digits of a character") }
            position += count
            out += Array(String(Character(scalar)).utf8)
        default: throw error("unknown escape \\\(Character(Unicode.Scalar(byte)))")
        }
    }
}
