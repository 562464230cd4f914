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
            var catalogue = Catalogue()
            _ = try? catalogue.apply(change, at: LogIndex(1))
        },
        seeds: {
            let agency: Document = ["code": "a", "name": "A"]
            return [written { CatalogueChange(verb: .apply, kind: .agency, document: agency).encode(into: &$0) }]
        }),
    FuzzTarget(
        name: "document", run: { try expectStable("Document", $0, decode: { try Document(decoding: $0) }, encode: { $0.encoded() }) },
        seeds: {
            let document: Document = ["a": [1, true, "x"], "b": ["c": 2]]
            return [document.encoded(), Document.array([.double(.nan), .null]).encoded()]
        }),
]
