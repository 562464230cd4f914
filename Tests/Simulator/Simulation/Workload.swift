import Catalogue
import Core
import Records
import Store

/// What clients ask for.
enum Workload {
    /// The commands that a world begins with, in this order: a cluster, an agency with a system, a dataset of it.
    static let foundation: [Command] = [
        .genesis(.init(clusterName: "simulated", tokenKey: [UInt8](repeating: 1, count: 32), agency: "ops", system: "admin")),
        catalogue(.agency, ["code": "a"]),
        catalogue(.principal, ["code": "sys", "agency": "a"]),
        catalogue(
            .dataset,
            [
                "code": "things", "owner": "a", "class": "open",
                "fields": [
                    ["name": "name", "kind": "string", "sensitivity": "public"], ["name": "count", "kind": "int64", "sensitivity": "public"],
                ],
            ]),
    ]
    static let encodedFoundation = foundation.map { $0.encoded() }

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
