import Access
import Catalogue
import Core
import Records
import Testing

@Suite struct PlanCacheTests {
    @Test func aPlanIsKeptUntilTheNextChangeOfPolicy() throws {
        var world = try World()
        var cache = PlanCache()
        func plan(_ cache: inout PlanCache, at time: Int64 = 1_000_000) -> AccessPlan? {
            cache.plan(principal: world.principal("b/sys").id, dataset: world.dataset.id, in: world.catalogue, at: LogTime(milliseconds: time))
        }
        #expect(plan(&cache)?.grants.isEmpty == true, "no right is a plan too")
        try world.agree()
        #expect(plan(&cache)?.grants.count == 1)
        let policy = world.catalogue.policyIndex
        #expect(plan(&cache)?.policyIndex == policy)
        try world.change(.agreement, ["code": "g"], verb: .revoke)
        #expect(plan(&cache)?.grants.isEmpty == true && plan(&cache)?.policyIndex == world.catalogue.policyIndex)
    }

    @Test func aPlanEndsWithATerm() throws {
        var world = try World()
        try world.agree("g", ["get"], ["open"], from: 2_000_000, until: 3_000_000)
        var cache = PlanCache()
        for (time, grants) in [(1_000_000, 0), (1_999_999, 0), (2_000_000, 1), (2_999_999, 1), (3_000_000, 0), (9_000_000, 0)] as [(Int64, Int)] {
            let plan = cache.plan(principal: world.principal("b/sys").id, dataset: world.dataset.id, in: world.catalogue, at: LogTime(milliseconds: time))
            #expect(plan?.grants.count == grants, "at \(time)")
        }
    }

    @Test func anInactiveOrUnknownPrincipalAndAnUnknownDatasetHaveNone() throws {
        var world = try World(sharing: "open")
        var cache = PlanCache()
        let who = world.principal("b/sys").id, what = world.dataset.id
        #expect(cache.plan(principal: who, dataset: what, in: world.catalogue, at: World.now) != nil)
        #expect(cache.plan(principal: PrincipalID(999), dataset: what, in: world.catalogue, at: World.now) == nil)
        #expect(cache.plan(principal: who, dataset: DatasetID(999), in: world.catalogue, at: World.now) == nil)
        try world.change(.principal, ["code": "sys", "agency": "b", "active": false])
        #expect(cache.plan(principal: who, dataset: what, in: world.catalogue, at: World.now) == nil)
        try world.change(.principal, ["code": "sys", "agency": "b"])
        #expect(cache.plan(principal: who, dataset: what, in: world.catalogue, at: World.now)?.visible == mask(1))
    }

    @Test func onePrincipalsPlanIsNotAnothers() throws {
        var world = try World()
        try world.agree("g", ["get"], ["*"])
        var cache = PlanCache(limit: 1)
        for _ in 0..<3 {
            for (path, grants) in [("b/sys", 1), ("b/other", 0), ("a/sys", 1)] {
                let plan = cache.plan(principal: world.principal(path).id, dataset: world.dataset.id, in: world.catalogue, at: World.now)
                #expect(plan?.principal == world.principal(path).id && plan?.grants.count == grants)
            }
        }
    }
}

@Suite struct ExplanationTests {
    func explain(_ world: World, _ path: String = "b/sys", _ record: [UInt8]? = nil, key: [UInt8]? = nil) throws -> Document {
        let plan = world.plan(path)
        guard let record else { return Explanation.document(of: plan, dataset: world.dataset, catalogue: world.catalogue, record: nil, key: key) }
        let view = try RecordView(record.span.bytes)
        return Explanation.document(of: plan, dataset: world.dataset, catalogue: world.catalogue, record: view, key: [1])
    }

    func access(_ document: Document) -> [String] { document["fields"]!.array!.map { $0["access"]!.string! } }
    func because(_ document: Document, _ field: Int) -> String { document["fields"]!.array![field - 1]["because"]!.string! }

    func world() throws -> World {
        var world = try World(sharing: "open")
        try world.agree("g1", ["get"], ["inner"])
        try world.agree("g2", ["get"], ["person"], where: "district = $principal.district")
        try world.agree("g3", ["write"], ["health"])
        return world
    }

    @Test func ofTheDatasetAsAWhole() throws {
        let document = try explain(world())
        #expect(access(document) == ["visible", "visible", "visible in some records", "unknown", "unknown"])
        #expect(because(document, 1) == "class open" && because(document, 2) == "agreement g1")
        #expect(because(document, 3) == "agreement g2 where district = '219'" && because(document, 4) == "nothing grants it")
        #expect(document["record"] == .null && document["dataset"] == "d")
        #expect(document["actions"] == ["get", "scan", "count", "watch", "export", "write"])
    }

    @Test func ofARecord() throws {
        let near = try explain(world(), "b/sys", World.near), far = try explain(world(), "b/sys", World.far)
        #expect(access(near) == ["visible", "visible", "visible", "unknown", "unknown"])
        #expect(access(far) == ["visible", "visible", "withheld", "unknown", "unknown"])
        #expect(because(far, 3) == "agreement g2 where district = '219', which this record does not fulfil")
        #expect(near["record"] == "visible" && far["record"] == "visible")
        #expect(try explain(world(), key: [9])["record"] == "absent")
        #expect(try access(explain(world(), "a/sys", World.far)) == Array(repeating: "visible", count: 5))
    }

    @Test func aHiddenRecordIsNotCalledAbsent() throws {
        var world = try World()
        #expect(try explain(world, "b/sys", World.near)["record"] == "hidden", "without any right")
        try world.agree("w", ["write"], ["*"])
        #expect(try explain(world, "b/sys", World.near)["record"] == "hidden", "with the right to write only")
        try world.agree("g", ["get"], ["open"], where: "district = '213'")
        #expect(try explain(world, "b/sys", World.near)["record"] == "hidden")
        #expect(try explain(world, "b/sys", World.far)["record"] == "visible")
    }

    @Test func aConditionOnADeletedFieldIsNamedAsThat() throws {
        var world = try World()
        try world.agree("g", ["get"], ["open"], where: "district = '219'")
        try world.share(as: "sharedOnRequest", fields: Array(World.fields[..<4]))
        let document = try explain(world, "b/sys", World.near)
        #expect(document["record"] == "hidden" && because(document, 1).contains("deleted_5 = '219'"))
    }

    /// It says nothing of values.
    @Test func noValueIsTold() throws {
        let text = try "\(explain(world(), "a/sys", World.record([1: "canary1", 2: "canary2", 3: "canary3", 4: "canary4", 5: "219"])))"
        #expect(!text.contains("canary"))
    }
}
