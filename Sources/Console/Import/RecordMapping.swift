import Catalogue
import Core
import Records

/// A record made from a line of a file.
package struct MappedRecord: Sendable, Equatable {
    package var line: Int
    package var key: [UInt8]
    /// Ascending in the order of the file's columns; a field that the file does not name is not among them.
    package var values: [(FieldID, Value)]

    package static func == (a: MappedRecord, b: MappedRecord) -> Bool {
        a.line == b.line && a.key == b.key && a.values.elementsEqual(b.values) { $0.0 == $1.0 && $0.1 == $1.1 }
    }
}

/// Why a line is not taken. It names no value: a file of rejects may be handed on.
package struct Reject: Sendable, Equatable {
    package var line: Int
    /// The column's or member's name; nil where it concerns the record as a whole.
    package var column: String?
    package var rule: Rule
    package var message: String

    package init(line: Int, column: String? = nil, rule: Rule, message: String) {
        self.line = line
        self.column = column
        self.rule = rule
        self.message = message
    }

    /// The rules of a schema, and those of the file.
    package enum Rule: Sendable, Equatable, CustomStringConvertible {
        case schema(SchemaRule)
        case missingKey, keyTooLong, keyNotNFC, duplicateKey
        /// The line has another number of cells than the header.
        case cells
        case notUTF8
        /// The line is not JSON, or no object.
        case notJSON
        /// What an export writes for a value that its reader may not see.
        case withheld
        /// The file cannot be read from here on: what is behind the line is neither taken nor refused.
        case unreadable
        /// A node refused the record.
        case refused

        package var description: String {
            switch self {
            case let .schema(rule): "\(rule)"
            case .missingKey: "missingKey"
            case .keyTooLong: "keyTooLong"
            case .keyNotNFC: "keyNotNFC"
            case .duplicateKey: "duplicateKey"
            case .cells: "cells"
            case .notUTF8: "notUTF8"
            case .notJSON: "notJSON"
            case .withheld: "withheld"
            case .unreadable: "unreadable"
            case .refused: "refused"
            }
        }
    }
}

/// Makes records of a dataset from what a file says, by the names of its columns or members. Remembers the keys to find one that
/// comes twice: about 100 bytes a key.
package struct RecordMapping: Sendable {
    package enum Outcome: Sendable, Equatable {
        case record(MappedRecord)
        /// One for each thing that is wrong, at least one.
        case rejected([Reject])
    }

    package let schema: Schema
    /// What the key's column is called.
    package let keyName: String
    /// Whether text that is not in Unicode normalisation form C is put into it instead of refused.
    package let normalises: Bool
    private var lines: [[UInt8]: Int] = [:]

    package init(schema: Schema, keyName: String, normalises: Bool = false) {
        self.schema = schema
        self.keyName = keyName
        self.normalises = normalises
    }

    /// The names that a file may use.
    package var names: [String] { [keyName] + schema.fields.map(\.name) }

    // MARK: One record

    /// A record under way: what was found, and what is wrong with it.
    struct Draft {
        let line: Int
        var key: [UInt8]?
        var values: [(FieldID, Value)] = []
        var rejects: [Reject] = []

        init(line: Int) { self.line = line }

        mutating func reject(_ column: String?, _ rule: Reject.Rule, _ message: String) {
            rejects.append(Reject(line: line, column: column, rule: rule, message: message))
        }
    }

    func normalised(_ text: String) -> String { normalises && !TextRules.isNFC(text) ? TextRules.normalised(text) : text }

    func takeKey(_ text: String?, into draft: inout Draft) {
        guard let text, !text.isEmpty else {
            draft.reject(keyName, .missingKey, "the record has no key")
            return
        }
        let key = Array(normalised(text).utf8)
        guard key.count <= Limits.recordKeyBytes else {
            draft.reject(keyName, .keyTooLong, "the key has more than \(Limits.recordKeyBytes) bytes")
            return
        }
        guard TextRules.isNFC(key) else {
            draft.reject(keyName, .keyNotNFC, SchemaRule.notNFC.text)
            return
        }
        draft.key = key
    }

    /// nil is null.
    func take(_ text: String?, for field: FieldDefinition, into draft: inout Draft) {
        guard let text else {
            take(Value.null, for: field, into: &draft)
            return
        }
        do throws(ValueTextError) {
            take(try Value(text: normalised(text), kind: field.kind, scale: field.scale), for: field, into: &draft)
        } catch {
            let notNFC = (field.kind == .string || field.kind == .list) && error.message == SchemaRule.notNFC.text
            draft.reject(field.name, .schema(notNFC ? .notNFC : .wrongKind), error.message)
        }
    }

    func take(_ value: Value, for field: FieldDefinition, into draft: inout Draft) {
        do throws(SchemaViolation) {
            try schema.check([(field.id, value)], complete: false)
            draft.values.append((field.id, value))
        } catch {
            draft.reject(field.name, .schema(error.rule), error.rule.text)
        }
    }

    /// Checks what concerns the record as a whole.
    mutating func finish(_ draft: consuming Draft) -> Outcome {
        for field in schema.fields where field.required && !draft.values.contains(where: { $0.0 == field.id }) {
            guard !draft.rejects.contains(where: { $0.column == field.name }) else { continue }
            draft.reject(field.name, .schema(.required), SchemaRule.required.text)
        }
        if let key = draft.key, let first = lines[key] {
            draft.reject(keyName, .duplicateKey, "line \(first) has the same key, and the first line with a key counts")
        }
        // A line that is not taken does not keep a later one with its key from being taken.
        guard draft.rejects.isEmpty, let key = draft.key else { return .rejected(draft.rejects) }
        lines[key] = draft.line
        return .record(MappedRecord(line: draft.line, key: key, values: draft.values))
    }
}
