import Core
import Records

/// Row conditions and filters, as text and as bytes.
let conditionTargets = [
    FuzzTarget(
        name: "condition-text",
        run: { bytes in
            guard let text = String(validating: bytes, as: UTF8.self), let condition = try? parse(text) else { return }
            try expectStable("Condition", condition.encoded(), decode: { try Condition(decoding: $0) }, encode: { $0.encoded() })
            guard let decoded = try? Condition(decoding: condition.encoded()) else { throw FuzzFinding(what: "what was parsed does not decode") }
            // As text again it means the same, except that a text has no word for every condition.
            let written = decoded.text { names[$0] ?? "f1" }
            if let again = try? parse(written), again.encoded() != condition.encoded() { throw FuzzFinding(what: "\(written) means something else") }
        },
        seeds: {
            [
                "a = 'x'", "b >= 12 AND NOT (a IN ('x', 'y''z') OR c = 1.50)", "a LIKE 'x%' OR a STARTS WITH $principal.district", "d IS NOT NULL",
                "d <= '2026-01-01' and e = TRUE", "((((a <> 'Bắc Giang'))))",
            ].map { Array($0.utf8) }
        }),
    FuzzTarget(
        name: "condition-codec",
        run: { try expectStable("Condition", $0, decode: { try Condition(decoding: $0) }, encode: { $0.encoded() }) },
        seeds: {
            try ["a = 'x'", "b >= 12 AND NOT (a IN ('x', 'y') OR c = 1.50)", "a STARTS WITH $principal.district OR d IS NULL"].map { try parse($0).encoded() }
        }),
]

private let fields = [
    FieldDefinition(id: FieldID(1), name: "a", kind: .string), FieldDefinition(id: FieldID(2), name: "b", kind: .int64),
    FieldDefinition(id: FieldID(3), name: "c", kind: .decimal, scale: 2), FieldDefinition(id: FieldID(4), name: "d", kind: .date),
    FieldDefinition(id: FieldID(5), name: "e", kind: .bool), FieldDefinition(id: FieldID(6), name: "f", kind: .timestamp),
    FieldDefinition(id: FieldID(7), name: "g", kind: .double), FieldDefinition(id: FieldID(8), name: "h", kind: .bytes),
]
private let names = [FieldID: String](uniqueKeysWithValues: fields.map { ($0.id, $0.name) })

private func parse(_ text: String) throws(ConditionError) -> Condition {
    try Condition.parse(text) { name in fields.first { $0.name.utf8.elementsEqual(name.utf8) } }
}
