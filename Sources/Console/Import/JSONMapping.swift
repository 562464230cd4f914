import Catalogue
import Core
import Records

extension RecordMapping {
    /// Makes a record from a line of JSON lines: an object with the key and the fields as members. A number for a text is taken
    /// as its digits, null is null, a list of texts is a list; everything else is written as in CSV.
    package mutating func map(_ line: JSONLinesReader.Line) -> Outcome {
        var draft = Draft(line: line.number)
        let document: Document
        switch line.value {
        case let .success(value): document = value
        case let .failure(error):
            draft.reject(nil, .notJSON, "column \(error.column): \(error.message)")
            return .rejected(draft.rejects)
        }
        guard let members = document.members else {
            draft.reject(nil, .notJSON, "expected an object with members")
            return .rejected(draft.rejects)
        }
        for member in members where !member.name.utf8.elementsEqual(keyName.utf8) {
            guard let field = schema.field(named: member.name) else {
                let hint = NearestName.hint(member.name, among: names)
                draft.reject(member.name, .schema(.unknownField), SchemaRule.unknownField.text + hint)
                continue
            }
            take(member.value, for: field, into: &draft)
        }
        switch document[keyName] {
        case let .string(text)?: takeKey(text, into: &draft)
        case let .int(number)?: takeKey(String(number), into: &draft)
        case nil, .null?: takeKey(nil, into: &draft)
        default: draft.reject(keyName, .schema(.wrongKind), "expected text")
        }
        return finish(draft)
    }

    func take(_ value: Document, for field: FieldDefinition, into draft: inout Draft) {
        switch (value, field.kind) {
        case (.null, _): take(Value.null, for: field, into: &draft)
        case let (.bool(bool), .bool): take(Value.bool(bool), for: field, into: &draft)
        case let (.array(elements), .list):
            var texts: [String] = []
            for element in elements {
                guard let text = element.string else {
                    draft.reject(field.name, .schema(.wrongKind), "expected a list of texts")
                    return
                }
                texts.append(normalised(text))
            }
            take(Value.list(texts), for: field, into: &draft)
        // In JSON a list is a list: its elements may hold the sign that separates them in CSV.
        case (.string, .list), (.bool, _), (.array, _), (.object, _), (.double, _):
            draft.reject(field.name, .schema(.wrongKind), "expected \(Self.written(field.kind))")
        case let (.int(number), .int64): take(Value.int64(number), for: field, into: &draft)
        case let (.int(number), .double), let (.int(number), .decimal), let (.int(number), .string):
            take(String(number), for: field, into: &draft)
        case (.int, _): draft.reject(field.name, .schema(.wrongKind), "expected \(Self.written(field.kind))")
        case let (.string(text), _): take(text, for: field, into: &draft)
        }
    }

    private static func written(_ kind: ValueKind) -> String {
        switch kind {
        case .bool: "true or false"
        case .int64: "a whole number"
        case .double, .decimal: "a number"
        case .date: "a text as YYYY-MM-DD"
        case .timestamp: "a text as YYYY-MM-DDThh:mm:ssZ"
        case .string: "text"
        case .bytes: "a text of hexadecimal digits"
        case .list: "a list of texts"
        }
    }
}
