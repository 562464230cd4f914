import Core

/// Documents as YAML 1.2 in block style, as `apply` reads them again.
package enum YAMLWriter {
    /// Lines with a line feed each.
    package static func text(_ document: Document) -> String {
        var out = ""
        write(document, indent: 0, into: &out)
        return out
    }

    /// Writes a value that stands on lines of its own.
    private static func write(_ document: Document, indent: Int, into out: inout String) {
        let margin = String(repeating: "  ", count: indent)
        switch document {
        case let .object(members) where !members.isEmpty:
            for member in members {
                out += margin + scalar(.string(member.name)) + ":"
                writeAfter(member.value, indent: indent, into: &out)
            }
        case let .array(values) where !values.isEmpty:
            for value in values {
                out += margin + "-"
                guard case let .object(members) = value, let first = members.first else {
                    writeAfter(value, indent: indent, into: &out)
                    continue
                }
                // The first member stands beside the dash.
                out += " " + scalar(.string(first.name)) + ":"
                writeAfter(first.value, indent: indent + 1, into: &out)
                if members.count > 1 { write(.object(Array(members.dropFirst())), indent: indent + 1, into: &out) }
            }
        default: out += margin + scalar(document) + "\n"
        }
    }

    /// Writes a value after `name:` or `-`: beside it, or on the lines below.
    private static func writeAfter(_ value: Document, indent: Int, into out: inout String) {
        switch value {
        case let .object(members) where !members.isEmpty: break
        case let .array(values) where !values.isEmpty: break
        default:
            out += " " + scalar(value) + "\n"
            return
        }
        out += "\n"
        write(value, indent: indent + 1, into: &out)
    }

    private static func scalar(_ value: Document) -> String {
        switch value {
        case .null: return "null"
        case let .bool(value): return value ? "true" : "false"
        case let .int(number): return String(number)
        case let .double(number):
            return number.isFinite ? "\(number)" : number.isNaN ? ".nan" : number < 0 ? "-.inf" : ".inf"
        case let .string(text): return isPlain(text) ? text : quoted(text)
        case .array: return "[]"
        case .object: return "{}"
        }
    }

    private static let reserved: Set<String> = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]

    /// Whether the text without quotation marks is read as itself: letters of any script first, then also digits and harmless
    /// punctuation, no word that means something else.
    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, first.properties.isAlphabetic, text.utf8.last != UInt8(ascii: " "),
            !reserved.contains(text.lowercased())
        else { return false }
        return text.unicodeScalars.allSatisfy { scalar in
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", " ", "-", "_", ".", "/": true
            default: scalar.value >= 0x80 && (scalar.properties.isAlphabetic || scalar.properties.generalCategory == .nonspacingMark)
            }
        }
    }

    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            default:
                if HumanText.isHidden(scalar) {
                    let value = scalar.value
                    out += "\\U" + Hex.encode((0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) })
                } else {
                    out.unicodeScalars.append(scalar)
                }
            }
        }
        return out + "\""
    }
}
