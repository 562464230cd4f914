import BenchLoad
import BenchMeasure

/// Why a figure must not be quoted without a word.
enum Warnings {
    /// Share of all processors that others may use.
    static let busyShareMax = 0.15
    /// Of the generator's ceiling, and of its threads' time.
    static let ceilingShareMax = 0.7, generatorShareMax = 0.9

    /// What spoils every figure of this machine and build. `busyShare` is of all processors' time, 0 to 1.
    static func of(_ environment: RunEnvironment, busyShare: Double = 0) -> [String] {
        var warnings: [String] = []
        if environment.build == "debug" { warnings.append("a debug build: its figures say nothing") }
        if environment.programsAreOlderThanSources == true { warnings.append("a file of the sources is newer than the programs: the revision says nothing of them") }
        if busyShare > busyShareMax { warnings.append("the machine was busy before the run: \(percent(busyShare)) of its processors' time went to others") }
        return warnings
    }

    static func of(
        _ outcome: LoadOutcome, _ operations: [OperationResult], _ request: TargetSession.Request, busyShare: Double, othersShare: Double = 0, isFaulty: Bool,
        protocolName: String
    ) -> [String] {
        var warnings = of(request.environment, busyShare: busyShare)
        if othersShare > busyShareMax { warnings.append("the machine was busy during the run: \(percent(othersShare)) of its processors' time went to neither target nor generator") }
        for operation in operations where operation.service.p99 == nil {
            warnings.append("too few samples of \(operation.kind) for p99: \(operation.service.samples)")
        }
        if let silence = silence(in: outcome.series?.points() ?? []) { warnings.append(silence) }
        let threads = Double(min(request.threads, request.shape.connections))
        let own = outcome.generatorSeconds / max(0.001, outcome.wallSeconds) / threads
        if own > generatorShareMax, protocolName != "lmdb" {
            warnings.append("bound by the generator: its \(Int(threads)) thread\(threads > 1 ? "s" : "") worked \(percent(own)) of the time")
        }
        let rate = operations.reduce(0) { $0 + $1.perSecond }
        if let ceiling = ceiling(of: operations, request, protocolName: protocolName), rate > ceiling * ceilingShareMax {
            warnings.append("bound by the generator: \(percent(rate / ceiling)) of what it gave against the null server in this shape (\(Int(ceiling))/s)")
        }
        if !isFaulty, operations.contains(where: { $0.errors > 0 }) { warnings.append("requests failed: \(operations.reduce(0) { $0 + $1.errors })") }
        if outcome.lostConnections > 0 { warnings.append("\(outcome.lostConnections) connections were lost") }
        if outcome.skipped > 0 { warnings.append("\(outcome.skipped) requests were due and never sent: the rate is beyond the target") }
        return warnings
    }

    /// What the generator gave in this shape against the null server; nil of anything but GETs over KHO/1, for which nobody measured it.
    static func ceiling(of operations: [OperationResult], _ request: TargetSession.Request, protocolName: String) -> Double? {
        guard protocolName == "kho", operations.count == 1, operations.first?.kind == "get" else { return nil }
        return request.ceilings[request.shape.description]
    }

    /// Of seconds in which no answer came: a rate over them says nothing of the target at work.
    static func silence(in series: [SeriesPoint]) -> String? {
        let silent = series.filter { $0.operations == 0 }.map { String($0.second) }
        guard !silent.isEmpty else { return nil }
        return "no answer came in \(silent.count) of \(series.count) seconds: \(silent.prefix(10).joined(separator: ", "))"
    }

    /// The share of all processors' time that neither the target nor the generator had, 0 to 1.
    static func othersShare(busySeconds: Double, targetSeconds: Double?, _ outcome: LoadOutcome, processors: Int) -> Double {
        guard let targetSeconds, outcome.seconds > 0, outcome.wallSeconds > 0 else { return 0 }
        let generator = outcome.generatorSeconds * outcome.seconds / outcome.wallSeconds
        return max(0, busySeconds - targetSeconds - generator) / (outcome.seconds * Double(max(1, processors)))
    }

    /// Of reads that are to be answered by a lease, the share that must have been. Where records are written too, those that are on their way wait for a barrier.
    static let leasedShareMin = 0.99

    /// Where a lease was to answer and did not: nil for a target that does not say.
    static func ofReads(_ workload: Workload, leasedShare: Double?) -> [String] {
        guard workload.reads == .lease, let leasedShare, leasedShare < leasedShareMin else { return [] }
        return ["a read lease answered \(percent(leasedShare)) of the reads, and the others waited for a barrier"]
    }

    private static func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }
}
