import Core
import Yams

/// Reads YAML through libyaml: one or several documents a file. Aliases are followed, and what they repeat is counted against
/// `InputLimits.values`. A byte order mark at the beginning of a text is lost.
package enum YAMLReader {
    /// A document and the line it begins in.
    package struct Part: Sendable, Equatable {
        package let line: Int
        package let document: Document
    }

    /// The file's documents. A list stands for its elements.
    package static func documents(_ bytes: [UInt8], file: String) throws(InputError) -> [Part] {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw InputError(file: file, "the text is not UTF-8") }
        var nodes: [Node] = []
        do {
            let parser = try Parser(yaml: text)
            while let node = try parser.nextRoot() { nodes.append(node) }
        } catch {
            throw inputError(error, file: file)
        }
        var conversion = Conversion(file: file)
        var parts: [Part] = []
        for node in nodes.flatMap({ $0.sequence.map(Array.init) ?? [$0] }) {
            parts.append(Part(line: node.mark?.line ?? 1, document: try conversion.document(node, depth: Document.depth)))
        }
        return parts
    }

    private static func inputError(_ error: any Error, file: String) -> InputError {
        switch error as? YamlError {
        case let .scanner(context, problem, mark, _)?, let .parser(context, problem, mark, _)?, let .composer(context, problem, mark, _)?:
            let before = context.map { " \($0.text)" } ?? ""
            return InputError(file: file, line: mark.line, column: mark.column, problem + before)
        case let .reader(problem, _, _, _)?: return InputError(file: file, problem)
        case let .duplicatedKeysInMapping(_, context)?:
            return InputError(file: file, line: context.mark.line, column: context.mark.column, "the object has a member twice")
        default: return InputError(file: file, "the text is not YAML")
        }
    }

    private struct Conversion {
        let file: String
        var values = 0

        func error(_ node: Node, _ message: String) -> InputError {
            InputError(file: file, line: node.mark?.line ?? 0, column: node.mark?.column ?? 0, message)
        }

        mutating func document(_ node: Node, depth: Int) throws(InputError) -> Document {
            values += 1
            guard values <= InputLimits.values else { throw error(node, "the file holds more than \(InputLimits.values) values") }
            guard depth > 0 else { throw error(node, "nested too deeply") }
            switch node {
            case let .scalar(scalar): return try value(scalar, node)
            case let .sequence(nodes):
                var documents: [Document] = []
                for node in nodes { documents.append(try document(node, depth: depth - 1)) }
                return .array(documents)
            case let .mapping(pairs):
                var members: [Document.Member] = []
                for (key, value) in pairs {
                    guard case let .scalar(name) = key else { throw error(key, "a member's name must be a text") }
                    members.append(.init(name.string, try document(value, depth: depth - 1)))
                }
                return .object(members)
            case .alias: throw error(node, "the alias names nothing above it")
            }
        }

        /// A scalar in quotation marks is a text. A plain one is what YAML 1.2 makes of it; dates stay texts, and so do the words
        /// `yes`, `no`, `on`, `off`, and digits with a leading zero, which are codes.
        private func value(_ scalar: Node.Scalar, _ node: Node) throws(InputError) -> Document {
            guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
            switch scalar.string {
            case "", "~", "null", "Null", "NULL": return .null
            case "true", "True", "TRUE": return .bool(true)
            case "false", "False", "FALSE": return .bool(false)
            default: break
            }
            let text = scalar.string
            let digits = text.utf8.drop { $0 == UInt8(ascii: "-") }
            guard let first = digits.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first), text.utf8.count - digits.count <= 1,
                digits.count == 1 || first != UInt8(ascii: "0") || digits.dropFirst().first == UInt8(ascii: "."),
                text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || "+-.eE".utf8.contains($0) })
            else { return .string(text) }
            if let number = Int64(text) { return .int(number) }
            if digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
                throw error(node, "the number needs more than 64 bits; write it in quotation marks")
            }
            if let number = Double(text), number.isFinite, text.utf8.last != UInt8(ascii: ".") { return .double(number) }
            return .string(text)
        }
    }
}
