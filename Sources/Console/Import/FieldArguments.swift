import Catalogue
import Core
import Records

/// Fields of one record as somebody types them: `name=value` words, a JSON object, names that are to be null.
package struct FieldArguments: Sendable, Equatable {
    /// `name=value`; the value as in a CSV cell, and an empty one is an empty text.
    package var words: [String]
    /// An object with fields as members; nil if none was given.
    package var json: String?
    /// Fields to set to null.
    package var nulls: [String]

    package init(words: [String] = [], json: String? = nil, nulls: [String] = []) {
        self.words = words
        self.json = json
        self.nulls = nulls
    }

    /// The values by field. `complete`: they are a whole record, so that what is required must be among them. An unknown field is an error that names the
    /// nearest of the schema; every value that breaks a rule is said, and no value is repeated.
    package func values(_ schema: Schema, keyName: String, complete: Bool) throws(CommandError) -> [(FieldID, Value)] {
        let mapping = RecordMapping(schema: schema, keyName: keyName)
        var draft = RecordMapping.Draft(line: 0)
        var seen: [String] = []
        func field(_ name: String) throws(CommandError) -> FieldDefinition {
            guard let field = schema.field(named: name) else {
                throw .badData(
                    "there is no field \"\(name)\"\(NearestName.hint(name, among: schema.fields.map(\.name)))",
                    details: ["the fields: \(schema.fields.map(\.name).joined(separator: ", "))"])
            }
            guard !seen.contains(field.name) else { throw .badData("field \(field.name) is given twice") }
            seen.append(field.name)
            return field
        }
        if let json {
            let document: Document
            do throws(InputError) {
                var reader = JSONReader(Array(json.utf8), file: "--json")
                reader.keepsFractionsAsText = true
                document = try reader.whole()
            } catch { throw error.commandError }
            guard let members = document.members else { throw .badData("--json must be an object with fields as members") }
            for member in members { mapping.take(member.value, for: try field(member.name), into: &draft) }
        }
        for word in words {
            guard let sign = word.firstIndex(of: "=") else {
                throw .usage("\"\(word)\" is not field=value", remedy: "--null \(word), if it is to be null")
            }
            mapping.take(String(word[word.index(after: sign)...]), for: try field(String(word[..<sign])), into: &draft)
        }
        for name in nulls { mapping.take(Value.null, for: try field(name), into: &draft) }
        if complete {
            for field in schema.fields where field.required && !seen.contains(field.name) {
                draft.reject(field.name, .schema(.required), SchemaRule.required.text)
            }
        }
        guard draft.rejects.isEmpty else {
            throw .badData(
                draft.rejects.count == 1 ? "a value is not right" : "\(draft.rejects.count) values are not right",
                details: draft.rejects.map { "\($0.column ?? ""): \($0.message)" })
        }
        return draft.values
    }
}
