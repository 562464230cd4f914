import Catalogue
import Core
import Records
import Testing

@testable import Store

@Suite struct ApplyTests {
    let world: Fixture

    init() throws {
        world = try Fixture()
        try world.makeWorld()
        _ = try world.write([try world.put("units", "219", [(1, .string("Lục Ngạn"))]), try world.put("units", "213", [(1, .string("Bắc Giang"))])])
    }

    func rejected(_ outcome: CommandOutcome?) -> Rejection.Reason? { if case let .rejected(rejection) = outcome { rejection.reason } else { nil } }

    func house(_ key: String, _ condition: WriteCondition = .none) throws -> WriteOperation {
        try world.put("houses", key, [(1, .string("Một")), (2, .string("219")), (3, .string("Lan")), (4, .int64(5))], condition)
    }

    @Test func theOwnerWritesAndReadsAndNobodyElse() throws {
        #expect(rejected(try world.write([house("1")])) == nil)
        #expect(try world.get("houses", "1")?[FieldID(3)] == .string("Lan"))
        #expect(try world.get("houses", "1", as: "b/sys") == nil)
        #expect(rejected(try world.write([house("1")], as: "b/sys")) == .denied)
        #expect(try world.get("units", "219", as: "b/sys")?[FieldID(1)] == .string("Lục Ngạn"))
    }

    @Test func anAgreementShowsItsFieldsAndARevocationEndsIt() throws {
        _ = try world.write([house("1"), try world.put("houses", "2", [(1, .string("Hai")), (2, .string("213")), (3, .string("Nam"))])])
        let everywhere: Document = [
            "code": "g1", "dataset": "houses", "consumer": "b/sys", "actions": ["get", "scan", "count"], "fields": ["name"], "purpose": "p",
        ]
        let own: Document = [
            "code": "g2", "dataset": "houses", "consumer": "b/sys", "actions": ["get"], "fields": ["name", "owner"],
            "where": "district = $principal.district", "purpose": "p",
        ]
        #expect(rejected(try world.change(.agreement, everywhere)) == nil)
        #expect(rejected(try world.change(.agreement, own)) == nil)
        let near = try world.get("houses", "1", as: "b/sys"), far = try world.get("houses", "2", as: "b/sys")
        #expect(near?[FieldID(3)] == .string("Lan"))
        #expect(far?[FieldID(1)] == .string("Hai") && far?[FieldID(3)] == .withheld)
        #expect(far?[FieldID(4)] == nil)
        _ = try world.change(.agreement, ["code": "g2"], verb: .revoke)
        #expect(try world.get("houses", "1", as: "b/sys")?[FieldID(3)] == nil)
        _ = try world.change(.agreement, ["code": "g1"], verb: .suspend)
        #expect(try world.get("houses", "1", as: "b/sys") == nil)
    }

    /// One character may have any number of bytes: a refusal cut by characters did not fit its answer and ended every node that applied it.
    @Test func aRefusalFitsItsAnswerWhateverItRepeats() throws {
        let name = "e" + String(repeating: "\u{301}", count: 32_000)
        let outcomes = [
            try world.change(.agency, .object([.init("code", "c"), .init(name, 1)])),
            try world.change(.dataset, .object([.init("code", "d"), .init("owner", "a"), .init("class", "open"), .init("fields", [.object([.init(name, 1)])])])),
        ]
        for outcome in outcomes {
            guard case let .rejected(rejection)? = outcome else { return #expect(Bool(false), "it was taken") }
            #expect(rejection.path.utf8.count <= Limits.refusalPathBytes && rejection.text.utf8.count <= Limits.refusalTextBytes)
            #expect(rejection.path.unicodeScalars.contains("\u{301}") && rejection.text.contains("unknown member"))
            let bytes = try #require(outcome?.encoded())
            #expect(try bytes.reading { reader throws(DecodingError) in try CommandOutcome(from: &reader) } == outcome)
        }
    }

    @Test func aBatchTakesEffectAsAWholeOrNotAtAll() throws {
        #expect(rejected(try world.write([house("1"), house("2", .present)])) == .conflict)
        #expect(try world.get("houses", "1") == nil)
        #expect(rejected(try world.write([house("1", .absent), house("2", .absent)])) == nil)
        #expect(rejected(try world.write([house("3"), house("1", .absent)])) == .conflict)
        #expect(rejected(try world.write([house("4"), house("4")])) == .invalid)
        #expect(try world.get("houses", "3") == nil)
    }

    @Test func conditionsCompareTheLastChange() throws {
        guard case let .written(index) = try world.write([house("1")]) else { return #expect(Bool(false)) }
        #expect(rejected(try world.write([house("1", .modifiedAt(LogIndex(1)))])) == .conflict)
        #expect(rejected(try world.write([house("1", .modifiedAt(index))])) == nil)
    }

    @Test func anUpdateKeepsTheRest() throws {
        _ = try world.write([house("1")])
        #expect(rejected(try world.write([world.put("houses", "1", [(4, .int64(9))], kind: .update)])) == nil)
        let record = try world.get("houses", "1")
        #expect(record?[FieldID(4)] == .int64(9) && record?[FieldID(3)] == .string("Lan"))
        #expect(rejected(try world.write([world.put("houses", "9", [(4, .int64(9))], kind: .update)])) == .notFound)
        #expect(rejected(try world.write([world.put("houses", "1", [(1, .null)], kind: .update)])) == .schema)
    }

    @Test func schemaAndCodeListAreKept() throws {
        for (fields, rule): ([(UInt16, Value)], SchemaRule) in [
            ([(2, .string("219"))], .required), ([(1, .string("x")), (2, .string("999"))], .notInCodeList), ([(1, .int64(1))], .wrongKind),
            ([(1, .string("x")), (9, .null)], .unknownField), ([(1, .string("o\u{302}"))], .notNFC),
        ] {
            guard case let .rejected(rejection) = try world.write([world.put("houses", "1", fields)]) else {
                Issue.record("\(rule) was not kept")
                continue
            }
            #expect(rejection.rule == rule)
        }
        #expect(rejected(try world.write([WriteOperation(kind: .put, dataset: world.dataset("houses"), key: Array("o\u{302}".utf8))])) == .invalid)
        #expect(rejected(try world.write([WriteOperation(kind: .put, dataset: world.dataset("houses"), key: [])])) == .invalid)
    }

    @Test func aRetriedWriteIsAppliedOnce() throws {
        guard case let .sessionOpened(session) = try world.apply(.openSession(world.principal("a/sys"))) else { return #expect(Bool(false)) }
        let first = try world.write([house("1", .absent)], session: session, sequence: 1)
        #expect(rejected(first) == nil)
        #expect(try world.write([house("1", .absent)], session: session, sequence: 1) == first)
        #expect(rejected(try world.write([house("1", .absent)], session: session, sequence: 2)) == .conflict)
        #expect(rejected(try world.write([house("1")], as: "b/sys", session: session, sequence: 3)) == .sessionEnded)
        // The stored answer stands even if the right has gone since.
        _ = try world.change(.principal, ["code": "sys", "agency": "a", "active": false])
        #expect(try world.write([house("1", .absent)], session: session, sequence: 1) == first)
        #expect(rejected(try world.write([house("2")], session: session, sequence: 4)) == .unauthenticated)
    }

    @Test func anIdleSessionEndsByTheLogsTime() throws {
        guard case let .sessionOpened(session) = try world.apply(.openSession(world.principal("a/sys"))) else { return #expect(Bool(false)) }
        let late = Limits.sessionIdleMilliseconds + 10_000
        #expect(rejected(try world.write([house("1")], session: session, sequence: 1, time: late)) == .sessionEnded)
    }

    @Test func answersOutsideTheWindowAreForgottenAndNotAppliedAnew() throws {
        guard case let .sessionOpened(session) = try world.apply(.openSession(world.principal("a/sys"))) else { return #expect(Bool(false)) }
        _ = try world.write([house("1", .absent)], session: session, sequence: 1)
        _ = try world.write([house("2", .absent)], session: session, sequence: UInt64(Limits.sessionAnswers) + 1)
        #expect(rejected(try world.write([house("1", .absent)], session: session, sequence: 1)) == .sequenceTooOld)
    }

    @Test func onlyAdministratorsChangeTheCatalogueAndAWrongChangeLeavesItAlone() throws {
        let before = try world.catalogue.policyIndex
        let asked = try world.apply(.catalogue(.init(actor: world.principal("a/sys"), change: .init(kind: .agency, document: ["code": "c"]))))
        #expect(rejected(asked) == .denied)
        #expect(rejected(try world.change(.agency, ["cod": "c"])) == .catalogue)
        #expect(rejected(try world.change(.dataset, ["code": "s", "owner": "a", "class": "secret", "fields": []])) == .catalogue)
        #expect(try world.catalogue.policyIndex == before)
        // A change that changes nothing is none.
        _ = try world.change(.agency, ["code": "a"])
        #expect(try world.catalogue.policyIndex == before)
    }

    @Test func anUnknownCommandStopsTheNode() throws {
        var entry = world.entry(.openSession(PrincipalID(1)))
        entry.payload = [1, 99]
        #expect(throws: StoreError.unknownCommand(entry.index)) { try world.store.apply([entry]) }
    }
}
