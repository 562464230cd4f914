@testable import Catalogue
import Core
import Records

/// The catalogue's objects as they stand in the store, with the schema in a dataset's, and the documents that change them.
let catalogueTargets = [
    FuzzTarget(
        name: "catalogue-object",
        run: { bytes in
            try expectStable("Agency", bytes, decode: { try Agency(decoding: $0) }, encode: { $0.encoded() })
            try expectStable("Principal", bytes, decode: { try Principal(decoding: $0) }, encode: { $0.encoded() })
            try expectStable("Dataset", bytes, decode: { try Dataset(decoding: $0) }, encode: { $0.encoded() })
            try expectStable("Agreement", bytes, decode: { try Agreement(decoding: $0) }, encode: { $0.encoded() })
        },
        seeds: {
            let dataset = Dataset(
                id: DatasetID(7), code: "d", name: "D", owner: AgencyID(2), sharing: .open, kind: .data, keyName: "k",
                schema: Schema(
                    version: 3,
                    fields: [
                        FieldDefinition(
                            id: FieldID(1), name: "f", title: "F", kind: .decimal, scale: 2, required: true, sensitivity: .personal,
                            codeList: nil, maxBytes: 40)
                    ]), nextField: 2)
            let principal = Principal(
                id: PrincipalID(3), code: "s", agency: AgencyID(2), role: .consumer, name: "S", attributes: [Principal.Attribute(name: "a", value: "b")],
                active: true)
            return [Agency(id: AgencyID(2), code: "a", name: "A").encoded(), principal.encoded(), dataset.encoded()]
        }),
    FuzzTarget(
        name: "catalogue-change",
        run: { bytes in
            try expectStable(
                "CatalogueChange", bytes, decode: { try $0.reading { reader throws(DecodingError) in try CatalogueChange(from: &reader) } },
                encode: { change in written { change.encode(into: &$0) } })
            guard let change = try? bytes.reading({ reader throws(DecodingError) in try CatalogueChange(from: &reader) }) else { return }
            var catalogue = try someCatalogue()
            do throws(CatalogueError) {
                _ = try catalogue.apply(change, at: LogIndex(9))
            } catch where error.message.contains("cannot be read again") {
                throw FuzzFinding(what: "the \(change.kind.name) keeps every rule and does not decode")
            } catch {}
        },
        seeds: {
            let changes = someChanges + [
                CatalogueChange(verb: .suspend, kind: .agreement, document: ["code": "g"]),
                CatalogueChange(kind: .agency, document: ["code": "c", "name": "Sở Xây dựng"]),
            ]
            return changes.map { change in written { change.encode(into: &$0) } }
        }),
    FuzzTarget(
        name: "document", run: { try expectStable("Document", $0, decode: { try Document(decoding: $0) }, encode: { $0.encoded() }) },
        seeds: {
            let document: Document = ["a": [1, true, "x"], "b": ["c": 2]]
            return [document.encoded(), Document.array([.double(.nan), .null]).encoded()]
        }),
]

/// A catalogue with an object of each kind, so that a change of any of them finds what it names.
private func someCatalogue() throws -> Catalogue {
    var catalogue = Catalogue()
    _ = catalogue.genesis(clusterName: "c", tokenKey: [UInt8](repeating: 7, count: 32), administratorAgency: "a", administrator: "admin", at: LogIndex(1))
    for change in someChanges { _ = try catalogue.apply(change, at: LogIndex(2)) }
    return catalogue
}

private let someChanges = [
    CatalogueChange(
        kind: .principal, document: ["code": "s", "agency": "a", "role": "consumer", "attributes": ["district": "219"], "active": true]),
    CatalogueChange(
        kind: .dataset,
        document: [
            "code": "d", "owner": "a", "class": "sharedOnRequest", "key": "id",
            "fields": [
                ["name": "name", "kind": "string", "sensitivity": "public", "maxBytes": 40], ["name": "born", "kind": "date", "sensitivity": "personal"],
                ["name": "rate", "kind": "decimal", "scale": 2, "sensitivity": "internal"], ["name": "open", "kind": "bool", "sensitivity": "public"],
                ["name": "tags", "kind": "list", "sensitivity": "public"], ["name": "size", "kind": "double", "sensitivity": "public"],
            ],
        ]),
    CatalogueChange(
        kind: .agreement,
        document: [
            "code": "g", "dataset": "d", "consumer": "a/s", "actions": ["get", "scan"], "fields": ["name", "rate"], "purpose": "p",
            "where": "name = $principal.district OR born IS NOT NULL AND rate NOT IN (1.50, 2) AND NOT (open = true OR name LIKE 'B%')",
            "from": "2026-01-01", "until": "2027-01-01T00:00:00Z",
        ]),
]
