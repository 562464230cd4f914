import Core
import Records
import Testing

@testable import Catalogue

/// Numbers are what rights hang on: given once, kept through renaming, never given again.
@Suite struct IdentityTests {
    static func field(_ name: String, from old: String? = nil) -> Document {
        var members: [Document.Member] = [.init("name", .string(name)), .init("kind", "string"), .init("sensitivity", "personal")]
        if let old { members.append(.init("renamedFrom", .string(old))) }
        return .object(members)
    }

    @Test func numbersAreGivenOnceAndOfOneCounter() throws {
        var world = try World()
        try world.change(.agreement, World.agreement())
        let catalogue = world.catalogue
        let numbers =
            catalogue.agencies.map(\.id.rawValue) + catalogue.principals.map(\.id.rawValue) + catalogue.datasets.map(\.id.rawValue)
            + catalogue.agreements.map(\.id.rawValue)
        #expect(numbers.sorted() == Array(1...UInt32(numbers.count)))
        // Applying again makes nothing new, whatever else changes.
        try world.change(.agency, ["code": "a", "name": "Sở A"])
        try world.change(.dataset, World.houses(["class": "open", "owner": "b"]))
        try world.change(.agreement, World.agreement(["actions": ["count"]]))
        #expect(world.catalogue.agency(code: "a")?.id == catalogue.agency(code: "a")?.id)
        #expect(world.houses.id == catalogue.dataset(code: "houses")?.id)
        #expect(world.catalogue.agreement(code: "g")?.id == catalogue.agreement(code: "g")?.id)
        // And a refused change takes no number.
        _ = world.refusal(.agency, ["code": "c", "name": "\u{1}"])
        _ = world.refusal(.dataset, World.houses(["code": "new", "name": "\u{1}"]))
        try world.change(.agency, ["code": "c"])
        #expect(world.catalogue.agency(code: "c")?.id.rawValue == UInt32(numbers.count) + 1)
    }

    @Test func theSameSystemOfTwoAgenciesIsTwoPrincipals() throws {
        let world = try World()
        let one = world.catalogue.principal(path: "a/sys"), other = world.catalogue.principal(path: "b/sys")
        #expect(one != nil && other != nil && one?.id != other?.id)
        #expect(world.catalogue.principal(role: .consumer, agency: "a", system: "sys")?.id == one?.id)
        #expect(world.catalogue.principal(role: .gateway, agency: "a", system: "sys") == nil)
        for path in ["a", "a/sys/x", "/sys", "a/", "c/sys", ""] { #expect(world.catalogue.principal(path: path) == nil) }
    }

    @Test func anInactivePrincipalIsNotFoundByItsCertificate() throws {
        var world = try World()
        try world.change(.principal, ["code": "sys", "agency": "a", "active": false])
        #expect(world.catalogue.principal(role: .consumer, agency: "a", system: "sys") == nil)
        try world.change(.principal, ["code": "sys", "agency": "a"])
        #expect(world.catalogue.principal(role: .consumer, agency: "a", system: "sys") != nil)
    }

    @Test func aRenamedFieldKeepsItsNumberAndItsRights() throws {
        var world = try World()
        try world.change(.agreement, World.agreement(["where": "owner = 'x'"]))
        let owner = world.field("owner")!
        let renamed = World.houses(fields: [Self.field("name"), Self.field("holder", from: "owner")])
        try world.change(.dataset, renamed)
        #expect(world.field("holder") == owner && world.field("owner") == nil)
        #expect(try world.change(.dataset, renamed).effect == .unchanged, "renaming is done once")
        let agreement = world.catalogue.agreement(code: "g")!
        #expect(agreement.fields.contains(owner) && agreement.condition?.fields.contains(owner) == true)
        let shown = world.catalogue.document(of: agreement)
        #expect(shown["fields"] == ["name", "holder"] && shown["where"] == "holder = 'x'")
    }

    @Test func aFieldMadeAgainUnderItsNameIsAnotherOne() throws {
        var world = try World()
        try world.change(.agreement, World.agreement(["where": "owner = 'x'"]))
        let owner = world.field("owner")!
        try world.change(.dataset, World.houses(fields: [Self.field("name")]))
        try world.change(.dataset, World.houses(fields: [Self.field("name"), Self.field("owner")]))
        let made = world.field("owner")!
        #expect(made > owner)
        let agreement = world.catalogue.agreement(code: "g")!
        #expect(!agreement.fields.contains(made) && agreement.condition?.fields.contains(made) == false)
        #expect(world.catalogue.document(of: agreement)["fields"] == ["name"])
        // A deleted field of another kind can be made anew.
        try world.change(.dataset, World.houses(fields: [Self.field("name")]))
        try world.change(.dataset, World.houses(fields: [Self.field("name"), ["name": "owner", "kind": "int64", "sensitivity": "public"]]))
        #expect(world.field("owner")! > made)
    }

    /// A field can take the name of one that is dropped in the same document: it is the dropped one that goes.
    @Test func aFieldRenamedOntoADroppedOneKeepsItsNumber() throws {
        var world = try World()
        let name = world.field("name")!, owner = world.field("owner")!
        try world.change(.agreement, World.agreement(["fields": ["name"], "where": "name = 'x'"]))
        let renamed = World.houses(fields: [Self.field("owner", from: "name")])
        try world.change(.dataset, renamed)
        #expect(world.field("owner") == name && world.field("name") == nil)
        #expect(!world.houses.schema.mask.contains(owner))
        #expect(world.catalogue.document(of: world.catalogue.agreement(code: "g")!)["where"] == "owner = 'x'")
        #expect(try world.change(.dataset, renamed).effect == .unchanged, "renaming is done once")
        try world.change(.dataset, World.houses(fields: [Self.field("owner"), Self.field("name")]))
        #expect(world.field("name")! > owner)
    }

    /// Which field keeps the number is never guessed.
    @Test func ambiguousRenamingsAreRefused() throws {
        var world = try World()
        for fields in [
            [Self.field("first", from: "name"), Self.field("name")], [Self.field("name", from: "owner"), Self.field("owner", from: "name")],
            [Self.field("first", from: "name"), Self.field("second", from: "name")],
        ] {
            let error = world.refusal(.dataset, World.houses(fields: fields))
            #expect(error?.path.hasSuffix(".renamedFrom") == true, "\(fields)")
        }
        #expect(world.refusal(.dataset, World.houses(fields: [Self.field("name", from: "name"), Self.field("owner")])) == nil)
    }

    /// As many fields as there can be need no bounds of their own, and a bound can grow as far as a record has room.
    @Test func theLargestRecordOfEverySchemaFits() throws {
        var world = try World()
        let many = (1...Limits.fieldsPerDataset).map { Self.field("f\($0)") }
        try world.change(.dataset, ["code": "wide", "owner": "a", "class": "open", "fields": .array(many)])
        let wide = world.catalogue.dataset(code: "wide")!.schema
        #expect(wide.recordBytesMax <= Limits.recordBytes)
        func two(_ first: Int, _ second: Int) -> Document {
            let fields: [Document] = [("x", first), ("y", second)].map {
                ["name": .string($0.0), "kind": "bytes", "sensitivity": "public", "maxBytes": .int(Int64($0.1))]
            }
            return ["code": "two", "owner": "a", "class": "open", "fields": .array(fields)]
        }
        let room = Limits.recordBytes - 32 - 2 * 8
        try world.change(.dataset, two(10, 20))
        #expect(world.refusal(.dataset, two(room - 20, 21))?.path == "fields")
        try world.change(.dataset, two(room - 20, 20))
        #expect(world.catalogue.dataset(code: "two")!.schema.recordBytesMax == Limits.recordBytes)
    }

    @Test func allFieldsMeansThoseThatThereAreNow() throws {
        var world = try World()
        try world.change(.agreement, World.agreement(["fields": "*"]))
        let before = world.catalogue.agreement(code: "g")!.fields
        #expect(before == world.houses.schema.mask)
        try world.change(.dataset, World.houses(fields: [Self.field("name"), Self.field("owner"), Self.field("extra")]))
        #expect(world.catalogue.agreement(code: "g")!.fields == before)
        #expect(!before.contains(world.field("extra")!))
        try world.change(.agreement, World.agreement(["fields": "*"]))
        #expect(world.catalogue.agreement(code: "g")!.fields == world.houses.schema.mask)
    }

    @Test func theSchemasVersionGrowsWithTheFieldsOnly() throws {
        var world = try World()
        #expect(world.houses.schema.version == 1)
        try world.change(.dataset, World.houses(["name": "Nhà", "class": "open"]))
        #expect(world.houses.schema.version == 1)
        try world.change(.dataset, World.houses(fields: [Self.field("name"), Self.field("owner")]))
        #expect(world.houses.schema.version == 2)
    }

    @Test func revokedStaysRevoked() throws {
        var world = try World()
        try world.change(.agreement, World.agreement(["state": "proposed"]))
        for (verb, state) in [
            (CatalogueChange.Verb.approve, AgreementState.approved), (.suspend, .suspended), (.approve, .approved), (.revoke, .revoked),
        ] {
            let result = try world.change(.agreement, ["code": "g"], verb: verb)
            #expect(result.effect == .updated && world.catalogue.agreement(code: "g")?.state == state)
        }
        #expect(try world.change(.agreement, ["code": "g"], verb: .revoke).effect == .unchanged)
        for verb in [CatalogueChange.Verb.approve, .suspend] {
            #expect(world.refusal(.agreement, ["code": "g"], verb: verb)?.message.contains("stays revoked") == true)
        }
        for members in [["state": "approved"], .object([]), ["state": "revoked"]] as [Document] {
            let error = world.refusal(.agreement, World.agreement(members))
            #expect(error?.path == "code" && error?.message.contains("stays revoked") == true)
        }
        try world.change(.agreement, World.agreement(["code": "g2"]))
        #expect(world.catalogue.agreement(code: "g2")?.state == .approved)
    }

    @Test func anAgreementKeepsItsStateAndItsDataset() throws {
        var world = try World()
        try world.change(.agreement, World.agreement(["state": "suspended"]))
        try world.change(.agreement, World.agreement(["purpose": "other"]))
        #expect(world.catalogue.agreement(code: "g")?.state == .suspended)
        #expect(world.refusal(.agreement, World.agreement(["dataset": "units", "fields": "*"]))?.path == "dataset")
    }
}
