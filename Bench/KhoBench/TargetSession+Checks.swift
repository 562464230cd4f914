import BenchLoad
import BenchMeasure
import BenchTargets

/// What is looked at after a run: that nothing acknowledged is lost, and that a reader is shown what it may see and nothing else.
extension TargetSession {
    func check(_ workload: Workload, _ outcome: LoadOutcome, imported: [Operation]) async throws -> [CheckResult] {
        var checks: [CheckResult] = []
        if outcome.unanswered > 0 {
            checks.append(CheckResult(name: "every request was answered", passed: false, detail: "\(outcome.unanswered) were not, five seconds after the end"))
        }
        if !outcome.ledger.sent.isEmpty, target.name != "null" { checks.append(try await checkWrites(outcome.ledger)) }
        if !imported.isEmpty, target.name != "null" { checks.append(try await checkImports(imported)) }
        if workload.rights != .none, ["kho", "postgres", "postgres-batch"].contains(target.name) {
            // Before the key reads of the check of writes another reader may have been prepared.
            try await target.prepare(workload)
            checks.append(try await checkRights(workload))
            if workload.scans, target.tellsScans { checks.append(try await checkScans(workload)) }
        }
        return checks
    }

    /// Of a sample of the records that were written, that none shows an older state than the last acknowledged write of it left.
    private func checkWrites(_ ledger: WriteLedger) async throws -> CheckResult {
        let name = "no acknowledged write is lost"
        let workload = try Self.plain("get")
        try await target.prepare(workload)
        let sample = ledger.sent.keys.sorted().striding(Self.samples)
        var lost = 0
        for answer in try await read(sample, workload) {
            let stamp = answer.outcome == .found ? target.seen(answer, workload)?.stamp : nil
            let sent = ledger.sent[answer.operation.record] ?? 0
            // Of two that were under way together either may have been the last.
            if (stamp ?? 0) + ledger.longest < sent { lost += 1 }
        }
        return CheckResult(name: name, passed: lost == 0, detail: "\(sample.count) records read of \(ledger.sent.count) written, \(lost) lost")
    }

    /// Of a sample of the batches that were acknowledged, that a record of each is there as it was written.
    private func checkImports(_ batches: [Operation]) async throws -> CheckResult {
        let workload = try Self.plain("get")
        try await target.prepare(workload)
        let order = ScatteredOrder(count: OperationSource.scatterWindow)
        let step = max(1, (batches.count + Self.samples - 1) / Self.samples)
        let numbers = stride(from: 0, to: batches.count, by: step).map { place in
            OperationSource.record(UInt32(truncatingIfNeeded: place &* 97) % batches[place].count, of: batches[place], order)
        }
        let lost = try await read(numbers, workload).compactMap { answer in difference(answer, workload).map { "record \(answer.operation.record) \($0)" } }
        let first = lost.first.map { "; \($0)" } ?? ""
        return CheckResult(
            name: "every acknowledged import is there", passed: lost.isEmpty,
            detail: "\(numbers.count) records read, of as many of \(batches.count) batches, \(lost.count) lost or changed\(first)")
    }

    /// Records that each scan of the check asks for: so few that they come in one batch.
    private static let scanned = 50

    /// Of some scans, that they show the records that the reader may see, in the order of their keys, none left out, each without what the mask hides.
    private func checkScans(_ workload: Workload) async throws -> CheckResult {
        let starts = (0..<UInt64(max(1, records - 2 * Self.scanned))).striding(20)
        let answers = try await answers(to: starts.map { Operation(.scan, record: $0, count: UInt32(Self.scanned)) }, workload)
        var wrong = 0, shown = 0
        for answer in answers {
            guard answer.outcome == .found, let rows = target.scanned(answer) else {
                wrong += 1
                continue
            }
            let visible = (answer.operation.record..<UInt64(records)).lazy.filter { [self] in !isHidden($0, workload) }.prefix(Self.scanned)
            if rows.map(\.number) != Array(visible) { wrong += 1 }
            wrong += rows.count { !isMaskedRightly($0.seen, workload) }
            shown += rows.count
        }
        return CheckResult(
            name: "scans show nothing withheld and leave nothing else out", passed: wrong == 0, detail: "\(answers.count) scans with \(shown) records read, \(wrong) wrong")
    }

    private func isHidden(_ number: UInt64, _ workload: Workload) -> Bool { (workload.rights == .row || workload.rights == .both) && number % 10 == 9 }

    private func isMaskedRightly(_ seen: SeenRecord, _ workload: Workload) -> Bool {
        let isMasked = workload.rights == .field || workload.rights == .both
        return (0..<DataShape.fields).allSatisfy { (seen.fields[$0] != nil) == (!isMasked || $0 < DataShape.shownFields) }
    }

    /// Of a sample, that a reader is shown what it may see and nothing else.
    private func checkRights(_ workload: Workload) async throws -> CheckResult {
        // Every last digit comes in turn: what a row condition hides goes by it.
        let sample = (0..<UInt64(records)).striding(200).enumerated().map { ($1 / 10 * 10 + UInt64($0 % 10)) }.filter { $0 < UInt64(records) }
        var wrong = 0
        for answer in try await read(sample, workload) {
            let isHidden = isHidden(answer.operation.record, workload)
            guard !isHidden, answer.outcome == .found else {
                if answer.outcome == .found || !isHidden { wrong += 1 }
                continue
            }
            if target.seen(answer, workload).map({ isMaskedRightly($0, workload) }) != true { wrong += 1 }
        }
        return CheckResult(
            name: "nothing withheld was shown, and nothing else was withheld", passed: wrong == 0, detail: "\(sample.count) records read, \(wrong) wrong")
    }
}

extension Collection<UInt64> {
    /// At most so many, evenly spread.
    func striding(_ most: Int) -> [UInt64] {
        let step = Swift.max(1, (count + most - 1) / most)
        return enumerated().filter { $0.offset % step == 0 }.map(\.element)
    }
}
