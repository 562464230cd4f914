import Access
import Catalogue
import Core
import Records
import Testing

/// The decision table: who may do what, each allow and each deny.
@Suite struct DecisionTests {
    /// What a principal sees of a dataset without any agreement: class, principal, fields (nil: nothing at all), whether it may write.
    @Test(arguments: [
        ("open", "a/sys", [1, 2, 3, 4, 5] as [UInt16]?, true), ("open", "b/sys", [1], false), ("open", "c/sys", [1], false),
        ("open", "a/gate", nil, false), ("open", "a/admin", nil, false), ("open", "ops/admin", nil, false),
        ("sharedByDefault", "a/sys", [1, 2, 3, 4, 5], true), ("sharedByDefault", "b/sys", [1, 2], false), ("sharedByDefault", "a/gate", nil, false),
        ("sharedByDefault", "a/admin", nil, false), ("sharedByDefault", "ops/admin", nil, false),
        ("sharedOnRequest", "a/sys", [1, 2, 3, 4, 5], true), ("sharedOnRequest", "b/sys", nil, false), ("sharedOnRequest", "a/gate", nil, false),
        ("sharedOnRequest", "a/admin", nil, false), ("sharedOnRequest", "ops/admin", nil, false),
    ])
    func withoutAgreement(_ sharing: String, _ path: String, _ fields: [UInt16]?, _ writes: Bool) throws {
        let world = try World(sharing: sharing)
        let plan = world.plan(path)
        for action in [Actions.get, .scan, .count, .watch, .export] {
            #expect(try World.shown(plan, for: action) == fields)
            #expect(plan.actions.contains(action) == (fields != nil))
        }
        #expect(plan.visible.fields.map(\.rawValue) == fields ?? [])
        #expect(plan.schema.fields.map(\.id.rawValue) == fields ?? [])
        #expect(plan.hidesNothing == (path == "a/sys"))
        #expect(plan.actions.contains(.write) == writes && plan.writable == (writes ? world.dataset.schema.mask : .none))
        for kind in [AccessPlan.WriteKind.put, .delete, .update(mask(1)), .update(.none)] {
            #expect(plan.allows(kind, of: world.dataset) == writes)
            #expect(plan.allowsPuts == plan.allows(.put, of: world.dataset))
        }
        #expect(plan.isOpen == (sharing == "open"))
        #expect(plan.validUntil == nil)
    }

    @Test func anInactivePrincipalHasNoRight() throws {
        for sharing in ["open", "sharedByDefault", "sharedOnRequest"] {
            var world = try World(sharing: sharing)
            try world.agree(consumer: "b/sys")
            for path in ["a/sys", "b/sys"] {
                let parts = path.split(separator: "/").map(String.init)
                try world.change(.principal, ["code": .string(parts[1]), "agency": .string(parts[0]), "active": false])
                let plan = world.plan(path)
                #expect(plan.grants.isEmpty && plan.actions.isEmpty && plan.visible.isEmpty && plan.writable.isEmpty && !plan.hidesNothing)
                #expect(try World.shown(plan) == nil)
            }
        }
    }

    @Test(arguments: ["proposed", "approved", "suspended", "revoked", "ended"])
    func onlyAnApprovedAgreementCounts(_ state: String) throws {
        var world = try World()
        try world.agree("g", ["get", "write"], ["open"], state: state)
        #expect(try World.shown(world.plan()) == (state == "approved" ? [1] : nil))
        #expect(world.plan().allows(.update(mask(1)), of: world.dataset) == (state == "approved"))
    }

    @Test func aChangeOfStateTakesEffectInThePlanOfThatIndex() throws {
        var world = try World()
        try world.agree(state: "proposed")
        for (verb, shown) in [(CatalogueChange.Verb.approve, true), (.suspend, false), (.approve, true), (.revoke, false)] {
            let before = world.plan()
            try world.change(.agreement, ["code": "g"], verb: verb)
            #expect(try (World.shown(world.plan()) != nil) == shown)
            #expect(!before.holds(policyIndex: world.catalogue.policyIndex, at: World.now))
        }
    }

    /// From, until, now, whether in force, when the plan ends. Seconds.
    @Test(arguments: [
        (nil as Int64?, nil as Int64?, true, nil as Int64?), (999, nil, true, nil), (1_000, nil, true, nil), (1_001, nil, false, 1_001),
        (nil, 999, false, nil), (nil, 1_000, false, nil), (nil, 1_001, true, 1_001), (999, 1_001, true, 1_001), (1_000, 1_001, true, 1_001),
        (1_001, 1_002, false, 1_001), (998, 999, false, nil),
    ])
    func theTerm(_ from: Int64?, _ until: Int64?, _ inForce: Bool, _ ends: Int64?) throws {
        var world = try World()
        try world.agree(from: from.map { $0 * 1_000 }, until: until.map { $0 * 1_000 })
        let plan = world.plan()
        #expect(try (World.shown(plan) != nil) == inForce)
        #expect(plan.validUntil == ends.map { LogTime(milliseconds: $0 * 1_000) })
        let policy = world.catalogue.policyIndex
        if let ends {
            #expect(plan.holds(policyIndex: policy, at: LogTime(milliseconds: ends * 1_000 - 1)))
            #expect(!plan.holds(policyIndex: policy, at: LogTime(milliseconds: ends * 1_000)))
        } else {
            #expect(plan.holds(policyIndex: policy, at: LogTime(milliseconds: .max)))
        }
    }

    /// Of several terms the next one that begins or ends bounds the plan; a suspended agreement's does not.
    @Test func theNextTermBoundsThePlan() throws {
        var world = try World()
        try world.agree("g1", until: 5_000_000)
        try world.agree("g2", from: 3_000_000, until: 4_000_000)
        try world.agree("g3", until: 2_000_000, state: "suspended")
        #expect(world.plan().validUntil == LogTime(milliseconds: 3_000_000))
        #expect(world.plan(at: LogTime(milliseconds: 3_000_000)).validUntil == LogTime(milliseconds: 4_000_000))
        #expect(world.plan(at: LogTime(milliseconds: 4_000_000)).validUntil == LogTime(milliseconds: 5_000_000))
        #expect(world.plan(at: LogTime(milliseconds: 5_000_000)).grants.isEmpty)
    }

    @Test(arguments: ["get", "scan", "count", "watch", "export"])
    func anActionAllowsItselfAlone(_ name: String) throws {
        var world = try World()
        try world.agree("g", [name])
        let plan = world.plan()
        for (other, action) in Actions.names where action != .write {
            #expect(try World.shown(plan, for: action) == (other == name ? [1] : nil), "\(other) by \(name)")
        }
        #expect(!plan.allows(.update(mask(1)), of: world.dataset) && plan.writable.isEmpty)
        #expect(!plan.hidesNothing)
    }

    @Test func theRightToWriteShowsNothing() throws {
        var world = try World()
        try world.agree("g", ["write"], ["*"])
        let plan = world.plan()
        for action in [Actions.get, .scan, .count, .watch, .export] { #expect(try World.shown(plan, for: action) == nil) }
        #expect(plan.schema.fields.isEmpty && plan.visible.isEmpty && !plan.hidesNothing)
        #expect(plan.allows(.put, of: world.dataset) && plan.allows(.delete, of: world.dataset) && plan.allowsPuts)
    }

    /// Granted fields, the write, whether it is allowed.
    @Test(arguments: [
        ([1] as [UInt16], AccessPlan.WriteKind.update(mask(1)), true), ([1], .update(.none), true), ([1], .update(mask(1, 2)), false),
        ([1], .update(mask(2)), false), ([1], .update(mask(99)), false), ([1], .put, false), ([1], .delete, false), ([1, 2, 3, 4], .put, false),
        ([1, 2, 3, 4], .delete, false), ([1, 2, 3, 4, 5], .put, true), ([1, 2, 3, 4, 5], .delete, true), ([1, 2, 3, 4, 5], .update(mask(99)), false),
    ])
    func writes(_ granted: [UInt16], _ kind: AccessPlan.WriteKind, _ allowed: Bool) throws {
        var world = try World(sharing: "sharedByDefault")
        try world.agree("g", ["write"], granted.map { World.fields[Int($0) - 1]["name"]!.string! })
        #expect(world.plan().allows(kind, of: world.dataset) == allowed)
        #expect(!world.plan("c/sys").allows(kind, of: world.dataset))
    }

    @Test func writeRightsOfSeveralAgreementsAddUp() throws {
        var world = try World()
        try world.agree("g1", ["write"], ["open", "inner", "person"])
        #expect(!world.plan().allows(.put, of: world.dataset))
        try world.agree("g2", ["write", "get"], ["health", "district"], consumer: nil, agency: "b")
        #expect(world.plan().allows(.put, of: world.dataset))
        // A new field is not covered.
        try world.share(as: "sharedOnRequest", fields: World.fields + [["name": "new", "kind": "string", "sensitivity": "public"]])
        #expect(!world.plan().allows(.put, of: world.dataset) && !world.plan().allows(.delete, of: world.dataset))
        #expect(world.plan("a/sys").allows(.put, of: world.dataset))
    }

    @Test func theConsumerIsAPrincipalOrEverySystemOfAnAgency() throws {
        var world = try World()
        try world.agree("g", consumer: "b/sys")
        #expect(try World.shown(world.plan("b/sys")) == [1])
        #expect(try World.shown(world.plan("b/other")) == nil)
        #expect(try World.shown(world.plan("c/sys")) == nil)
        try world.agree("h", ["get"], ["inner"], consumer: nil, agency: "b")
        #expect(try World.shown(world.plan("b/sys")) == [1, 2])
        #expect(try World.shown(world.plan("b/other")) == [2])
        #expect(try World.shown(world.plan("c/sys")) == nil)
        // A gateway or an administrator of the agency is no consumer.
        try world.change(.principal, ["code": "gate", "agency": "b", "role": "gateway"])
        try world.change(.principal, ["code": "admin", "agency": "b", "role": "administrator"])
        #expect(world.plan("b/gate").grants.isEmpty && world.plan("b/admin").grants.isEmpty)
    }

    @Test func anotherDatasetsAgreementGivesNothing() throws {
        var world = try World()
        try world.change(.dataset, ["code": "e", "owner": "a", "class": "sharedOnRequest", "fields": .array(World.fields)])
        try world.change(
            .agreement, ["code": "x", "dataset": "e", "consumer": "b/sys", "actions": ["get", "write"], "fields": "*", "purpose": "p"])
        #expect(world.plan().grants.isEmpty)
    }

    @Test func anotherOwnerEndsTheOldOnesRights() throws {
        var world = try World()
        #expect(world.plan("a/sys").hidesNothing)
        try world.share(as: "sharedOnRequest", owner: "b")
        #expect(world.plan("a/sys").grants.isEmpty)
        #expect(world.plan("b/sys").hidesNothing && world.plan("b/other").allows(.put, of: world.dataset))
    }

    @Test func anotherClassEndsWhatTheOldOneGave() throws {
        var world = try World(sharing: "open")
        #expect(try World.shown(world.plan()) == [1])
        try world.share(as: "sharedByDefault")
        #expect(try World.shown(world.plan()) == [1, 2])
        try world.share(as: "sharedOnRequest")
        #expect(try World.shown(world.plan()) == nil)
    }

    @Test func aFieldMadeMoreSensitiveIsNoLongerShownByTheClass() throws {
        var world = try World(sharing: "open")
        var fields = World.fields
        fields[0] = ["name": "open", "kind": "string", "sensitivity": "personal"]
        try world.share(as: "open", fields: fields)
        #expect(world.plan().visible.isEmpty)
    }

    @Test func aNewFieldIsHiddenAndARenamedOneIsNot() throws {
        var world = try World()
        try world.agree("g", ["get"], ["*"])
        var fields = World.fields
        fields[2] = ["name": "citizen", "kind": "string", "sensitivity": "personal", "renamedFrom": "person"]
        fields.append(["name": "new", "kind": "string", "sensitivity": "public"])
        try world.share(as: "sharedOnRequest", fields: fields)
        #expect(world.plan().schema.fields.map(\.name) == ["open", "inner", "citizen", "health", "district"])
        #expect(!world.plan().hidesNothing)
    }

    @Test func aFieldDeletedAndMadeAgainHasNoRights() throws {
        var world = try World()
        try world.agree("g", ["get", "write"], ["person"])
        try world.share(as: "sharedOnRequest", fields: Array(World.fields[..<2]))
        #expect(world.plan().visible.isEmpty && world.plan().writable.isEmpty)
        try world.share(as: "sharedOnRequest", fields: Array(World.fields[..<3]))
        let plan = world.plan()
        #expect(plan.visible.isEmpty && plan.writable.isEmpty)
        #expect(!plan.allows(.update(mask(world.dataset.schema.field(named: "person")!.id.rawValue)), of: world.dataset))
    }
}
