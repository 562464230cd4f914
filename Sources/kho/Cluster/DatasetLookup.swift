import Catalogue
import Console
import KhoClient

extension KhoClient {
    /// The dataset of this code as the caller sees it. One that there is not and one of which the caller sees nothing give the same error, which
    /// names the nearest code that the caller does see.
    func dataset(named code: String) async throws(CommandError) -> DatasetDescription {
        let target = "dataset \(code)"
        var codes: [String] = []
        do throws(KhoError) {
            if let dataset = try await describe(code: code) { return dataset }
            codes = try await describe().map(\.code)
            throw KhoError.node(WireError(.notFound, detail: "there is no \(target) that you may see\(NearestName.hint(code, among: codes))"))
        } catch {
            var told = CommandError(error)
            if told.number == ErrorCode.notFound.rawValue {
                told.remedy = NearestName.of(code, among: codes).map { "the same with \($0)" } ?? "ask the dataset's owner for an agreement"
            }
            throw told
        }
    }
}

extension DatasetDescription {
    /// The visible field of this name. A field that there is not and one that the caller never sees give the same error.
    func field(named name: String) throws(CommandError) -> FieldDefinition {
        guard let field = schema.field(named: name) else {
            throw .badData(
                "dataset \(code) has no field \"\(name)\"\(NearestName.hint(name, among: schema.fields.map(\.name)))",
                details: ["its fields: \(schema.fields.map(\.name).joined(separator: ", "))"],
                remedy: NearestName.of(name, among: schema.fields.map(\.name)).map { "the same with \($0)" } ?? "the same with one of these fields")
        }
        return field
    }

    /// The fields that `--fields a,b` names, in that order; every visible one without it.
    func fields(named names: String?) throws(CommandError) -> [FieldDefinition] {
        guard let names else { return schema.fields }
        var fields: [FieldDefinition] = []
        for name in names.split(separator: ",") {
            let field = try field(named: name.trimmed)
            if !fields.contains(field) { fields.append(field) }
        }
        guard !fields.isEmpty else { throw .usage("--fields names no field") }
        return fields
    }

    /// Checks a filter against the visible schema, so that a mistake is shown with its place before anything is sent.
    func check(filter: String) throws(CommandError) {
        do throws(ConditionError) {
            let schema = schema
            _ = try Condition.parse(filter, allowsAttributes: false) { schema.field(named: $0) }
        } catch {
            let before = String(decoding: filter.utf8.prefix(error.position), as: UTF8.self)
            throw .badData(
                "the filter is not right: \(error.message)",
                details: [HumanText.escaped(filter), String(repeating: " ", count: HumanText.width(HumanText.escaped(before))) + "^"],
                remedy: "the filter mended at the mark; the fields are \(schema.fields.map(\.name).joined(separator: ", "))")
        }
    }
}

extension StringProtocol {
    /// Without spaces at both ends.
    var trimmed: String {
        let start = drop { $0 == " " }
        var end = start[...]
        while end.last == " " { end.removeLast() }
        return String(end)
    }
}
