import Core
import Records

extension Catalogue {
    mutating func applyAgreement(_ document: Document) throws(CatalogueError) -> CatalogueResult {
        let reader = try DocumentReader(
            document,
            allowed: [
                "code", "dataset", "consumer", "consumerAgency", "actions", "fields", "where", "purpose", "from", "until", "state",
            ])
        let code = try reader.code("code")
        let datasetCode = try reader.text("dataset")
        guard let dataset = dataset(code: datasetCode) else {
            throw CatalogueError(path: "dataset", message: "no such dataset\(NearestName.hint(datasetCode, among: datasets.map(\.code)))")
        }
        let old = agreement(code: code)
        if let old, old.dataset != dataset.id { throw CatalogueError(path: "dataset", message: "an agreement's dataset cannot change; make another one") }
        if let old, old.state == .revoked { throw CatalogueError(path: "code", message: "a revoked agreement stays revoked; make another one") }
        let consumer = try consumer(reader)
        let actions = try actions(reader)
        let fields = try fields(reader, of: dataset)
        var condition: Condition?
        if let text = try reader.optionalText("where", maxBytes: Limits.conditionTextBytes) {
            do throws(ConditionError) {
                condition = try Condition.parse(text) { dataset.schema.field(named: $0) }
            } catch {
                throw CatalogueError(path: "where", message: "at byte \(error.position + 1): \(error.message)")
            }
        }
        guard condition == nil || !actions.contains(.write) else {
            throw CatalogueError(path: "where", message: "a right to write cannot depend on the record; make two agreements")
        }
        let from = try reader.time("from"), until = try reader.time("until")
        if let from, let until, from >= until { throw CatalogueError(path: "until", message: "the term ends before it begins") }
        let state: AgreementState = try reader.choice("state", default: old?.state ?? .approved)
        let purpose = try reader.text("purpose", maxBytes: 1_000)
        let agreement = Agreement(
            id: AgreementID(try freshID(keeping: old?.id.rawValue, agreements.count)), code: code, dataset: dataset.id, consumer: consumer, actions: actions,
            fields: fields, condition: condition, purpose: purpose, from: from, until: until, state: state)
        let result = try result(agreement, replacing: old, code: code)
        put(agreement)
        return result
    }

    private func consumer(_ reader: DocumentReader) throws(CatalogueError) -> Agreement.Consumer {
        if reader.value("consumerAgency") != nil {
            guard reader.value("consumer") == nil else {
                throw CatalogueError(path: "consumerAgency", message: "an agreement has one consumer: a principal or an agency")
            }
            return .agency(try agency(reader, "consumerAgency").id)
        }
        let text = try reader.text("consumer")
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, let agency = agency(code: parts[0]), let principal = principal(agency: agency.id, code: parts[1]) else {
            throw CatalogueError(path: "consumer", message: "no such principal; expected agency/system of a registered principal")
        }
        guard principal.role == .consumer else { throw CatalogueError(path: "consumer", message: "only a consumer can be a party") }
        return .principal(principal.id)
    }

    private func actions(_ reader: DocumentReader) throws(CatalogueError) -> Actions {
        guard let documents = try reader.array("actions"), !documents.isEmpty else {
            throw CatalogueError(path: "actions", message: "expected a list of \(Actions.names.map(\.0).joined(separator: ", "))")
        }
        var actions = Actions()
        for (place, document) in documents.enumerated() {
            guard let name = document.string, let action = Actions.names.first(where: { $0.0 == name })?.1 else {
                throw CatalogueError(
                    path: "actions[\(place)]",
                    message: "expected one of \(Actions.names.map(\.0).joined(separator: ", "))"
                        + NearestName.hint(document.string ?? "", among: Actions.names.map(\.0)))
            }
            actions.insert(action)
        }
        return actions
    }

    /// `*` means every field that there is now: a new field is hidden until it is granted.
    private func fields(_ reader: DocumentReader, of dataset: Dataset) throws(CatalogueError) -> FieldMask {
        if reader.value("fields") == .string("*") { return dataset.schema.mask }
        guard let documents = try reader.array("fields"), !documents.isEmpty else {
            throw CatalogueError(path: "fields", message: "expected a list of fields, or \"*\" for all that there are now")
        }
        var mask = FieldMask()
        for (place, document) in documents.enumerated() {
            guard let name = document.string, let field = dataset.schema.field(named: name) else {
                throw CatalogueError(
                    path: "fields[\(place)]",
                    message: "the dataset has no such field\(NearestName.hint(document.string ?? "", among: dataset.schema.fields.map(\.name)))")
            }
            mask.insert(field.id)
        }
        return mask
    }
}
