import Access
import Catalogue
import Core
import Records
import Testing

/// Row conditions: rights add up record by record.
@Suite struct RowTests {
    @Test(arguments: [
        ("district = '219'", true, false), ("district = $principal.district", true, false), ("district <> $principal.district", false, true),
        ("district = $principal.nothing", false, false), ("NOT district = $principal.nothing", false, false),
        ("district IN ($principal.district, '213')", true, true), ("district IN ($principal.nothing)", false, false),
        ("district IN ($principal.nothing, '213')", false, true), ("district NOT IN ($principal.nothing, '213')", false, false),
        ("district STARTS WITH $principal.level", true, true), ("district STARTS WITH $principal.nothing", false, false),
        ("district IS NULL", false, false), ("district IS NOT NULL AND open = 'o'", true, true), ("open = 'x' OR district = '213'", false, true),
    ])
    func aConditionDecidesRecordByRecord(_ condition: String, _ near: Bool, _ far: Bool) throws {
        var world = try World()
        try world.agree("g", ["get", "scan"], ["open", "person"], where: condition)
        let plan = world.plan()
        #expect(try World.shown(plan, World.near) == (near ? [1, 3] : nil))
        #expect(try World.shown(plan, World.far) == (far ? [1, 3] : nil))
        #expect(try World.shown(plan, World.near, for: .scan) == (near ? [1, 3] : nil))
        #expect(try World.shown(plan, World.near, for: .count) == nil)
        #expect(!plan.hidesNothing && plan.visible == mask(1, 3))
    }

    @Test func aConditionOnNullOrAMissingFieldIsUnknownAndHides() throws {
        var world = try World()
        try world.agree("g", ["get"], ["open"], where: "district = '219'")
        try world.agree("h", ["get"], ["open"], where: "NOT district = '219'")
        try world.agree("n", ["get"], ["inner"], where: "district IS NULL")
        for record in [World.record([1: "o", 2: "i", 5: nil]), World.record([1: "o", 2: "i"])] {
            #expect(try World.shown(world.plan(), record) == [2])
        }
    }

    /// Class, principal, agency and two conditions: each record gets the union of what holds for it, for that action.
    @Test func severalAgreementsAddUpRecordByRecord() throws {
        var world = try World(sharing: "open")
        try world.agree("g1", ["get", "scan"], ["inner"], where: "district = '219'")
        try world.agree("g2", ["get"], ["person"], where: "district = '213'", consumer: nil, agency: "b")
        try world.agree("g3", ["scan"], ["health"])
        try world.agree("g4", ["get"], ["district"], state: "suspended")
        let plan = world.plan()
        #expect(try World.shown(plan, World.near) == [1, 2])
        #expect(try World.shown(plan, World.near, for: .scan) == [1, 2, 4])
        #expect(try World.shown(plan, World.near, for: .count) == [1])
        #expect(try World.shown(plan, World.far) == [1, 3])
        #expect(try World.shown(plan, World.far, for: .scan) == [1, 4])
        #expect(plan.visible == mask(1, 2, 3, 4))
        #expect(try World.shown(world.plan("b/other"), World.far) == [1, 3])
        #expect(try World.shown(world.plan("c/sys"), World.far) == [1])
        try world.change(.agreement, ["code": "g1"], verb: .revoke)
        #expect(try World.shown(world.plan(), World.near) == [1])
    }

    @Test func hidesNothingNeedsEveryFieldInEveryRecordForEveryReading() throws {
        let reading = ["get", "scan", "count", "watch", "export"]
        for (agreements, nothing) in [
            ([(reading, ["*"], nil as String?)], true), ([(reading + ["write"], ["*"], nil)], true),
            ([(Array(reading.dropLast()), ["*"], nil)], false), ([(reading, ["open", "inner", "person", "health"], nil)], false),
            ([(reading, ["*"], "district = '219'")], false),
            ([(reading, ["open", "inner", "person", "health"], nil), (reading, ["district"], nil)], true),
            ([(reading, ["open", "inner", "person", "health"], nil), (["get"], ["district"], nil)], false),
            ([(reading, ["*"], "district = '219'"), (reading, ["*"], "NOT district = '219'")], false),
        ] {
            var world = try World()
            for (n, agreement) in agreements.enumerated() { try world.agree("g\(n)", agreement.0, agreement.1, where: agreement.2) }
            #expect(world.plan().hidesNothing == nothing, "\(agreements)")
        }
    }

    /// A value that a record still holds of a deleted field gives no right.
    @Test func aConditionOnADeletedFieldHoldsForNoRecord() throws {
        var world = try World()
        try world.agree("g", ["get"], ["open"], where: "district = '219'")
        try world.agree("h", ["get"], ["inner"], where: "district IS NULL")
        try world.agree("i", ["get"], ["person"], where: "district <> '219' OR open = 'o'")
        try world.share(as: "sharedOnRequest", fields: Array(World.fields[..<4]))
        for record in [World.near, World.far, World.record([1: "o", 2: "i", 3: "p", 4: "h"])] {
            #expect(try World.shown(world.plan(), record) == [3])
        }
    }
}
