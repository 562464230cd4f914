import Core
import Records
import Testing

@testable import Catalogue

/// A catalogue and the means to change it.
struct World {
    var catalogue = Catalogue()
    private var index: UInt64 = 1

    /// With the agencies `a` and `b`, a system of each, a code list `units` and the dataset `houses` of `a`.
    init() throws {
        _ = catalogue.genesis(
            clusterName: "test", tokenKey: [UInt8](repeating: 7, count: 32), administratorAgency: "ops", administrator: "admin", at: LogIndex(index))
        for agency in ["a", "b"] {
            try change(.agency, ["code": .string(agency)])
            try change(.principal, ["code": "sys", "agency": .string(agency)])
        }
        try change(
            .dataset, ["code": "units", "owner": "a", "class": "open", "kind": "codeList", "fields": [["name": "title", "kind": "string", "sensitivity": "public"]]])
        try change(.dataset, Self.houses())
    }

    /// The document of `houses`, with members put in the place of those of the same name, or added; null takes one out.
    static func houses(_ members: Document = .object([]), fields: [Document]? = nil) -> Document {
        let fields: [Document] =
            fields ?? [
                ["name": "name", "kind": "string", "sensitivity": "public", "required": true],
                ["name": "unit", "kind": "string", "sensitivity": "public", "codeList": "units"],
                ["name": "rate", "kind": "decimal", "scale": 2, "sensitivity": "internal"],
                ["name": "owner", "kind": "string", "sensitivity": "personal", "maxBytes": 100],
            ]
        return merged(["code": "houses", "owner": "a", "class": "sharedOnRequest", "fields": .array(fields)], members)
    }

    /// The document of an agreement `g` about `houses`.
    static func agreement(_ members: Document = .object([])) -> Document {
        merged(
            ["code": "g", "dataset": "houses", "consumer": "b/sys", "actions": ["get", "scan"], "fields": ["name", "owner"], "purpose": "planning"], members)
    }

    private static func merged(_ document: Document, _ members: Document) -> Document {
        var all = document.members ?? []
        for member in members.members ?? [] {
            if let place = all.firstIndex(where: { $0.name == member.name }) { all[place] = member } else { all.append(member) }
        }
        return .object(all)
    }

    @discardableResult
    mutating func change(_ kind: ObjectKind, _ document: Document, verb: CatalogueChange.Verb = .apply) throws(CatalogueError) -> CatalogueResult {
        index += 1
        return try catalogue.apply(CatalogueChange(verb: verb, kind: kind, document: document), at: LogIndex(index))
    }

    /// What the change is refused with. It must leave the catalogue as it was.
    mutating func refusal(_ kind: ObjectKind, _ document: Document, verb: CatalogueChange.Verb = .apply) -> CatalogueError? {
        let before = dump
        do throws(CatalogueError) {
            try change(kind, document, verb: verb)
            return nil
        } catch {
            #expect(dump == before, "a refused change left something behind: \(error)")
            return error
        }
    }

    /// The whole catalogue as the store would hold it.
    var dump: [[UInt8]] {
        [catalogue.metaBytes] + catalogue.agencies.map { $0.encoded() } + catalogue.principals.map { $0.encoded() }
            + catalogue.datasets.map { $0.encoded() } + catalogue.agreements.map { $0.encoded() }
    }

    /// The catalogue's entries in the store's order.
    var entries: [(key: [UInt8], value: [UInt8])] {
        var all = [(key: Catalogue.metaKey, value: catalogue.metaBytes)]
        for agency in catalogue.agencies { all.append((Catalogue.key(.agency, agency.id.rawValue), agency.encoded())) }
        for principal in catalogue.principals { all.append((Catalogue.key(.principal, principal.id.rawValue), principal.encoded())) }
        for dataset in catalogue.datasets { all.append((Catalogue.key(.dataset, dataset.id.rawValue), dataset.encoded())) }
        for agreement in catalogue.agreements { all.append((Catalogue.key(.agreement, agreement.id.rawValue), agreement.encoded())) }
        return all
    }

    var houses: Dataset { catalogue.dataset(code: "houses")! }
    func field(_ name: String) -> FieldID? { houses.schema.field(named: name)?.id }
}
