import Access
import Catalogue
import Core
import Records

@testable import Store

/// Two stores with the same policy for the principal `b/sys`, which differ only in what it may not see: values of fields that are hidden
/// from it (for good, or in that record), records that it is shown nothing of, other datasets and what other principals agreed.
///
/// What is kept equal, since it shows by design: fields that a row condition of the principal looks at, in records that it sees (whether
/// the condition holds is what it is told). Updates of such a field by the principal itself are left out: they open a record that it sees
/// in part, which whoever agrees to such a right means.
final class TwinWorlds {
    let seed: UInt64
    var random: SeededRandom
    let left: Fixture, right: Fixture
    /// The principal's plan as both stores have it, once the policy is complete.
    private(set) var plan: AccessPlan
    private let before: [CatalogueChange], after: [CatalogueChange]
    private let openList: Bool
    private var fillers = 0

    static let keys = ["a", "a1", "a2", "b", "b1", "b11", "b2", "c", "d1", "d2", "đ", "e"].map { Array($0.utf8) }
    static let principal = "b/sys"
    static let names = ["name", "district", "amount", "owner", "mark", "unit", "phone"]
    /// By the fields' numbers, from 1.
    static let kinds: [ValueKind] = [.string, .string, .int64, .string, .string, .string, .string]
    static let reading: [Actions] = [.get, .scan, .count, .watch, .export]
    private static let texts = ["", "219 213 220", "", "x y z", "m n", "c1", "p q"]

    init(seed: UInt64) throws {
        self.seed = seed
        var random = SeededRandom(seed: seed)
        left = try Fixture()
        right = try Fixture()
        openList = Bool.random(using: &random)
        let policy = Self.policy(openList: openList, &random)
        (before, after) = policy
        var catalogue = Catalogue()
        _ = catalogue.genesis(clusterName: "test", tokenKey: [], administratorAgency: "ops", administrator: "admin", at: LogIndex(1))
        for change in before + after { _ = try catalogue.apply(change, at: LogIndex(2)) }
        plan = AccessPlan.compile(
            for: catalogue.principal(path: Self.principal)!, dataset: catalogue.dataset(code: "houses")!, in: catalogue, at: LogTime(milliseconds: 1_000))
        self.random = random
    }

    /// The fields that the principal's row conditions look at.
    var conditionFields: FieldMask { plan.grants.reduce(.none) { $0.union($1.condition?.fields ?? .none) } }

    // MARK: The policy

    private static func field(_ number: Int) -> Document {
        let sensitivity = ["public", "public", "internal", "personal", "sensitive", "internal", "personal"][number - 1]
        var members: [Document.Member] = [
            .init("name", .string(names[number - 1])), .init("kind", .string(kinds[number - 1].name)), .init("sensitivity", .string(sensitivity)),
        ]
        if number == 6 { members.append(.init("codeList", "units")) }
        return .object(members)
    }

    private static func houses(_ sharing: String, _ fields: [Int]) -> CatalogueChange {
        .init(kind: .dataset, document: ["code": "houses", "owner": "a", "class": .string(sharing), "fields": .array(fields.map(field))])
    }

    private static func policy(openList: Bool, _ random: inout SeededRandom) -> ([CatalogueChange], [CatalogueChange]) {
        let sharing = ["sharedOnRequest", "sharedOnRequest", "sharedOnRequest", "sharedByDefault", "open"].randomElement(using: &random)!
        var before: [CatalogueChange] = ["a", "b", "c"].map { .init(kind: .agency, document: ["code": .string($0)]) }
        let district = ["219", "213"].randomElement(using: &random)!
        for agency in ["a", "b", "c"] {
            before.append(
                .init(kind: .principal, document: ["code": "sys", "agency": .string(agency), "attributes": ["district": .string(district)]]))
        }
        before.append(
            .init(
                kind: .dataset,
                document: [
                    "code": "units", "owner": "a", "class": openList ? "open" : "sharedOnRequest", "kind": "codeList",
                    "fields": [["name": "name", "kind": "string", "sensitivity": "public"]],
                ]))
        before.append(houses(sharing, [1, 2, 3, 4, 5, 6]))
        let agreementsFirst = Bool.random(using: &random)
        let deletes = Int.random(in: 0..<3, using: &random) > 0
        let fields = agreementsFirst ? Array(1...6) : deletes ? [1, 2, 3, 4, 6, 7] : Array(1...7)
        let agreements = agreements(fields: fields, &random)
        let second = houses(sharing, deletes ? [1, 2, 3, 4, 6, 7] : Array(1...7))
        return agreementsFirst ? (before + agreements, [second]) : (before, [second] + agreements)
    }

    private static func agreements(fields: [Int], _ random: inout SeededRandom) -> [CatalogueChange] {
        let conditions = [
            "district = $principal.district", "amount > 2", "owner = 'x'", "NOT owner = 'x'", "owner IS NULL", "mark = 'm'", "mark IS NULL",
            "amount >= 1 AND district IN ('219', '213')", "unit IS NOT NULL OR owner = 'y'", "district STARTS WITH '21'",
        ].filter { fields.contains(5) || !$0.contains("mark") }
        var all: [CatalogueChange] = []
        for number in 0..<Int.random(in: 1...5, using: &random) {
            let writes = Int.random(in: 0..<3, using: &random) == 0
            var actions = writes ? ["write"] : ["get", "scan", "count", "watch", "export"].filter { _ in Int.random(in: 0..<3, using: &random) > 0 }
            if writes, Bool.random(using: &random) { actions += ["get", "scan"] }
            if actions.isEmpty { actions = ["get"] }
            var some = fields.filter { _ in Bool.random(using: &random) }
            if some.isEmpty { some = [1] }
            var members: [Document.Member] = [
                .init("code", .string("g\(number)")), .init("dataset", "houses"), .init("purpose", "test"),
                .init("actions", .array(actions.map { .string($0) })),
                .init("fields", Int.random(in: 0..<3, using: &random) == 0 ? "*" : .array(some.map { .string(names[$0 - 1]) })),
            ]
            members.append(Bool.random(using: &random) ? .init("consumer", .string(principal)) : .init("consumerAgency", "b"))
            if !writes, Int.random(in: 0..<4, using: &random) > 0 {
                members.append(.init("where", .string(conditions.randomElement(using: &random)!)))
            }
            if Int.random(in: 0..<6, using: &random) == 0 { members.append(.init("state", "suspended")) }
            all.append(.init(kind: .agreement, document: .object(members)))
        }
        return all
    }

    // MARK: Feeding both

    func both(_ body: (Fixture) throws -> Void) rethrows {
        try body(left)
        try body(right)
    }

    private func change(_ change: CatalogueChange) throws {
        try both { world in
            guard case .catalogueChanged = try world.change(change.kind, change.document, verb: change.verb) else { throw Unexpected() }
        }
    }

    struct Unexpected: Error {}

    /// An entry in one store that has no counterpart in the other: something that the principal has no part in.
    private func filler(_ world: Fixture) throws {
        fillers += 1
        _ = try world.write([world.put("other", "f\(fillers)", [(1, .string("filler \(fillers)"))])])
    }

    /// Makes the policy and the data. The data differ.
    func begin() throws {
        try both { try $0.apply(.genesis(.init(clusterName: "test", tokenKey: [], agency: "ops", system: "admin"))) }
        for item in before { try change(item) }
        for (world, sharing) in [(left, "sharedOnRequest"), (right, "sharedByDefault")] {
            // Of another agency, or every agency would see something of the second one.
            _ = try world.change(
                .dataset,
                [
                    "code": "other", "owner": "a", "class": .string(sharing),
                    "fields": [["name": "x", "kind": "string", "sensitivity": sharing == "sharedOnRequest" ? "public" : "personal"]],
                ])
            _ = try world.change(
                .agreement,
                [
                    "code": "theirs", "dataset": "houses", "consumer": "c/sys", "actions": ["get"], "purpose": "x",
                    "fields": sharing == "sharedOnRequest" ? ["name"] : ["owner", "name"],
                ])
        }
        for (world, code) in [(left, "c2"), (right, "c3")] {
            _ = try world.write([world.put("units", "c1", [])])
            _ = try world.write([world.put("units", openList ? "c2" : code, [])])
        }
        for key in Self.keys where Int.random(in: 0..<6, using: &random) > 0 { try makeTwins(key) }
        for item in after { try change(item) }
        for _ in 0..<8 { try changeHidden(Self.keys.randomElement(using: &random)!) }
    }

    // MARK: Records

    func value(of field: Int) -> Value {
        if Int.random(in: 0..<5, using: &random) == 0 { return .null }
        if Self.kinds[field - 1] == .int64 { return .int64(Int64.random(in: 0...4, using: &random)) }
        // Now and then as long as the field allows.
        if Self.texts[field - 1].isEmpty, Int.random(in: 0..<8, using: &random) == 0 { return .string(String(repeating: "o", count: Limits.fieldBytes)) }
        let texts = Self.texts[field - 1].split(separator: " ").map(String.init)
        return .string(texts.randomElement(using: &random) ?? ["An", "Bình", "Chi"].randomElement(using: &random)!)
    }

    private func encoded(_ key: [UInt8], _ fields: [Int: Value]) -> [UInt8] {
        RecordCodec.encode(
            key: key, schemaVersion: 1, modifiedAt: LogIndex(1), time: .zero,
            fields: fields.map { (FieldID(UInt16($0.key)), $0.value, Self.kinds[$0.key - 1]) })
    }

    /// What each reading action shows of the record; nil where it is hidden.
    private func masks(_ key: [UInt8], _ fields: [Int: Value]) throws -> [FieldMask?] {
        let bytes = encoded(key, fields)
        let view = try RecordView(bytes.span.bytes)
        return Self.reading.map { plan.mask(of: view, for: $0) }
    }

    /// The fields of a record that may differ.
    private func free(_ masks: [FieldMask?], among fields: some Sequence<Int>) -> [Int] {
        var shown = FieldMask.none
        for mask in masks { shown = shown.union(mask ?? .none) }
        if masks.contains(where: { $0 != nil }) { shown = shown.union(conditionFields) }
        return fields.filter { !shown.contains(FieldID(UInt16($0))) || !schemaHas($0) }.sorted()
    }

    private func schemaHas(_ field: Int) -> Bool { finalFields.contains(field) }

    /// The numbers of the fields that there are in the end.
    private var finalFields: [Int] {
        let last = (before + after).last { $0.kind == .dataset && $0.document["code"] == "houses" }!
        return last.document["fields"]!.array!.map { document in Self.names.firstIndex(of: document["name"]!.string!)! + 1 }
    }

    /// Another record with the same to show, or nil for one that is not there.
    private func variant(_ key: [UInt8], of fields: [Int: Value], mayGo: Bool) throws -> [Int: Value]? {
        let masks = try masks(key, fields)
        let hidden = masks.allSatisfy { $0 == nil }
        if hidden, mayGo, Bool.random(using: &random) { return nil }
        let free = free(masks, among: fields.keys)
        for _ in 0..<10 {
            var other = fields
            for field in free where Bool.random(using: &random) { other[field] = value(of: field) }
            if try self.masks(key, other) == masks { return other }
        }
        return fields
    }

    private func put(_ world: Fixture, _ key: [UInt8], _ fields: [Int: Value]?) throws {
        guard let fields else { return try filler(world) }
        let operation = WriteOperation(
            kind: .put, dataset: plan.dataset, key: key,
            fields: fields.sorted { $0.key < $1.key }.map { .init(FieldID(UInt16($0.key)), $0.value) })
        guard case .written = try world.write([operation]) else { throw Unexpected() }
    }

    private func makeTwins(_ key: [UInt8]) throws {
        var fields: [Int: Value] = [:]
        for field in 1...6 { fields[field] = value(of: field) }
        let other = try variant(key, of: fields, mayGo: true)
        let swapped = Bool.random(using: &random)
        try put(left, key, swapped ? other : fields)
        try put(right, key, swapped ? fields : other)
    }

    /// The owner changes in one store what the principal is not shown. The record is written anew under today's schema.
    func changeHidden(_ key: [UInt8]) throws {
        let (world, other) = Bool.random(using: &random) ? (left, right) : (right, left)
        let text = String(decoding: key, as: UTF8.self)
        guard let record = try world.get("houses", text) else { return }
        var fields: [Int: Value] = [:]
        for field in record.fields where schemaHas(Int(field.id.rawValue)) { fields[Int(field.id.rawValue)] = field.value }
        let masks = try masks(key, fields)
        let free = free(masks, among: finalFields)
        guard let field = free.randomElement(using: &random) else { return }
        let value = value(of: field)
        fields[field] = value
        guard try self.masks(key, fields) == masks else { return }
        let operation = WriteOperation(kind: .update, dataset: plan.dataset, key: key, fields: [.init(FieldID(UInt16(field)), value)])
        guard case .written = try world.write([operation]) else { throw Unexpected() }
        try filler(other)
    }
}
