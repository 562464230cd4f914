import Core
import Records

// Objects as documents: what `apply` takes, so that what is shown can be edited and applied again.

extension Catalogue {
    package func document(of agency: Agency) -> Document { ["code": .string(agency.code), "name": .string(agency.name)] }

    package func document(of principal: Principal) -> Document {
        [
            "code": .string(principal.code), "agency": .string(code(of: principal.agency)), "role": .string(principal.role.rawValue),
            "name": .string(principal.name),
            "attributes": .object(principal.attributes.map { .init($0.name, .string($0.value)) }), "active": .bool(principal.active),
        ]
    }

    package func document(of dataset: Dataset) -> Document {
        [
            "code": .string(dataset.code), "name": .string(dataset.name), "owner": .string(code(of: dataset.owner)),
            "class": .string(dataset.sharing.rawValue), "kind": .string(dataset.kind.rawValue), "key": .string(dataset.keyName),
            "fields": .array(dataset.schema.fields.map(document(of:))),
        ]
    }

    private func document(of field: FieldDefinition) -> Document {
        var members: [Document.Member] = [
            .init("name", .string(field.name)), .init("title", .string(field.title)), .init("kind", .string(field.kind.name)),
            .init("required", .bool(field.required)), .init("sensitivity", .string(field.sensitivity.name)),
        ]
        if field.kind == .decimal { members.append(.init("scale", .int(Int64(field.scale)))) }
        if let list = field.codeList.flatMap({ dataset($0) }) { members.append(.init("codeList", .string(list.code))) }
        if let most = field.maxBytes { members.append(.init("maxBytes", .int(Int64(most)))) }
        return .object(members)
    }

    package func document(of agreement: Agreement) -> Document {
        let schema = dataset(agreement.dataset)?.schema
        func name(_ id: FieldID) -> String { schema?.field(id)?.name ?? "deleted_\(id)" }
        var members: [Document.Member] = [
            .init("code", .string(agreement.code)), .init("dataset", .string(dataset(agreement.dataset)?.code ?? "")),
        ]
        switch agreement.consumer {
        case let .agency(id): members.append(.init("consumerAgency", .string(code(of: id))))
        case let .principal(id):
            let text = principal(id).map { "\(code(of: $0.agency))/\($0.code)" } ?? ""
            members.append(.init("consumer", .string(text)))
        }
        members.append(.init("actions", .array(Actions.names.filter { agreement.actions.contains($0.1) }.map { .string($0.0) })))
        members.append(.init("fields", .array(agreement.fields.fields.filter { schema?.field($0) != nil }.map { .string(name($0)) })))
        if let condition = agreement.condition { members.append(.init("where", .string(condition.text(name)))) }
        members.append(.init("purpose", .string(agreement.purpose)))
        if let from = agreement.from { members.append(.init("from", .string(TimestampText.write(from.milliseconds)))) }
        if let until = agreement.until { members.append(.init("until", .string(TimestampText.write(until.milliseconds)))) }
        members.append(.init("state", .string(agreement.state.rawValue)))
        return .object(members)
    }

    /// Every object of a kind, in the order of their making.
    package func documents(of kind: ObjectKind) -> [Document] {
        switch kind {
        case .agency: agencies.map(document(of:))
        case .principal: principals.map(document(of:))
        case .dataset: datasets.map(document(of:))
        case .agreement: agreements.map(document(of:))
        }
    }

    /// The object of this code; a principal's is `agency/system`.
    package func document(of kind: ObjectKind, code: String) -> Document? {
        switch kind {
        case .agency: return agency(code: code).map(document(of:))
        case .dataset: return dataset(code: code).map(document(of:))
        case .agreement: return agreement(code: code).map(document(of:))
        case .principal: return principal(path: code).map(document(of:))
        }
    }

    /// The principal that `agency/system` names.
    package func principal(path: String) -> Principal? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, let agency = agency(code: parts[0]) else { return nil }
        return principal(agency: agency.id, code: parts[1])
    }

    private func code(of agency: AgencyID) -> String { self.agency(agency)?.code ?? "" }
}
