import Core
import Foundation

@testable import Wire

/// A value of a JSON file. Tells truth values from numbers.
enum JSON: Decodable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .int(value)
        } else if let value = try? container.decode(Double.self) {
            self = .double(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSON].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSON].self))
        }
    }

    /// A member that must be there.
    subscript(name: String) -> JSON {
        get throws {
            guard let value = find(name) else { throw VectorError(what: "no \(name)") }
            return value
        }
    }

    func find(_ name: String) -> JSON? { if case let .object(members) = self { members[name] } else { nil } }

    var number: Int64 { get throws { if case let .int(value) = self { value } else { throw VectorError(what: "no number: \(self)") } } }
    var text: String { get throws { if case let .string(value) = self { value } else { throw VectorError(what: "no text: \(self)") } } }
    var truth: Bool { get throws { if case let .bool(value) = self { value } else { throw VectorError(what: "no truth value: \(self)") } } }
    var list: [JSON] { get throws { if case let .array(value) = self { value } else { throw VectorError(what: "no list: \(self)") } } }
    var hex: [UInt8] { get throws { try Hex.decode(try text) ?? { throw VectorError(what: "not hexadecimal: \(self)") }() } }
    var utf8: [UInt8] { get throws { Array(try text.utf8) } }

    /// The same as a document, members by their names.
    var document: Document {
        switch self {
        case .null: .null
        case let .bool(value): .bool(value)
        case let .int(value): .int(value)
        case let .double(value): .double(value)
        case let .string(value): .string(value)
        case let .array(values): .array(values.map(\.document))
        case let .object(members): .object(members.sorted { $0.key < $1.key }.map { Document.Member($0.key, $0.value.document) })
        }
    }
}

struct VectorError: Error { let what: String }

enum Vectors {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(
        "Vectors")

    static func codec(_ name: String) throws -> [JSON] {
        try JSONDecoder().decode([JSON].self, from: Data(contentsOf: folder.appendingPathComponent("codec/\(name).json")))
    }

    /// Names of the scripts.
    static var sessions: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent("session").path)) ?? []).filter {
            $0.hasSuffix(".txt")
        }.sorted()
    }

    static func session(_ name: String) throws -> [String] {
        try String(contentsOf: folder.appendingPathComponent("session/\(name)"), encoding: .utf8).split(separator: "\n").map(String.init)
            .filter { !$0.hasPrefix("#") }
    }
}

extension Opcode {
    /// As the specification writes it.
    var specName: String {
        switch self {
        case .multiGet: "MULTIGET"
        case .goAway: "GOAWAY"
        default:
            "\(self)".reduce(into: "") { text, character in
                if character.isUppercase { text += "_" }
                text += character.uppercased()
            }
        }
    }

    init?(specName: String) {
        guard let found = Opcode.allCases.first(where: { $0.specName == specName }) else { return nil }
        self = found
    }
}
