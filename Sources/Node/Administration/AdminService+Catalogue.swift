import Catalogue
import Core
import Store
import Wire

extension AdminService {
    /// Changes the catalogue: `{kind, verb?, document}`. The answer of an agreement has `warnings` if with it a party can open records for itself.
    func apply(_ body: Document, _ caller: CertificateName) async throws(Failure) -> Document {
        let stack = try stack()
        let kind = try kind(body)
        var verb = CatalogueChange.Verb.apply
        if let name = body["verb"]?.string {
            guard let known = CatalogueChange.Verb(rawValue: name) else { throw Failure(.invalidRequest, path: "verb", "no such verb") }
            verb = known
        }
        guard let document = body["document"] else { throw Failure(.invalidRequest, path: "document", "it is missing") }
        // The right is checked again where the change is applied.
        try await barrier(stack)
        let actor = try administrator(caller, try view(stack) { view throws(StoreError) in view.catalogue })
        let answer = try await propose(
            .catalogue(.init(actor: actor.id, change: CatalogueChange(verb: verb, kind: kind, document: document))), stack)
        guard kind == .agreement, verb == .apply || verb == .approve, let code = answer["code"]?.string, let members = answer.members else { return answer }
        // It is applied: what goes wrong with looking must not say otherwise.
        let warnings = (try? view(stack) { view throws(StoreError) in view.warnings(about: code) }) ?? []
        return warnings.isEmpty ? answer : .object(members + [.init("warnings", .array(warnings.map { .string($0) }))])
    }

    /// Every object of a kind: `{kind}`.
    func list(_ body: Document, _ caller: CertificateName) async throws(Failure) -> Document {
        let kind = try kind(body)
        let catalogue = try await newestCatalogue(for: caller)
        return switch kind {
        case .agency: .array(catalogue.agencies.map(catalogue.document(of:)))
        case .principal: .array(catalogue.principals.map(catalogue.document(of:)))
        case .dataset: .array(catalogue.datasets.map(catalogue.document(of:)))
        case .agreement: .array(catalogue.agreements.map(catalogue.document(of:)))
        }
    }

    /// One object: `{kind, code}`; a principal's code is `agency/system`.
    func show(_ body: Document, _ caller: CertificateName) async throws(Failure) -> Document {
        let kind = try kind(body)
        let code = try text(body, "code")
        let catalogue = try await newestCatalogue(for: caller)
        let (found, codes): (Document?, [String]) =
            switch kind {
            case .agency: (catalogue.agency(code: code).map(catalogue.document(of:)), catalogue.agencies.map(\.code))
            case .principal:
                (
                    catalogue.principal(path: code).map(catalogue.document(of:)),
                    catalogue.principals.map { "\(catalogue.agency($0.agency)?.code ?? "")/\($0.code)" }
                )
            case .dataset: (catalogue.dataset(code: code).map(catalogue.document(of:)), catalogue.datasets.map(\.code))
            case .agreement: (catalogue.agreement(code: code).map(catalogue.document(of:)), catalogue.agreements.map(\.code))
            }
        guard let found else { throw Failure(.notFound, "there is no \(kind.name) \(code)\(NearestName.hint(code, among: codes))") }
        return found
    }

    /// Why a principal sees what it sees: `{as: agency/system, dataset, key?}`. Tells of rights, never of values.
    func explain(_ body: Document, _ caller: CertificateName) async throws(Failure) -> Document {
        let path = try text(body, "as")
        let code = try text(body, "dataset")
        let stack = try stack()
        try await barrier(stack)
        let key = body["key"]?.string.map { Array($0.utf8) }
        let found: Result<Document?, Failure> = try authorised(caller, stack) { view throws(StoreError) in
            let catalogue = view.catalogue
            guard let principal = catalogue.principal(path: path) else {
                return .failure(Failure(.notFound, path: "as", "there is no principal \(path)"))
            }
            guard let dataset = catalogue.dataset(code: code) else {
                return .failure(Failure(.notFound, path: "dataset", "there is no dataset \(code)\(NearestName.hint(code, among: catalogue.datasets.map(\.code)))"))
            }
            return .success(try view.explain(principal: principal.id, dataset: dataset.id, key: key))
        }
        guard let document = try found.get() else { throw Failure(.notFound) }
        return document
    }

    private func newestCatalogue(for caller: CertificateName) async throws(Failure) -> Catalogue {
        let stack = try stack()
        try await barrier(stack)
        return try authorised(caller, stack) { view throws(StoreError) in view.catalogue }
    }

    private func kind(_ body: Document) throws(Failure) -> ObjectKind {
        let name = try text(body, "kind")
        guard let kind = ObjectKind(name: name) else {
            throw Failure(.invalidRequest, path: "kind", "expected one of \(ObjectKind.allCases.map(\.name).joined(separator: ", "))")
        }
        return kind
    }
}
