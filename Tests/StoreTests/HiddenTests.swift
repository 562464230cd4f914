import Access
import Catalogue
import Core
import Records
import Testing

@testable import Store

/// What is hidden shows in nothing: one case each that the generated ones of `NonInterferenceTests` also reach.
@Suite struct HiddenTests {
    let world: Fixture

    init() throws {
        world = try Fixture()
        try world.makeWorld()
        _ = try world.write([try world.put("units", "219", []), try world.put("units", "213", [])])
        for (key, district) in [("near", "219"), ("far", "213")] {
            _ = try world.write([
                try world.put("houses", key, [(1, .string("Một")), (2, .string(district)), (3, .string("Lan")), (4, .int64(5))])
            ])
        }
    }

    func agree(_ code: String, _ actions: [String], _ fields: [String], where condition: String? = nil) throws {
        var members: [Document.Member] = [
            .init("code", .string(code)), .init("dataset", "houses"), .init("consumer", "b/sys"), .init("purpose", "p"),
            .init("actions", .array(actions.map { .string($0) })), .init("fields", fields == ["*"] ? "*" : .array(fields.map { .string($0) })),
        ]
        if let condition { members.append(.init("where", .string(condition))) }
        #expect(refusal(try world.change(.agreement, .object(members))) == nil)
    }

    /// The dataset `houses` with these fields.
    func redefine(_ fields: [String]) throws {
        let all: [String: Document] = [
            "name": ["name": "name", "kind": "string", "sensitivity": "public", "required": true],
            "district": ["name": "district", "kind": "string", "sensitivity": "public", "codeList": "units"],
            "owner": ["name": "owner", "kind": "string", "sensitivity": "personal"],
            "capital": ["name": "capital", "kind": "int64", "sensitivity": "internal"],
            "phone": ["name": "phone", "kind": "string", "sensitivity": "personal"],
        ]
        let document: Document = ["code": "houses", "owner": "a", "class": "sharedOnRequest", "fields": .array(fields.map { all[$0]! })]
        #expect(refusal(try world.change(.dataset, document)) == nil)
    }

    func refusal(_ outcome: CommandOutcome?) -> Rejection? { if case let .rejected(rejection) = outcome { rejection } else { nil } }

    /// The bytes that `b/sys` gets.
    func bytes(_ key: String, for action: Actions = .get) throws -> [UInt8]? {
        try world.store.withReadView { view throws(StoreError) in
            let plan = AccessPlan.compile(
                for: view.catalogue.principal(path: "b/sys")!, dataset: view.catalogue.dataset(code: "houses")!, in: view.catalogue, at: view.state.time)
            return try view.get(Array(key.utf8), through: plan, for: action) { record in
                var out: [UInt8] = []
                record.write(into: &out, requested: nil)
                return out
            }
        }
    }

    @Test func anUpdateOfAHiddenRecordAnswersAsForOneThatIsNotThere() throws {
        try agree("w", ["write"], ["capital"])
        try agree("r", ["get"], ["name"], where: "district = $principal.district")
        let hidden = refusal(try world.write([world.put("houses", "far", [(4, .int64(9))], kind: .update)], as: "b/sys"))
        let absent = refusal(try world.write([world.put("houses", "none", [(4, .int64(9))], kind: .update)], as: "b/sys"))
        #expect(hidden == absent && absent?.reason == .notFound)
        #expect(try world.get("houses", "far")?[FieldID(4)] == .int64(5))
        // What it sees it may update, and what it does not see of it stays.
        #expect(refusal(try world.write([world.put("houses", "near", [(4, .int64(9))], kind: .update)], as: "b/sys")) == nil)
        let near = try world.get("houses", "near")
        #expect(near?[FieldID(4)] == .int64(9) && near?[FieldID(3)] == .string("Lan") && near?[FieldID(2)] == .string("219"))
    }

    @Test func theRightToDoOneReadingActionIsEnoughToUpdate() throws {
        try agree("w", ["write"], ["capital"])
        try agree("r", ["export"], ["name"], where: "district = $principal.district")
        #expect(refusal(try world.write([world.put("houses", "near", [(4, .int64(9))], kind: .update)], as: "b/sys")) == nil)
        #expect(refusal(try world.write([world.put("houses", "far", [(4, .int64(9))], kind: .update)], as: "b/sys"))?.reason == .notFound)
    }

    @Test func aCodeOfAListThatTheWriterDoesNotSeeIsNoCode() throws {
        try agree("w", ["write", "get"], ["name", "district"])
        func write(_ code: String) throws -> Rejection? {
            refusal(try world.write([world.put("houses", "near", [(2, .string(code))], kind: .update)], as: "b/sys"))
        }
        #expect(try write("213") == nil)
        #expect(try write("999")?.rule == .notInCodeList)
        _ = try world.change(
            .dataset,
            [
                "code": "units", "owner": "a", "class": "sharedOnRequest", "kind": "codeList",
                "fields": [["name": "name", "kind": "string", "sensitivity": "public"]],
            ])
        let hidden = try write("213"), absent = try write("999")
        #expect(hidden == absent && hidden?.rule == .notInCodeList)
        // The list's owner goes on.
        #expect(refusal(try world.write([world.put("houses", "near", [(2, .string("213"))], kind: .update)])) == nil)
        // A right to some of its records makes those codes.
        _ = try world.change(
            .agreement,
            ["code": "u", "dataset": "units", "consumer": "b/sys", "purpose": "p", "actions": ["get"], "fields": ["name"], "where": "name IS NULL"])
        #expect(try write("219") == nil)
    }

    @Test func aChangeOfHiddenFieldsDoesNotShowInTheRecord() throws {
        try agree("r", ["get"], ["name", "district"])
        let before = try bytes("near")
        _ = try world.write([try world.put("houses", "near", [(3, .string("Nam"))], kind: .update)])
        #expect(try bytes("near") == before)
    }

    /// The record is written anew under the new schema, whose fields it then all has.
    @Test func norDoesTheSchemaThatItWasWrittenUnder() throws {
        try redefine(["name", "district", "owner", "capital", "phone"])
        try agree("r", ["get"], ["name", "phone"])
        let before = try bytes("near")
        _ = try world.write([try world.put("houses", "near", [(3, .string("Nam"))], kind: .update)])
        #expect(try bytes("near") == before)
        let record = try Record(decoding: before ?? [], key: Array("near".utf8))
        #expect(record.schemaVersion == 0 && record.modifiedAt == nil)
    }

    @Test func theValueOfADeletedFieldIsShownToNobody() throws {
        try redefine(["name", "district", "capital"])
        try agree("r", ["get", "scan", "count", "watch", "export"], ["*"])
        let record = try Record(decoding: bytes("near") ?? [], key: Array("near".utf8))
        #expect(record[FieldID(3)] == nil && record[FieldID(1)] == .string("Một"))
        #expect(record.modifiedAt != nil, "nothing that there is was hidden")
        let owners = try world.get("houses", "near")
        #expect(owners?[FieldID(3)] == nil && owners?[FieldID(1)] == .string("Một"))
        // Nor if a field of the same name is made again.
        try redefine(["name", "district", "capital", "owner"])
        #expect(try Record(decoding: bytes("near") ?? [], key: Array("near".utf8)).fields.map(\.id.rawValue) == [1, 2, 4])
    }

    /// Records that were not written since still hold its value; a right must not depend on that, and must never grow by a deletion.
    @Test func aRowConditionOnADeletedFieldHoldsForNoRecord() throws {
        try agree("r", ["get"], ["name"], where: "owner = 'Lan'")
        try agree("s", ["scan"], ["name"], where: "owner IS NULL")
        #expect(try bytes("near") != nil)
        #expect(try bytes("near", for: .scan) == nil)
        try redefine(["name", "district", "capital"])
        for write in [false, true] {
            if write { _ = try world.write([try world.put("houses", "near", [(4, .int64(1))], kind: .update)]) }
            #expect(try bytes("near") == nil, "written: \(write)")
            #expect(try bytes("near", for: .scan) == nil, "written: \(write)")
        }
    }

    /// `owner` is shown in the records of one district only.
    @Test(arguments: ["owner = 'Lan'", "owner <> 'Lan'", "owner IS NULL", "owner IN ('Lan', 'Nam')", "owner STARTS WITH 'L'"])
    func aFilterTellsNothingOfAWithheldField(_ text: String) throws {
        try agree("r", ["get", "scan"], ["name"])
        try agree("o", ["get", "scan"], ["owner"], where: "district = $principal.district")
        _ = try world.write([try world.put("houses", "far2", [(1, .string("Hai")), (2, .string("213"))])])
        for filter in [text, "NOT (\(text))", "NOT (NOT \(text))", "(\(text)) AND name IS NOT NULL"] {
            #expect(try scan(filter).allSatisfy { $0 == "near" }, "\(filter)")
        }
        #expect(try Set(scan(text) + scan("NOT (\(text))")) == ["near"])
        #expect(try scan("(\(text)) OR name IS NOT NULL") == ["far", "far2", "near"])
    }

    func scan(_ filter: String) throws -> [String] {
        var keys: [String] = []
        try world.store.withReadView { view throws(StoreError) in
            let plan = AccessPlan.compile(
                for: view.catalogue.principal(path: "b/sys")!, dataset: view.catalogue.dataset(code: "houses")!, in: view.catalogue, at: view.state.time)
            guard let condition = try? Condition.parse(filter, resolve: { plan.schema.field(named: $0) }) else { return }
            _ = try view.scan(from: .at([]), through: plan, examinedMax: 100) { key, record in
                if record.fulfils(condition) { keys.append(key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }) }
                return true
            }
        }
        return keys
    }

    /// Whether there is a record, and when it changed, only who may read all of it is told.
    @Test(arguments: [WriteCondition.absent, .present, .modifiedAt(LogIndex(1))])
    func aWritesConditionNeedsTheRightToReadAll(_ condition: WriteCondition) throws {
        try agree("w", ["write", "get", "scan"], ["*"])
        let fields: [(UInt16, Value)] = [(1, .string("Một")), (2, .string("219"))]
        for key in ["near", "none"] {
            let outcome = try world.write([world.put("houses", key, fields, condition)], as: "b/sys")
            #expect(refusal(outcome)?.reason == .denied, "\(key)")
        }
        try agree("w", ["write", "get", "scan", "count", "watch", "export"], ["*"])
        let outcome = try world.write([world.put("houses", "near", fields, condition)], as: "b/sys")
        #expect(refusal(outcome)?.reason != .denied)
    }

    @Test func aWholeRecordNeedsTheRightToEveryField() throws {
        try agree("w", ["write", "get"], ["name", "district", "capital"])
        let put = try world.put("houses", "near", [(1, .string("x"))]), delete = try world.put("houses", "near", [], kind: .delete)
        #expect(refusal(try world.write([put], as: "b/sys"))?.reason == .denied)
        #expect(refusal(try world.write([delete], as: "b/sys"))?.reason == .denied)
        // The same for a field that it may not write and one that there is not.
        let hidden = refusal(try world.write([world.put("houses", "near", [(3, .null)], kind: .update)], as: "b/sys"))
        let absent = refusal(try world.write([world.put("houses", "near", [(77, .null)], kind: .update)], as: "b/sys"))
        #expect(hidden?.reason == .denied && hidden == absent)
        try agree("w", ["write"], ["*"])
        #expect(refusal(try world.write([put], as: "b/sys")) == nil)
        #expect(refusal(try world.write([delete], as: "b/sys")) == nil)
        // A new field takes the right to whole records away until it is granted.
        try redefine(["name", "district", "owner", "capital", "phone"])
        #expect(refusal(try world.write([put], as: "b/sys"))?.reason == .denied)
    }
}
