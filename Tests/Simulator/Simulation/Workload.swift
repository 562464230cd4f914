import Catalogue
import Core
import Records
import Store

/// What clients ask for.
enum Workload {
    /// The commands that a world begins with, in this order: a cluster, an agency with a system, a dataset of it.
    private static let foundation: [Command] = [
        .genesis(.init(clusterName: "simulated", tokenKey: [UInt8](repeating: 1, count: 32), agency: "ops", system: "admin")),
        catalogue(.agency, ["code": "a"]),
        catalogue(.principal, ["code": "sys", "agency": "a"]),
    ]
    static let withOwner = foundation + [dataset("open", countIs: "public")]
    /// And a partner, to whom fields and records are hidden and shown; `isOpen`: names of all records are shown to it at first.
    static func withPartner(isOpen: Bool) -> [Command] {
        foundation + [dataset(isOpen ? "open" : "sharedOnRequest", countIs: "internal"), catalogue(.agency, ["code": "b"]), partner(isActive: true)]
    }

    /// The number of steps done when this one is: of `withPartner`, or of its beginning.
    static func step(_ change: CatalogueChange) -> Int {
        switch (change.kind, change.document["code"]?.string, change.document["agency"]?.string) {
        case (.agency, "a", _): 2
        case (.principal, _, "a"): 3
        case (.dataset, _, _): 4
        case (.agency, "b", _): 5
        case (.principal, _, "b"): 6
        default: 0
        }
    }

    private static func dataset(_ sharing: String, countIs sensitivity: String) -> Command {
        catalogue(
            .dataset,
            [
                "code": "things", "owner": "a", "class": .string(sharing),
                "fields": [
                    ["name": "name", "kind": "string", "sensitivity": "public"], ["name": "count", "kind": "int64", "sensitivity": .string(sensitivity)],
                ],
            ])
    }

    private static func partner(isActive: Bool) -> Command {
        catalogue(.principal, ["code": "sys", "agency": "b", "active": .bool(isActive)])
    }

    // MARK: Rights

    /// A change of the partner's rights, by the administrator. `now`: about the log's time, in milliseconds.
    static func policy(now: Int64, _ dice: inout Dice) -> Command {
        switch dice.below(24) {
        case 0: return partner(isActive: dice.permille(850))
        case 1...2: return dataset(dice.pick(["open", "sharedByDefault", "sharedOnRequest", "sharedOnRequest"]), countIs: "internal")
        case 3...8:
            let verb = dice.pick([CatalogueChange.Verb.approve, .suspend, .suspend, .revoke])
            return .catalogue(.init(actor: ModelState.administrator, change: .init(verb: verb, kind: .agreement, document: ["code": .string(agreement(&dice))])))
        default: return catalogue(.agreement, agreement(now: now, &dice))
        }
    }

    /// One that is revoked stays so: there are enough.
    private static func agreement(_ dice: inout Dice) -> String { "g\(dice.below(dice.permille(700) ? 4 : 40))" }

    private static func agreement(now: Int64, _ dice: inout Dice) -> Document {
        let writes = dice.permille(200)
        var actions = writes && dice.permille(500) ? [] : dice.permille(600) ? ["get", "scan", "count", "watch", "export"] : [dice.pick(["get", "scan", "count"])]
        if writes { actions.append("write") }
        var members: [Document.Member] = [
            .init("code", .string(agreement(&dice))), .init("dataset", "things"), .init("purpose", "simulated"),
            .init("actions", .array(actions.map { .string($0) })),
            .init("fields", dice.pick([.array(["name"]), .array(["count"]), .array(["name", "count"]), "*"])),
            dice.permille(700) ? .init("consumer", "b/sys") : .init("consumerAgency", "b"),
        ]
        if !writes, dice.permille(600), let text = dice.pick(Rows.all).text { members.append(.init("where", .string(text))) }
        // Terms that begin and end while the world lasts.
        if dice.permille(250) { members.append(.init("from", .string(TimestampText.write(now + Int64(dice.below(4_000)) - 2_000)))) }
        if dice.permille(250) { members.append(.init("until", .string(TimestampText.write(now + 2_100 + Int64(dice.below(6_000)))))) }
        if dice.permille(100) { members.append(.init("state", "suspended")) }
        return .object(members)
    }

    /// A write by the partner, mostly one that it has no right to.
    static func partnersWrite(token: UInt64, seen: LogIndex, _ dice: inout Dice) -> WriteCommand {
        let kind: WriteOperation.Kind = [.put, .update, .update, .delete][dice.below(4)]
        let condition: WriteCondition = [.none, .none, .none, .absent, .present, .modifiedAt(seen)][dice.below(6)]
        var fields: [WriteOperation.Field] = []
        if kind != .delete {
            let chosen = dice.below(3)
            if chosen != 0 { fields.append(.init(FieldID(2), .int64(Int64(truncatingIfNeeded: token)))) }
            if chosen != 1 { fields.append(.init(FieldID(1), .string("n\(token & 7)"))) }
        }
        let operation = WriteOperation(kind: kind, dataset: ModelState.dataset, key: dice.pick(keys), condition: condition, fields: fields)
        return WriteCommand(principal: ModelState.partner, session: .none, sequence: 0, policyIndex: LogIndex(0), operations: [operation])
    }

    private static func catalogue(_ kind: ObjectKind, _ document: Document) -> Command {
        .catalogue(.init(actor: ModelState.administrator, change: .init(kind: kind, document: document)))
    }

    /// A few keys, so that clients meet.
    static let keys: [[UInt8]] = (0..<12).map { Array("k\($0)".utf8) }

    /// One to three operations, most of them without a condition.
    static func write(_ session: SessionID, _ sequence: UInt64, token: UInt64, seen: LogIndex, _ dice: inout Dice) -> WriteCommand {
        var operations: [WriteOperation] = []
        for _ in 0..<(dice.permille(800) ? 1 : 1 + dice.below(3)) {
            let condition: WriteCondition =
                switch dice.below(12) {
                case 0: .absent
                case 1: .present
                case 2: .modifiedAt(seen)
                default: .none
                }
            let kind: WriteOperation.Kind = [.put, .put, .put, .update, .delete][dice.below(5)]
            // Now and then to a dataset that there is not, or with no key: both must be refused everywhere alike.
            let dataset = dice.permille(5) ? DatasetID(99) : ModelState.dataset
            let key = dice.permille(3) ? [] : dice.pick(keys)
            var fields: [WriteOperation.Field] = []
            if kind != .delete {
                fields.append(.init(FieldID(2), .int64(Int64(truncatingIfNeeded: token))))
                if dice.permille(500) { fields.append(.init(FieldID(1), .string(dice.permille(100) ? String(repeating: "n", count: 200) : "n\(token & 7)"))) }
            }
            operations.append(WriteOperation(kind: kind, dataset: dataset, key: key, condition: condition, fields: fields))
        }
        return WriteCommand(principal: ModelState.owner, session: session, sequence: sequence, policyIndex: LogIndex(0), operations: operations)
    }
}
