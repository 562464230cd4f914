import Access
import Catalogue
import Core
import Records
import Testing

/// To write what a condition reads is to open records for oneself; an administrator is warned of it.
@Suite struct SelfOpeningTests {
    func findings(_ world: World, _ path: String = "b/sys") -> [SelfOpening.Finding] {
        SelfOpening.findings(for: world.principal(path), dataset: world.dataset, in: world.catalogue)
    }

    func warnings(_ world: World, about code: String) throws -> [String] {
        SelfOpening.warnings(about: try #require(world.catalogue.agreement(code: code)), in: world.catalogue)
    }

    @Test func aWriterOfTheConditionsFieldIsFound() throws {
        var world = try World()
        try world.agree("read", ["get"], ["person"], where: "district = $principal.district AND open <> 'x'")
        #expect(findings(world).isEmpty)
        try world.agree("write", ["write"], ["district", "health"])
        #expect(findings(world) == [.init(opens: "read", writes: ["write"], fields: [FieldID(5)])])
        let text = "b/sys can open records of d for itself: agreement read shows records by district, which write allows to write"
        #expect(try warnings(world, about: "read") == [text])
        #expect(try warnings(world, about: "write") == [text])
        // Two that write: both are named, and the fields in the schema's order.
        try world.agree("write2", ["write"], ["open"])
        #expect(findings(world) == [.init(opens: "read", writes: ["write", "write2"], fields: [FieldID(1), FieldID(5)])])
        let document = Explanation.document(of: world.plan(), dataset: world.dataset, catalogue: world.catalogue, record: nil, key: nil)
        #expect(document["warnings"]?.array?.count == 1)
        #expect(findings(world, "b/other").isEmpty, "another system of the agency has none of these rights")
    }

    @Test func termsDoNotCountButEndsDo() throws {
        var world = try World()
        try world.agree("read", ["scan"], ["person"], where: "district = '219'", from: 9_000_000)
        try world.agree("write", ["write"], ["district"], until: 2_000_000)
        #expect(findings(world).count == 1, "what was written under one is open under the other")
        try world.agree("write", ["write"], ["district"], state: "suspended")
        #expect(findings(world).count == 1, "it can be approved again")
        try world.change(.agreement, ["code": "write"], verb: .revoke)
        #expect(findings(world).isEmpty)
        #expect(try warnings(world, about: "read").isEmpty)
    }

    @Test func whatOpensNothingIsNoFinding() throws {
        // Another field is written.
        var world = try World()
        try world.agree("read", ["get"], ["person"], where: "district = '219'")
        try world.agree("write", ["write"], ["health"])
        #expect(findings(world).isEmpty)
        // The same fields are shown in every record.
        try world.agree("write", ["write"], ["district"])
        #expect(findings(world).count == 1)
        try world.agree("all", ["get", "scan", "count", "watch", "export"], ["person"])
        #expect(findings(world).isEmpty)
        // By the dataset's class.
        world = try World(sharing: "open")
        try world.agree("read", ["get"], ["open"], where: "district = '219'")
        try world.agree("write", ["write"], ["district"])
        #expect(findings(world).isEmpty)
        // The owner sees everything.
        world = try World()
        try world.agree("read", ["get"], ["person"], where: "district = '219'", consumer: "a/sys")
        try world.agree("write", ["write"], ["district"], consumer: "a/sys")
        #expect(findings(world, "a/sys").isEmpty)
    }

    @Test func anAgencysSystemsAreToldOfTogether() throws {
        var world = try World()
        try world.agree("read", ["get"], ["person"], where: "district = '219'", agency: "b")
        try world.agree("write", ["write"], ["district"], consumer: "b/sys")
        #expect(try warnings(world, about: "read").count == 1, "b/other cannot write")
        try world.agree("write", ["write"], ["district"], agency: "b")
        #expect(try warnings(world, about: "read") == [
            "b/sys, b/other can open records of d for themselves: agreement read shows records by district, which write allows to write"
        ])
    }
}
