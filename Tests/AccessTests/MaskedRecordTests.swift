import Access
import Catalogue
import Core
import Records
import Testing

@Suite struct MaskedRecordTests {
    @Test func aHiddenRecordIsNone() throws {
        var world = try World()
        #expect(try World.masked(world.plan()) == nil)
        try world.agree("g", ["get"], ["open"], where: "district = '213'")
        #expect(try World.masked(world.plan()) == nil)
        #expect(try World.masked(world.plan(), World.far) != nil)
        #expect(try World.masked(world.plan(), World.far, for: .scan) == nil)
    }

    @Test func visibleWithheldAndUnknownFields() throws {
        var world = try World()
        try world.agree("g", ["get"], ["open"])
        try world.agree("h", ["get"], ["person"], where: "district = '219'")
        let near = try World.masked(world.plan()), far = try World.masked(world.plan(), World.far)
        #expect(near?.fields == [.init(id: FieldID(1), value: .string("o")), .init(id: FieldID(3), value: .string("p"))])
        #expect(far?.fields == [.init(id: FieldID(1), value: .string("o")), .init(id: FieldID(3), value: .withheld)])
        #expect(near?.modifiedAt == nil && near?.modifiedTime == nil && near?.schemaVersion == 0)
    }

    /// A field that is visible by another action only is withheld.
    @Test func theActionCounts() throws {
        var world = try World()
        try world.agree("g", ["get", "scan"], ["open"])
        try world.agree("h", ["scan"], ["person"])
        #expect(try World.masked(world.plan())?[FieldID(3)] == .withheld)
        #expect(try World.masked(world.plan(), for: .scan)?[FieldID(3)] == .string("p"))
    }

    @Test func whatIsAskedForNarrowsAndNeverWidens() throws {
        var world = try World()
        try world.agree("g", ["get"], ["open", "inner"])
        #expect(try World.masked(world.plan(), requested: mask(2, 3, 99))?.fields.map(\.id.rawValue) == [2])
        #expect(try World.masked(world.plan(), requested: FieldMask.none)?.fields.isEmpty == true)
        #expect(try World.masked(world.plan("a/sys"), requested: mask(4))?.fields == [.init(id: FieldID(4), value: .string("h"))])
    }

    @Test func whoSeesAllGetsTheStoredBytes() throws {
        let world = try World()
        let record = try World.masked(world.plan("a/sys"))
        #expect(record == (try Record(decoding: World.near, key: [1])))
        #expect(record?.modifiedAt == LogIndex(7) && record?.fields.count == 5)
    }

    /// A record that was written before a field was deleted still holds its value.
    @Test func aDeletedFieldIsShownToNobody() throws {
        var world = try World()
        try world.share(as: "sharedOnRequest", fields: Array(World.fields[..<3]))
        let record = try World.masked(world.plan("a/sys"))
        #expect(record?.fields.map(\.id.rawValue) == [1, 2, 3])
        #expect(record?.modifiedAt == LogIndex(7))
    }

    /// Two records that differ only in what is hidden are the same bytes, whatever they were written under.
    @Test func whatIsHiddenShowsInNoByte() throws {
        var world = try World()
        try world.agree("g", ["get"], ["open", "inner"])
        try world.agree("h", ["get"], ["person"], where: "district = '219'")
        let plan = world.plan()
        func bytes(_ stored: [UInt8]) throws -> [UInt8] {
            let view = try RecordView(stored.span.bytes)
            let key: [UInt8] = [1]
            guard let record = MaskedRecord(view, key: key.span.bytes, through: plan, for: .get) else { return [] }
            var out: [UInt8] = []
            record.write(into: &out, requested: nil)
            return out
        }
        func stored(_ fields: [(UInt16, Value)], version: UInt32, index: UInt64) -> [UInt8] {
            RecordCodec.encode(
                key: [1], schemaVersion: version, modifiedAt: LogIndex(index), time: LogTime(milliseconds: Int64(index)),
                fields: fields.map { (FieldID($0.0), $0.1, .string) })
        }
        let want = try bytes(stored([(1, .string("o")), (3, .string("p")), (5, .string("213"))], version: 1, index: 1))
        #expect(!want.isEmpty)
        for other in [
            stored([(1, .string("o")), (2, .null), (3, .string("other")), (5, .string("213"))], version: 1, index: 1),
            stored([(1, .string("o")), (3, .null), (5, .null)], version: 1, index: 1), stored([(1, .string("o"))], version: 2, index: 9),
            stored([(1, .string("o")), (2, .null), (3, .string("p")), (4, .string(String(repeating: "x", count: 500))), (9, .string("y"))], version: 7, index: 9),
        ] {
            #expect(try bytes(other) == want)
        }
    }

    /// The version of a schema that is seen in part does not move with the rest.
    @Test func hiddenFieldsShowInNoVersion() throws {
        var world = try World()
        try world.agree("g", ["get"], ["open"])
        try world.agree("all", ["get"], ["*"], consumer: "c/sys")
        let before = world.plan()
        #expect(world.plan("c/sys").schema.version == 1 && world.plan("a/sys").schema.version == 1)
        try world.share(as: "sharedOnRequest", fields: World.fields + [["name": "more", "kind": "string", "sensitivity": "sensitive"]])
        #expect(world.plan("a/sys").schema.version == 2)
        #expect(world.plan().schema == before.schema && before.schema.version == 0)
        #expect(world.plan("c/sys").schema.version == 0, "there is a field now that it does not see")
    }

    @Test(arguments: [
        ("person = 'p'", true, false), ("NOT person = 'p'", false, false), ("person IS NULL", false, false), ("person IS NOT NULL", true, false),
        ("NOT (person IS NULL)", true, false), ("person = 'p' OR open = 'o'", true, true), ("NOT (person = 'q' AND open = 'x')", true, true),
        ("person <> 'q' AND open = 'o'", true, false),
    ])
    func aFilterSeesWhatIsShown(_ filter: String, _ near: Bool, _ far: Bool) throws {
        var world = try World()
        try world.agree("g", ["get"], ["open"])
        try world.agree("h", ["get"], ["person"], where: "district = '219'")
        let plan = world.plan()
        let condition = try Condition.parse(filter, allowsAttributes: false) { plan.schema.field(named: $0) }
        for (bytes, holds) in [(World.near, near), (World.far, far)] {
            let view = try RecordView(bytes.span.bytes)
            let key: [UInt8] = [1]
            guard let record = MaskedRecord(view, key: key.span.bytes, through: plan, for: .get) else { return #expect(Bool(false)) }
            #expect(record.fulfils(condition) == holds)
        }
    }

    /// A hidden field and one that there is not are refused with the same words, at the same place.
    @Test func aFilterOnAHiddenFieldIsOnAnUnknownOne() throws {
        var world = try World()
        try world.agree("g", ["get"], ["open"])
        let plan = world.plan()
        func error(_ text: String) -> (position: Int, message: String)? {
            do throws(ConditionError) {
                _ = try Condition.parse(text, allowsAttributes: false) { plan.schema.field(named: $0) }
                return nil
            } catch { return (error.position, error.message) }
        }
        #expect(error("open = 'o'") == nil)
        #expect(error("health = 'o'")! == (0, "unknown field \"health\""))
        #expect(error("absent = 'o'")! == (0, "unknown field \"absent\""))
        #expect(error("open = $principal.district")?.message.contains("agreements only") == true)
    }
}
