import Core
import Records
import Testing

@testable import Catalogue

/// Objects survive every form that they take: document, object, bytes; and the same changes give the same bytes.
@Suite struct RoundTripTests {
    /// A catalogue with everything that an object can have.
    func full() throws -> World {
        var world = try World()
        try world.change(.agency, ["code": "c", "name": "Sở Tài nguyên và Môi trường"])
        try world.change(
            .principal,
            ["code": "lgsp", "agency": "c", "role": "gateway", "name": "Trục LGSP", "attributes": ["district": 219, "Level_2": "tỉnh"], "active": false])
        var fields: [Document] = ValueKind.allCases.map { ["name": .string("f_\($0.name)"), "kind": .string($0.name), "sensitivity": "sensitive"] }
        fields.append(["name": "rate", "title": "Tỷ lệ", "kind": "decimal", "scale": 18, "sensitivity": "internal", "required": true])
        fields.append(["name": "unit", "kind": "string", "sensitivity": "public", "codeList": "units", "maxBytes": 9])
        try world.change(
            .dataset,
            ["code": "all", "name": "Tất cả", "owner": "c", "class": "sharedByDefault", "kind": "masterData", "key": "mã", "fields": .array(fields)])
        let conditions = [
            "unit = $principal.district", "f_string = 'it''s' OR f_bytes = '00ff' AND NOT f_bool = true", "f_int64 IN (-1, 2) AND f_list IS NOT NULL",
            "f_date >= '2024-02-29' AND f_timestamp < '2024-02-29T12:00:00.500Z'", "rate <> -0.5 AND f_string LIKE 'Bắc%'",
            "f_double > 1.5 OR f_double < -1e20 OR f_double = 0.000001 OR f_double = 123456789012345680000.0", "f_string NOT IN ('a', 'b') OR (unit IS NULL AND f_bool <> false)",
        ]
        for (n, condition) in conditions.enumerated() {
            try world.change(
                .agreement,
                [
                    "code": .string("g\(n)"), "dataset": "all", "consumerAgency": "b", "actions": ["export", "watch", "count"], "fields": "*",
                    "where": .string(condition), "purpose": "Quy hoạch", "from": "2026-01-01", "until": "2026-06-30T17:00:00.250Z", "state": "proposed",
                ])
        }
        try world.change(.agreement, World.agreement(["code": "w", "actions": ["write"], "state": "ended"]))
        return world
    }

    @Test func documentToObjectToDocument() throws {
        var world = try full()
        let before = world.dump
        for kind in ObjectKind.allCases {
            for document in world.catalogue.documents(of: kind) {
                let result = try world.change(kind, document)
                #expect(result.effect == .unchanged, "\(kind) \(document)")
                #expect(result.stored == nil)
                #expect(world.catalogue.document(of: kind, code: result.code) == document)
            }
        }
        #expect(world.dump == before, "a change that changes nothing is none")
    }

    @Test func objectToBytesToObject() throws {
        let world = try full()
        let loaded = try Catalogue(loading: world.entries)
        #expect(loaded.agencies == world.catalogue.agencies)
        #expect(loaded.principals == world.catalogue.principals)
        #expect(loaded.datasets == world.catalogue.datasets)
        #expect(loaded.agreements == world.catalogue.agreements)
        #expect(loaded.metaBytes == world.catalogue.metaBytes)
        #expect(loaded.tokenKey == world.catalogue.tokenKey && loaded.clusterName == "test" && loaded.policyIndex == world.catalogue.policyIndex)
        #expect(loaded.nextID == world.catalogue.nextID, "or a number would be given twice")
    }

    @Test func theDocumentsMakeTheSameCatalogueElsewhere() throws {
        let world = try full()
        var other = try World()
        for kind in ObjectKind.allCases {
            for document in world.catalogue.documents(of: kind) where document["role"] != "administrator" { try other.change(kind, document) }
        }
        for kind in ObjectKind.allCases { #expect(other.catalogue.documents(of: kind) == world.catalogue.documents(of: kind)) }
    }

    @Test func changesSurviveTheLogAndGiveTheSameBytes() throws {
        let world = try full(), again = try full()
        #expect(world.dump == again.dump)
        for kind in ObjectKind.allCases {
            for document in world.catalogue.documents(of: kind) {
                for verb in CatalogueChange.Verb.allCases {
                    let change = CatalogueChange(verb: verb, kind: kind, document: document)
                    var out = ByteWriter()
                    change.encode(into: &out)
                    #expect(try out.bytes.reading { reader throws(DecodingError) in try CatalogueChange(from: &reader) } == change)
                }
            }
        }
    }

    /// A catalogue loaded from the store goes on as the one that was never closed.
    @Test func aLoadedCatalogueGoesOnTheSame() throws {
        var world = try full()
        var loaded = try Catalogue(loading: world.entries)
        for (n, change) in [
            CatalogueChange(kind: .agency, document: ["code": "new"]), .init(kind: .dataset, document: World.houses(["name": "Nhà"])),
            .init(verb: .revoke, kind: .agreement, document: ["code": "g1"]), .init(kind: .principal, document: ["code": "n", "agency": "new"]),
        ].enumerated() {
            let index = LogIndex(UInt64(1_000 + n))
            let one = try world.catalogue.apply(change, at: index), other = try loaded.apply(change, at: index)
            #expect(one.stored?.key == other.stored?.key && one.stored?.value == other.stored?.value && one.stored != nil)
            #expect(one.summary == other.summary)
            #expect(world.catalogue.metaBytes == loaded.metaBytes && loaded.policyIndex == index)
        }
    }

    /// Every prefix of an object's bytes and every other format byte is an error, not an object and not a trap.
    @Test func damagedBytesAreErrors() throws {
        for (key, value) in try full().entries {
            for count in 0..<value.count {
                #expect(throws: DecodingError.self) { try Catalogue(loading: [(key, Array(value[..<count]))]) }
            }
            #expect(throws: DecodingError.self) { try Catalogue(loading: [(key, [2] + value.dropFirst())]) }
        }
        for key in [[], [9, 0, 0, 0, 1], [1, 0, 0, 1]] as [[UInt8]] {
            #expect(throws: DecodingError.self) { try Catalogue(loading: [(key, [1])]) }
        }
    }

    @Test func theNearestName() {
        #expect(NearestName.of("distrct", among: ["name", "district"]) == "district")
        #expect(NearestName.of("zzzzzz", among: ["name", "district"]) == nil)
        #expect(NearestName.hint("x", among: []) == "")
    }
}
