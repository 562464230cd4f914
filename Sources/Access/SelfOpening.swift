import Catalogue
import Core
import Records

/// Finds rights that together let a principal open records for itself: a right to write a field that the condition of one of its agreements
/// reads. Such rights are allowed, since each of them was agreed on; an administrator is warned of them.
package enum SelfOpening {
    /// One agreement with a condition, and the agreements that let the same principal change what the condition reads.
    package struct Finding: Equatable, Sendable {
        /// The agreement whose condition can be made true.
        package let opens: String
        /// Agreements that give the right to write, in the catalogue's order.
        package let writes: [String]
        /// The fields that are written and read.
        package let fields: [FieldID]

        package init(opens: String, writes: [String], fields: [FieldID]) {
            self.opens = opens
            self.writes = writes
            self.fields = fields
        }
    }

    /// What holds for one principal. Agreements count whatever their term, and unless they have ended for good: a record that was changed under
    /// one is open under another that comes later. Costs by the number of agreements between the two.
    package static func findings(for principal: Principal, dataset: Dataset, in catalogue: Catalogue) -> [Finding] {
        // The owner sees every record anyway.
        guard principal.role == .consumer, principal.agency != dataset.owner else { return [] }
        let agreements = catalogue.agreements(of: principal, about: dataset.id).filter { $0.state != .revoked && $0.state != .ended }
        let writing = agreements.filter { $0.actions.contains(.write) }
        guard !writing.isEmpty else { return [] }
        return agreements.compactMap { agreement in
            let reads = agreement.actions.intersection(.read)
            guard let condition = agreement.condition, !reads.isEmpty else { return nil }
            // What the principal sees of every record is not opened by a condition.
            let open = agreements.filter { $0.condition == nil && $0.actions.isSuperset(of: reads) }.reduce(AccessPlan.fields(ofClassOf: dataset)) {
                $0.union($1.fields)
            }
            guard !agreement.fields.isSubset(of: open) else { return nil }
            let writers = writing.filter { !$0.fields.intersection(condition.fields).isEmpty }
            let written = writers.reduce(FieldMask.none) { $0.union($1.fields) }.intersection(condition.fields)
            let fields = dataset.schema.fields.map(\.id).filter { written.contains($0) }
            return fields.isEmpty ? nil : Finding(opens: agreement.code, writes: writers.map(\.code), fields: fields)
        }
    }

    /// What an administrator is told of a principal's rights in a dataset.
    package static func warnings(for principal: Principal, dataset: Dataset, in catalogue: Catalogue) -> [String] {
        findings(for: principal, dataset: dataset, in: catalogue).map { text($0, [path(principal, catalogue)], dataset) }
    }

    /// What an administrator is told of the parties of an agreement: those findings that the agreement has a part in.
    package static func warnings(about agreement: Agreement, in catalogue: Catalogue) -> [String] {
        guard let dataset = catalogue.dataset(agreement.dataset) else { return [] }
        let principals: [Principal] =
            switch agreement.consumer {
            case let .principal(id): catalogue.principal(id).map { [$0] } ?? []
            case let .agency(id): catalogue.principals.filter { $0.agency == id }
            }
        // The systems of an agency mostly have the same rights: one line for all of them.
        var found: [(finding: Finding, paths: [String])] = []
        for principal in principals {
            for finding in findings(for: principal, dataset: dataset, in: catalogue) {
                guard ([finding.opens] + finding.writes).contains(where: { $0.utf8.elementsEqual(agreement.code.utf8) }) else { continue }
                if let place = found.firstIndex(where: { $0.finding == finding }) {
                    found[place].paths.append(path(principal, catalogue))
                } else {
                    found.append((finding, [path(principal, catalogue)]))
                }
            }
        }
        return found.map { text($0.finding, $0.paths, dataset) }
    }

    private static func path(_ principal: Principal, _ catalogue: Catalogue) -> String {
        "\(catalogue.agency(principal.agency)?.code ?? "\(principal.agency)")/\(principal.code)"
    }

    private static func text(_ finding: Finding, _ paths: [String], _ dataset: Dataset) -> String {
        let who = paths.count == 1 ? "\(paths[0]) can open records of \(dataset.code) for itself" : "\(paths.joined(separator: ", ")) can open records of \(dataset.code) for themselves"
        let fields = finding.fields.map { dataset.schema.field($0)?.name ?? "\($0)" }.joined(separator: ", ")
        return "\(who): agreement \(finding.opens) shows records by \(fields), which \(finding.writes.joined(separator: ", ")) allows to write"
    }
}
