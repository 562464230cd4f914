import Console
import Core

/// What a run of a scenario came to.
package struct Verdict: Sendable {
    package struct Check: Sendable {
        /// What is claimed.
        package var claim: String
        /// What speaks against it; empty if it held.
        package var violations: [String]
    }

    package var scenario: String
    package var about = ""
    package var seed: UInt64
    package var seconds: Int
    package var storage: Int
    package var query: Int
    package var network = ""
    /// What the storage nodes' own disks are made of, where they have such: `loop` or `memory`.
    package var disks: String?
    package var calls: [(kind: String, count: Int)] = []
    package var unknown = 0
    package var refused = 0
    package var refusals: [(reason: String, count: Int)] = []
    package var faultCount = 0
    /// What was done, one line each.
    package var faults: [String] = []
    /// Milliseconds until a majority followed a leader, after each heal; and until a write was acknowledged.
    package var leaderAfterHeal: [Double] = []
    package var writeAfterHeal: [Double] = []
    package var leaderMemoryMax = 0
    package var leaderLogMax = 0
    package var checks: [Check] = []
    package var folder: String?

    package var holds: Bool { checks.allSatisfy(\.violations.isEmpty) }
    package var operations: Int { calls.reduce(0) { $0 + $1.count } }

    /// For people.
    package var text: String {
        func line(_ name: String, _ text: String) -> String { "  " + name + String(repeating: " ", count: max(1, 9 - name.count)) + text }
        func times(_ figures: [Double]) -> String {
            guard !figures.isEmpty else { return "–" }
            let sorted = figures.sorted()
            return "median \(Int(sorted[sorted.count / 2].rounded())) ms, longest \(Int((sorted.last ?? 0).rounded())) ms of \(figures.count)"
        }
        func size(_ bytes: Int) -> String { "\((bytes + (1 << 19)) >> 20) MiB" }
        var lines = ["\(scenario): \(storage) storage and \(query) query nodes, \(seconds) s, seed \(seed), network \(network)\(disks.map { ", disks: \($0)" } ?? "")"]
        if !about.isEmpty { lines.append(line("about", about)) }
        let counts = calls.map { "\(HumanText.grouped($0.count)) \($0.kind)" }.joined(separator: ", ")
        lines.append(line("load", "\(HumanText.grouped(operations)) operations: \(counts)"))
        let reasons = refusals.isEmpty ? "" : " (" + refusals.prefix(4).map { "\($0.reason) \($0.count)" }.joined(separator: ", ") + ")"
        lines.append(line("", "\(HumanText.grouped(unknown)) of unknown outcome, \(HumanText.grouped(refused)) refused\(reasons)"))
        lines.append(line("faults", "\(faultCount)"))
        for check in checks {
            lines.append(line(check.violations.isEmpty ? "✔" : "✘", check.claim))
            for violation in check.violations { lines.append("      " + violation) }
        }
        lines.append(line("figures", "a leader after a heal: \(times(leaderAfterHeal)); a write: \(times(writeAfterHeal))"))
        lines.append(line("", "the leader's memory at most \(size(leaderMemoryMax)), its log \(size(leaderLogMax))"))
        if let folder {
            lines.append(line("kept", folder))
            lines.append(line("again", "kho-scenario \(scenario) --seed \(seed) --seconds \(seconds)"))
        }
        return lines.joined(separator: "\n")
    }

    /// For programs; one line of a ledger.
    package var document: Document {
        func figures(_ values: [Double]) -> Document { .array(values.map { .int(Int64($0.rounded())) }) }
        return [
            "schema": "kho.scenario/1", "scenario": .string(scenario), "seed": .string(String(seed)), "seconds": .int(Int64(seconds)),
            "storage": .int(Int64(storage)), "query": .int(Int64(query)), "network": .string(network), "disks": disks.map { .string($0) } ?? .null, "holds": .bool(holds),
            "operations": .int(Int64(operations)), "unknown": .int(Int64(unknown)), "refused": .int(Int64(refused)),
            "faults": .int(Int64(faultCount)), "leaderAfterHealMilliseconds": figures(leaderAfterHeal),
            "writeAfterHealMilliseconds": figures(writeAfterHeal), "leaderMemoryMax": .int(Int64(leaderMemoryMax)),
            "leaderLogMax": .int(Int64(leaderLogMax)), "violations": .array(checks.flatMap(\.violations).map { .string($0) }),
        ]
    }
}
