import Core

/// Documents as JSON (RFC 8259). Characters that a terminal would act on are written as `\u` escapes, which mean the same.
package enum JSONWriter {
    /// In one line.
    package static func compact(_ document: Document) -> String {
        var out = ""
        write(document, into: &out)
        return out
    }

    /// With a line for each member and element, two spaces deeper with each level; no line feed at the end.
    package static func indented(_ document: Document) -> String {
        var out = ""
        write(document, into: &out, indent: 0)
        return out
    }

    private static func write(_ document: Document, into out: inout String, indent: Int? = nil) {
        func line(_ depth: Int) {
            guard let indent else { return }
            out += "\n" + String(repeating: "  ", count: indent + depth)
        }
        let deeper = indent.map { $0 + 1 }
        switch document {
        case .null: out += "null"
        case let .bool(value): out += value ? "true" : "false"
        case let .int(value): out += String(value)
        // JSON has no infinity and no NaN.
        case let .double(value): out += value.isFinite ? "\(value)" : "null"
        case let .string(text): quote(text, into: &out)
        case let .array(values):
            out += "["
            for (place, value) in values.enumerated() {
                if place > 0 { out += "," }
                line(1)
                write(value, into: &out, indent: deeper)
            }
            if !values.isEmpty { line(0) }
            out += "]"
        case let .object(members):
            out += "{"
            for (place, member) in members.enumerated() {
                if place > 0 { out += "," }
                line(1)
                quote(member.name, into: &out)
                out += indent == nil ? ":" : ": "
                write(member.value, into: &out, indent: deeper)
            }
            if !members.isEmpty { line(0) }
            out += "}"
        }
    }

    private static func quote(_ text: String, into out: inout String) {
        out += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            default:
                if HumanText.isHidden(scalar) {
                    for unit in Character(scalar).utf16 { out += "\\u" + Hex.encode([UInt8(unit >> 8), UInt8(unit & 0xFF)]) }
                } else {
                    out.unicodeScalars.append(scalar)
                }
            }
        }
        out += "\""
    }
}
