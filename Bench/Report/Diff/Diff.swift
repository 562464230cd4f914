import BenchMeasure

/// Compares two sets of runs that were made in turns.
package enum Diff {
    package static func compare(a: [RunResult], b: [RunResult], settings: DiffResult.Settings = .init()) -> DiffResult {
        let (left, right) = (Dictionary(grouping: a, by: subject), Dictionary(grouping: b, by: subject))
        let both = Set(left.keys).intersection(right.keys).sorted()
        let rows = both.flatMap { subject -> [DiffResult.Row] in
            let pair = Pair(a: left[subject] ?? [], b: right[subject] ?? [])
            return pair.figures.map { row(subject, $0, pair, settings) }
        }
        return DiffResult(
            settings: settings, rows: rows, onlyInA: Set(left.keys).subtracting(both).sorted(), onlyInB: Set(right.keys).subtracting(both).sorted(),
            notes: notes(a, b))
    }

    private static func subject(_ run: RunResult) -> DiffResult.Subject {
        DiffResult.Subject(workload: run.workload.name, target: run.target.name, shape: Shape(run.load).name)
    }

    private static func row(_ subject: DiffResult.Subject, _ figure: DiffResult.Figure, _ pair: Pair, _ settings: DiffResult.Settings) -> DiffResult.Row {
        let (a, b) = (pair.a.compactMap { value(figure, of: $0) }, pair.b.compactMap { value(figure, of: $0) })
        var row = DiffResult.Row(subject: subject, figure: figure, a: a, b: b, ratio: nil, interval: nil, verdict: .inconclusive, reason: nil)
        if let base = Statistics.median(a), let other = Statistics.median(b), base > 0, other > 0 { row.ratio = other / base }
        let few = tooFew(a.count, b.count, pair, settings)
        // Of few figures the interval would be narrow because it knows little.
        if few == nil {
            row.interval = Bootstrap.ratioOfMedians(a, b, confidence: settings.confidence, resamples: settings.resamples, seed: settings.seed)
        }
        row.reason = pair.obstacle(settings) ?? few
        guard row.reason == nil else { return row }
        guard let interval = row.interval else {
            row.reason = "a figure is zero, so that there is no ratio"
            return row
        }
        row.verdict = verdict(interval, isBetterWhenMore: figure.isBetterWhenMore, margin: settings.equivalenceMargin)
        return row
    }

    /// The rule, on the interval of B by A.
    package static func verdict(_ interval: ClosedRange<Double>, isBetterWhenMore: Bool, margin: Double) -> DiffResult.Verdict {
        if interval.lowerBound >= 1 / (1 + margin), interval.upperBound <= 1 + margin { return .equivalent }
        if interval.lowerBound > 1 { return isBetterWhenMore ? .faster : .slower }
        if interval.upperBound < 1 { return isBetterWhenMore ? .slower : .faster }
        return .inconclusive
    }

    private static func value(_ figure: DiffResult.Figure, of run: RunResult) -> Double? {
        switch figure {
        case .throughput(let kind): run.operations.first { $0.kind == kind }?.perSecond
        case .p99(let kind): run.operations.first { $0.kind == kind }?.reported.p99.map { Double($0) }
        }
    }

    private static func tooFew(_ a: Int, _ b: Int, _ pair: Pair, _ settings: DiffResult.Settings) -> String? {
        guard min(a, b) < settings.roundsMin else { return nil }
        let isFigureMissing = a < pair.a.count || b < pair.b.count
        return "A has \(Numbers.count(a, "run")), B \(b)\(isFigureMissing ? " with this figure" : ""); each needs \(settings.roundsMin)"
    }

    private static func notes(_ a: [RunResult], _ b: [RunResult]) -> [String] {
        func said(_ name: String, _ runs: [RunResult]) -> [String] {
            let revisions = Set(runs.map(\.environment.revision)).sorted()
            var notes = ["\(name): \(Numbers.count(runs.count, "run")), revision \(revisions.isEmpty ? "unknown" : Numbers.list(revisions))"]
            if revisions.count > 1 { notes.append("\(name) mixes \(Numbers.word(revisions.count)) revisions: its medians are of none of them") }
            let warned = runs.filter { !$0.warnings.isEmpty }
            if !warned.isEmpty {
                let kinds = Set(warned.flatMap(\.warnings)).sorted()
                notes.append("\(name): \(warned.count) of \(Numbers.count(runs.count, "run")) carry a warning: \(kinds.joined(separator: "; "))")
            }
            return notes
        }
        var notes = said("A", a) + said("B", b)
        let kernels = (Set(a.map(\.environment.kernel)).sorted(), Set(b.map(\.environment.kernel)).sorted())
        if kernels.0 != kernels.1 { notes.append("the kernels differ: \(Numbers.list(kernels.0)) and \(Numbers.list(kernels.1))") }
        return notes
    }

    /// The runs of both sides of one subject.
    private struct Pair {
        var a, b: [RunResult]

        /// Throughput, of closed loads, and p99 of each kind of operation that both sides have, in the order of the work.
        var figures: [DiffResult.Figure] {
            guard let first = a.first else { return [] }
            let kinds = first.operations.map(\.kind).filter { kind in b.contains { $0.operations.contains { $0.kind == kind } } }
            return (first.load.model == .closed ? kinds.map { .throughput(kind: $0) } : []) + kinds.map { .p99(kind: $0) }
        }

        /// Why no verdict may be given, whatever the figures are.
        func obstacle(_ settings: DiffResult.Settings) -> String? {
            let runs = a + b
            guard let first = runs.first else { return nil }
            if runs.contains(where: { $0.environment.build == "debug" }) { return "a debug build" }
            if runs.contains(where: { $0.checks.contains { !$0.passed } }) { return "a check did not hold" }
            // The seed may differ: it draws the keys, not the work.
            let work = { (run: RunResult) in [run.workload.file, String(run.workload.records), String(run.workload.valueBytes)] }
            if runs.contains(where: { work($0) != work(first) }) { return "the work differs" }
            if runs.contains(where: { $0.load != first.load }) { return "the load differs" }
            if runs.contains(where: { $0.environment.processor != first.environment.processor || $0.environment.processors != first.environment.processors }) {
                return "the machines differ"
            }
            if !settings.allowsRunsOneAfterAnother, min(a.count, b.count) >= settings.roundsMin, !areInTurns {
                return "not run in turns"
            }
            return nil
        }

        /// In the order of their beginnings, the side changes at least as often as the side with fewer runs has runs: A B A B does, and A B B A; A A B B does not.
        var areInTurns: Bool {
            let order = (a.map { ($0.beganAt, true) } + b.map { ($0.beganAt, false) }).sorted { $0.0 < $1.0 }
            return zip(order, order.dropFirst()).count { $0.1 != $1.1 } >= min(a.count, b.count)
        }
    }
}
