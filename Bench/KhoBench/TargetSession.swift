import BenchLoad
import BenchMeasure
import BenchTargets
import Core

/// A target that was started and loaded, and is measured as often as is liked.
@Conductor final class TargetSession {
    let target: any Target
    let records: Int
    let shape: DataShape
    private let shared: OperationSource.Shared
    /// The first number of records that an import will write.
    private var importNext: UInt64
    private(set) var loadSeconds = 0.0
    private(set) var loadedPerSecond = 0.0

    /// Batches of a load that may be refused and sent again, as when a leader was not in time for its followers.
    private static let repeats = 10_000
    /// Records that are read to verify a load, and after a run to check it.
    static let samples = 1_000

    init(_ target: any Target, records: Int, valueBytes: Int) {
        self.target = target
        self.records = records
        shape = DataShape(valueBytes: valueBytes)
        shared = OperationSource.Shared(records: UInt64(records))
        // Beyond all that inserts may reach.
        importNext = 1_000_000_000
    }

    func stop() { target.stop() }

    // MARK: Load and verify

    /// The owner's workload for loading and checking.
    static func plain(_ operations: String) throws -> Workload {
        try Workload("name = \"loading\"\nabout = \"Loading and checking\"\n[operations]\n\(operations) = 100\n", file: "loading")
    }

    func start() async throws {
        try await target.start(shape)
        let workload = try Self.plain("import")
        try await target.prepare(workload)
        let loading = target.loading
        let load = LoadDescription(model: .closed, connections: loading.connections, depth: loading.depth, threads: 1, ratePerSecond: nil, arrivals: nil)
        var job = LoadJob(
            endpoints: [], tls: nil, load: load, source: .imports(from: 0, end: UInt64(records), batch: loading.batch, isScattered: false),
            shared: .init(records: UInt64(records)), warmUpSeconds: 0, seconds: nil)
        job.repeats = Self.repeats
        let outcome = try await target.run(job, workload) { _ in }
        let written = outcome[.importBatch]?.records ?? 0
        guard outcome.errors == 0, written >= UInt64(records) else {
            throw BenchError("\(target.name): \(written) of \(records) records were loaded: \(outcome[.importBatch]?.errorSamples.joined(separator: "; ") ?? "")")
        }
        loadSeconds = outcome.seconds
        loadedPerSecond = Double(written) / max(0.001, outcome.seconds)
        try await verify()
    }

    /// A sample of what was loaded is read and compared with what it must be.
    private func verify() async throws {
        let workload = try Self.plain("get")
        let step = max(1, records / Self.samples)
        let answers = try await read(stride(from: 0, to: records, by: step).map { UInt64($0) }, workload)
        for answer in answers {
            if let difference = difference(answer, workload) {
                throw BenchError("\(target.name): record \(answer.operation.record) was loaded and \(difference)")
            }
        }
    }

    /// In what a record differs from what was loaded or imported under its number: "is not found"; nil if in nothing, or if the target's answers cannot be told apart.
    func difference(_ answer: CapturedAnswer, _ workload: Workload) -> String? {
        guard answer.outcome == .found else { return "is not found \(answer.failure)" }
        guard let seen = target.seen(answer, workload) else { return nil }
        for (field, value) in seen.fields.enumerated() where field != DataShape.numberField && value != shape.text(field, of: answer.operation.record, stamp: 0) {
            return "does not hold what it must: f\(field) is \(value.map { String(decoding: $0, as: UTF8.self) } ?? "nothing")"
        }
        return nil
    }

    /// Reads these as the workload's reader does and keeps the answers.
    func read(_ numbers: [UInt64], _ workload: Workload) async throws -> [CapturedAnswer] {
        try await answers(to: numbers.map { Operation(.get, record: $0) }, workload)
    }

    /// Each of these is asked once, as the workload's reader.
    func answers(to operations: [Operation], _ workload: Workload) async throws -> [CapturedAnswer] {
        let load = LoadDescription(model: .closed, connections: 1, depth: 16, threads: 1, ratePerSecond: nil, arrivals: nil)
        var job = LoadJob(
            endpoints: [], tls: nil, load: load, source: .list(operations), shared: .init(records: UInt64(records)),
            warmUpSeconds: 0, seconds: nil)
        job.captures = true
        var reader = workload
        reader.shares = [.init(kind: operations.first?.kind ?? .get, percent: 100)]
        let captured = try await target.run(job, reader) { _ in }.captured
        guard captured.count == operations.count else { throw BenchError("\(target.name): \(captured.count) answers to \(operations.count) reads") }
        return captured
    }

    // MARK: Measure

    /// What a measurement is asked for beside target and workload.
    struct Request: Sendable {
        var shape: LoadShape
        var warmUpSeconds: Double
        var seconds: Double
        var threads: Int
        var seed: UInt64
        var arrivals = LoadDescription.Arrivals.poisson
        var environment: RunEnvironment
        /// By shape, what the generator gave against the null server.
        var ceilings: [String: Double] = [:]
    }

    /// Seconds for which a run waits at most until the machine is quiet; if it is not, the run's warnings say so.
    static let settleSecondsMax = 20.0

    /// One run: warm-up, measurement, check.
    func measure(_ workload: Workload, _ request: Request) async throws -> (result: RunResult, histograms: [(kind: String, histogram: LatencyHistogram)]) {
        if let refusal = target.refusal(of: workload) { throw BenchError("\(workload.name) cannot be run on \(target.name): \(refusal)") }
        if let fault = workload.fault, request.seconds < Double(fault.endSeconds + 2) {
            throw BenchError("\(workload.name) disturbs the target until second \(fault.endSeconds), and is to be measured for \(request.seconds) s", remedy: "--seconds \(fault.endSeconds + 5)")
        }
        try await target.prepare(workload)
        let loadBefore = EnvironmentProbe.load
        // What the run before has left to write is not this one's.
        let busy = await EnvironmentProbe.settle(below: Warnings.busyShareMax, atMostSeconds: Self.settleSecondsMax)
        var job = LoadJob(
            endpoints: [], tls: nil, load: request.shape.load(threads: request.threads, arrivals: request.arrivals),
            source: workload.source(importFrom: importNext), shared: workload.imports ? .init(records: UInt64(records)) : shared, seed: request.seed,
            warmUpSeconds: request.warmUpSeconds, seconds: request.seconds)
        job.survivesFaults = workload.fault != nil
        let began = Int64(WallClock.now() / 1_000)
        let course = Course(target: target, fault: workload.fault, warmUpSeconds: request.warmUpSeconds, seconds: request.seconds)
        async let background = importBeside(workload, request)
        let disturbance = Task { try await course.disturb() }
        let outcome: LoadOutcome
        do { outcome = try await target.run(job, workload) { course.begins(at: $0) } } catch {
            disturbance.cancel()
            _ = try? await background
            throw error
        }
        let events = try await disturbance.value
        let beside = try await background
        let usage = course.usage
        let others = Warnings.othersShare(busySeconds: course.busySeconds, targetSeconds: usage?.processorSeconds, outcome, processors: request.environment.processors)
        importNext += (workload.imports ? Self.imported(outcome, job) : 0) + (beside.map { Self.imported($0.outcome, $0.job) } ?? 0)
        let checkBegin = MonotonicTime.now()
        let checks = try await check(workload, outcome, imported: outcome.ledger.batches + (beside?.outcome.ledger.batches ?? []))
        let checkSeconds = MonotonicTime.now().milliseconds(since: checkBegin) / 1_000
        var kinds = workload.shares.map(\.kind)
        var operations = kinds.compactMap { kind in outcome[kind].map { self.operation(kind, $0, outcome, countsSending: kind == kinds.first) } }
        var histograms = kinds.compactMap { kind in outcome[kind].map { (kind: kind.name, histogram: $0.response ?? $0.service) } }
        if let recorder = beside?.outcome[.importBatch], let outcome = beside?.outcome {
            kinds.append(.importBatch)
            operations.append(operation(.importBatch, recorder, outcome, countsSending: false))
            histograms.append((kind: OperationKind.importBatch.name, histogram: recorder.service))
        }
        var environment = request.environment
        environment.loadBefore = loadBefore
        let result = RunResult(
            beganAt: began, environment: environment, target: target.description(of: workload),
            workload: WorkloadDescription(name: workload.name, file: workload.text, records: records, valueBytes: shape.valueBytes, seed: request.seed), load: job.load,
            seconds: StageSeconds(load: loadSeconds, warmUp: request.warmUpSeconds, measure: outcome.seconds, check: checkSeconds), operations: operations,
            series: outcome.series?.points(events: events) ?? [], usage: usage,
            ceilingPerSecond: Warnings.ceiling(of: operations, request, protocolName: target.name),
            leasedShare: workload.reads == .lease ? course.leasedShare : nil, checks: checks,
            warnings: Warnings.of(outcome, operations, request, busyShare: busy, othersShare: others, isFaulty: workload.fault != nil, protocolName: target.name)
                + Warnings.ofReads(workload, leasedShare: course.leasedShare))
        return (result, histograms)
    }

    /// New records go behind those of this run, at a whole window.
    private static func imported(_ outcome: LoadOutcome, _ job: LoadJob) -> UInt64 {
        (job.shared.next.load(ordering: .relaxed) / OperationSource.scatterWindow + 1) * OperationSource.scatterWindow
    }

    /// Of workloads with an import beside the measured load: one that runs as long.
    private func importBeside(_ workload: Workload, _ request: Request) async throws -> (outcome: LoadOutcome, job: LoadJob)? {
        guard workload.backgroundImports > 0 else { return nil }
        var importing = try Self.plain("import")
        importing.importBatch = workload.importBatch
        let load = LoadDescription(model: .closed, connections: workload.backgroundImports, depth: 2, threads: 1, ratePerSecond: nil, arrivals: nil)
        let job = LoadJob(
            endpoints: [], tls: nil, load: load, source: workload.imports(from: importNext), shared: .init(records: UInt64(records)), seed: request.seed,
            warmUpSeconds: request.warmUpSeconds, seconds: request.seconds)
        return (try await target.run(job, importing) { _ in }, job)
    }

    /// - Parameter countsSending: what was sent late or never is known of all kinds together, and is the first one's.
    private func operation(_ kind: OperationKind, _ recorder: KindRecorder, _ outcome: LoadOutcome, countsSending: Bool) -> OperationResult {
        let count = kind == .importBatch ? recorder.records : recorder.answers
        // A failed import is no record, and what failed otherwise is no operation done.
        let done = count - min(count, kind == .importBatch ? 0 : recorder.errors)
        return OperationResult(
            kind: kind.name, count: count, perSecond: Double(done) / max(0.001, outcome.seconds), errors: recorder.errors, denied: recorder.denied,
            late: countsSending ? outcome.late : 0, skipped: countsSending ? outcome.skipped : 0, service: recorder.service.summary, response: recorder.response?.summary,
            errorSamples: recorder.errorSamples)
    }
}
