import Catalogue
import Core
import Records

/// Says of each field of a dataset what a principal sees, and why: for administrators.
package enum Explanation {
    /// - Parameter record: the stored record, for what is shown in this one; nil for the dataset as a whole.
    package static func document(
        of plan: AccessPlan, dataset: Dataset, catalogue: Catalogue, record: borrowing RecordView?, key: [UInt8]?
    ) -> Document {
        /// Of a record: which grants cover it. Nil for the dataset as a whole and where there is no record.
        var holding: [Bool]?
        var recordState: Document = key == nil ? .null : "absent"
        switch record {
        case .some(let record):
            var all: [Bool] = []
            for grant in plan.grants { all.append(plan.holds(grant, for: record)) }
            holding = all
            if key != nil { recordState = plan.shows(record) ? "visible" : "hidden" }
        case .none:
            break
        }
        let rows: [Document] = dataset.schema.fields.map { field in
            var reasons: [String] = []
            var shown = false
            var ever = false
            for (place, grant) in plan.grants.enumerated() where grant.fields.contains(field.id) && !grant.actions.isDisjoint(with: .read) {
                ever = true
                let text = source(grant, dataset)
                guard let holding else {
                    if grant.condition == nil { shown = true }
                    reasons.append(text)
                    continue
                }
                if holding[place] {
                    shown = true
                    reasons.append(text)
                } else {
                    reasons.append(text + ", which this record does not fulfil")
                }
            }
            let verdict = shown ? "visible" : ever ? (holding == nil ? "visible in some records" : "withheld") : "unknown"
            return [
                "field": .string(field.name), "sensitivity": .string(field.sensitivity.name), "access": .string(verdict),
                "because": .string(reasons.isEmpty ? "nothing grants it" : reasons.joined(separator: "; ")),
            ]
        }
        let warnings = catalogue.principal(plan.principal).map { SelfOpening.warnings(for: $0, dataset: dataset, in: catalogue) } ?? []
        return [
            "dataset": .string(dataset.code), "policyIndex": .int(Int64(plan.policyIndex.rawValue)),
            "actions": .array(Actions.names.filter { plan.actions.contains($0.1) }.map { .string($0.0) }), "record": recordState,
            "fields": .array(rows), "warnings": .array(warnings.map { .string($0) }),
        ]
    }

    private static func source(_ grant: AccessPlan.Grant, _ dataset: Dataset) -> String {
        var text: String
        switch grant.source {
        case .owner: text = "the dataset's owner"
        case let .datasetClass(sharing): text = "class \(sharing.rawValue)"
        case let .agreement(code): text = "agreement \(code)"
        }
        if let condition = grant.condition { text += " where \(condition.text { dataset.schema.field($0)?.name ?? "deleted_\($0)" })" }
        return text
    }
}
