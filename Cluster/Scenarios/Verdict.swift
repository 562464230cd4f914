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
    package var about: String
    package var seed: UInt64
    package var seconds: Int
    package var storage: Int
    package var query: Int
    package var network = ""
    /// What the storage nodes' own disks are made of, where they have such: `loop` or `memory`.
    package var disks: String?
    /// The clients' calls by kind, and how many of them were answered or acknowledged.
    package var calls: [(kind: String, asked: Int, done: Int)] = []
    package var unknown = 0
    package var refused = 0
    /// Writes whose condition did not hold.
    package var conflicts = 0
    package var refusals: [(reason: String, count: Int)] = []
    /// What there is to judge.
    package var evidence = Evidence()
    package var tally: FaultTally
    /// What was done, one line each.
    package var faults: [String] = []
    /// Milliseconds until a majority followed a leader, after each heal; and until a write was acknowledged.
    package var leaderAfterHeal: [Double] = []
    package var writeAfterHeal: [Double] = []
    /// How voters came back after each heal, where the scenario has a bound for it.
    package var catchUps: [CatchUp] = []
    package var leaderMemoryMax = 0
    /// Heals after which no write was acknowledged.
    package var healsWithoutWrite = 0
    package var leaderLogMax = 0
    /// Of the log the segments alone; and of the state.
    package var leaderSegmentsMax = 0
    package var leaderStateMax = 0
    package var checks: [Check] = []
    package var folder: String?

    package var holds: Bool { checks.allSatisfy(\.violations.isEmpty) }
    /// Calls that were answered or acknowledged: what was refused, or of which nobody knows, proves little.
    package var operations: Int { evidence.operations }

    package init(_ scenario: Scenario, _ schedule: Schedule, seed: UInt64, seconds: Int) {
        (self.scenario, about, self.seed, self.seconds) = (scenario.name, scenario.about, seed, seconds)
        (storage, query) = (scenario.storage, scenario.query)
        tally = FaultTally(schedule)
    }

    /// Whether the run was one: that enough was read and written, that the faults came about, that after each heal it went on. Called when all that is known.
    package mutating func judgeProof(_ scenario: Scenario, _ schedule: Schedule) {
        evidence.heals = leaderAfterHeal.count
        let unwritten = healsWithoutWrite > 0 ? ["after \(healsWithoutWrite) of \(leaderAfterHeal.count) heals no write was acknowledged"] : []
        checks.append(.init(claim: "a write is acknowledged after each of \(leaderAfterHeal.count) heals", violations: unwritten))
        if let check = catchUpCheck(scenario) { checks.append(check) }
        let missing = evidence.missing(scenario, seconds: seconds, heals: schedule.heals) + [evidence.tooLittleWritten(scenario, seconds: seconds)].compactMap { $0 }
        checks.append(.init(claim: "enough was read and written to be judged", violations: missing))
        checks.append(.init(claim: "the faults came about: \(tally.text)", violations: tally.violations(scenario, seconds: seconds)))
    }

    /// Whether voters that were away came back while clients went on; nil if the scenario claims nothing of that.
    private func catchUpCheck(_ scenario: Scenario) -> Check? {
        guard let limit = scenario.bounds.caughtUpWithinMilliseconds else { return nil }
        let snapshots = catchUps.reduce(0) { $0 + $1.snapshots }, late = catchUps.count { $0.milliseconds == nil }
        var violations = late > 0 ? ["after \(late) of \(catchUps.count) heals some voter did not follow within \(limit) ms"] : []
        if seconds >= scenario.seconds, snapshots == 0 { violations.append("no voter was so far behind that it was sent a state: this proves nothing") }
        return .init(claim: "every voter follows within \(limit) ms of each of \(catchUps.count) heals, under load; \(snapshots) were sent a state", violations: violations)
    }

    /// For people.
    package var text: String {
        func line(_ name: String, _ text: String) -> String { "  " + name + String(repeating: " ", count: max(1, 9 - name.count)) + text }
        func times(_ figures: [Double]) -> String {
            guard !figures.isEmpty else { return "–" }
            let sorted = figures.sorted()
            return "median \(Int(sorted[sorted.count / 2].rounded())) ms, longest \(Int((sorted.last ?? 0).rounded())) ms of \(figures.count)"
        }
        func size(_ bytes: Int) -> String { "\((bytes + (1 << 19)) >> 20) MiB" }
        let history = evidence.history ?? HistoryCounts()
        var lines = ["\(scenario): \(storage) storage and \(query) query nodes, \(seconds) s, seed \(seed), network \(network)\(disks.map { ", disks: \($0)" } ?? "")"]
        if !about.isEmpty { lines.append(line("about", about)) }
        let counts = calls.map { "\(HumanText.grouped($0.done)) \($0.kind)" }.joined(separator: ", ")
        let asked = calls.reduce(0) { $0 + $1.asked }
        lines.append(line("load", "\(HumanText.grouped(asked)) calls, of which came through \(HumanText.grouped(operations)): \(counts)"))
        let reasons = refusals.isEmpty ? "" : " (" + refusals.prefix(4).map { "\($0.reason) \($0.count)" }.joined(separator: ", ") + ")"
        lines.append(
            line("", "\(HumanText.grouped(unknown)) of unknown outcome, \(HumanText.grouped(conflicts)) conflicts, \(HumanText.grouped(refused)) refused\(reasons)"))
        lines.append(
            line("", "\(HumanText.grouped(history.finals)) keys read in the end, \(HumanText.grouped(history.sessionOperations)) operations of sessions, \(size(evidence.writtenBytes)) of texts written"))
        lines.append(line("faults", tally.text))
        for check in checks {
            lines.append(line(check.violations.isEmpty ? "✔" : "✘", check.claim))
            for violation in check.violations { lines.append("      " + violation) }
        }
        lines.append(line("figures", "a leader after a heal: \(times(leaderAfterHeal)); a write: \(times(writeAfterHeal))"))
        if !catchUps.isEmpty { lines.append(line("", "all voters follow after a heal: \(times(catchUps.compactMap(\.milliseconds)))")) }
        lines.append(line("", "the leader's memory at most \(size(leaderMemoryMax)), its log \(size(leaderLogMax)), of which segments \(size(leaderSegmentsMax)), its state \(size(leaderStateMax))"))
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
            "operations": .int(Int64(operations)), "calls": .int(Int64(calls.reduce(0) { $0 + $1.asked })), "unknown": .int(Int64(unknown)),
            "conflicts": .int(Int64(conflicts)), "refused": .int(Int64(refused)), "evidence": evidence.document,
            "faults": .int(Int64(tally.begunCount)), "faultsPlanned": .int(Int64(tally.plannedCount)), "faultKinds": tally.document, "leaderAfterHealMilliseconds": figures(leaderAfterHeal),
            "writeAfterHealMilliseconds": figures(writeAfterHeal), "leaderMemoryMax": .int(Int64(leaderMemoryMax)),
            "caughtUpAfterHealMilliseconds": figures(catchUps.compactMap(\.milliseconds)), "snapshotsUnderLoad": .int(Int64(catchUps.reduce(0) { $0 + $1.snapshots })),
            "healsWithoutWrite": .int(Int64(healsWithoutWrite)), "leaderLogMax": .int(Int64(leaderLogMax)),
            "leaderSegmentsMax": .int(Int64(leaderSegmentsMax)), "leaderStateMax": .int(Int64(leaderStateMax)), "violations": .array(checks.flatMap(\.violations).map { .string($0) }),
        ]
    }
}
