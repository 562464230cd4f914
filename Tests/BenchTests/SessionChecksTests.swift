import BenchMeasure
import BenchTargets
import Core
import Testing

@testable import BenchLoad
@testable import kho_bench

/// The checks after a run, with a target that keeps to its promises or breaks one.
@Suite struct SessionChecksTests {
    private static let records = 2_000

    private func workload(_ text: String) throws -> Workload { try Workload("name = \"w\"\nabout = \"a test\"\n" + text, file: "w.toml") }

    /// Loads the target, breaks what is to be broken, and checks.
    @Conductor private func checks(_ text: String, imports: [Operation] = [], _ fault: MemoryTarget.Fault? = nil) async throws -> [CheckResult] {
        let target = MemoryTarget()
        let session = TargetSession(target, records: Self.records, valueBytes: 400)
        try await session.start()
        target.fault = fault
        let outcome = LoadOutcome(seconds: 1, generatorSeconds: 0, wallSeconds: 1)
        for batch in imports { target.write(batch) }
        return try await session.check(try workload(text), outcome, imported: imports)
    }

    private static let scans = "[operations]\nscan = 100\n[access]\nrights = "

    @Test(arguments: ["field", "row", "both"]) func whoShowsWhatItShouldHolds(rights: String) async throws {
        let results = try await checks(Self.scans + "\"\(rights)\"\n")
        #expect(results.map(\.passed) == [true, true])
        #expect(results[1].detail == "20 scans with 1000 records read, 0 wrong")
    }

    @Test(arguments: [
        (MemoryTarget.Fault.shows(field: 9), "both"), (.shows(field: 8), "field"), (.hides(field: 3), "row"), (.showsHiddenRecords, "row"), (.showsHiddenRecords, "both"),
        (.scanLeavesOut, "field"), (.scanLeavesOut, "both"), (.scanTurnsRound, "row"), (.failsScans, "field"),
    ]) func whoDoesNotIsFound(fault: MemoryTarget.Fault, rights: String) async throws {
        let results = try await checks(Self.scans + "\"\(rights)\"\n", fault)
        #expect(results.last?.name == "scans show nothing withheld and leave nothing else out")
        #expect(results.last?.passed == false)
        // What only scans do wrong the reads by key do not show.
        #expect(results.first?.passed == [.scanLeavesOut, .scanTurnsRound, .failsScans].contains(fault))
    }

    @Test(arguments: [false, true]) func everyBatchIsLookedAt(isScattered: Bool) async throws {
        let shared = OperationSource.Shared(records: 0)
        var source = OperationSource(.imports(from: 3_000_000, end: nil, batch: 256, isScattered: isScattered), shared: shared, seed: 1, zipf: nil)
        let batches = (0..<40).compactMap { _ in source.next(at: 0) }
        let text = "[operations]\nimport = 100\n"
        let good = try await checks(text, imports: batches)
        #expect(good.map(\.passed) == [true])
        #expect(good[0].detail == "40 records read, of as many of 40 batches, 0 lost or changed")
        let bad = try await checks(text, imports: batches, .losesBatch(17))
        #expect(bad[0].name == "every acknowledged import is there" && !bad[0].passed)
        #expect(bad[0].detail.contains("1 lost or changed; record ") && bad[0].detail.contains("is not found"))
        let changed = try await checks(text, imports: batches, .changesBatch(3))
        #expect(changed[0].detail.contains("1 lost or changed") && changed[0].detail.contains("does not hold what it must: f0 is "))
    }
}

/// Keeps records in memory and shows them as the workload's reader may see them, but for one fault.
@Conductor final class MemoryTarget: Target {
    enum Fault: Equatable, Sendable {
        case shows(field: Int), hides(field: Int)
        case showsHiddenRecords, scanLeavesOut, scanTurnsRound, failsScans
        /// Of the batches that are written one after the other, the one with this number.
        case losesBatch(Int), changesBatch(Int)
    }
    var fault: Fault?
    nonisolated let name = "kho"
    let processes: [ProcessMeter.Subject] = []
    let loading = Loading(connections: 1, depth: 1, batch: 256)
    private var shape = DataShape()
    /// Stamps by number.
    private var stamps: [UInt64: UInt64] = [:]
    private var batches = 0
    /// What captured answers show, by the number in their value.
    private var shown: [[(number: UInt64, seen: SeenRecord)]] = []

    func start(_ shape: DataShape) { self.shape = shape }
    func stop() {}
    func prepare(_ workload: Workload) {}
    func refusal(of workload: Workload) -> String? { nil }
    func description(of workload: Workload) -> TargetDescription {
        TargetDescription(name: name, version: "", durability: "", replication: "", encryption: "", filtering: "", consistency: "", configuration: [])
    }

    func write(_ batch: Operation) {
        defer { batches += 1 }
        if fault == .losesBatch(batches - MemoryTarget.loaded) { return }
        let stamp: UInt64 = fault == .changesBatch(batches - MemoryTarget.loaded) ? 1 : 0
        let order = ScatteredOrder(count: OperationSource.scatterWindow)
        for place in 0..<batch.count { stamps[OperationSource.record(place, of: batch, order)] = stamp }
    }

    /// Batches of the load before the test: 2,000 records by 256.
    private static let loaded = 8

    func run(_ job: LoadJob, _ workload: Workload, began: @escaping @Sendable (MonotonicTime) -> Void) -> LoadOutcome {
        var source = OperationSource(job.source, shared: job.shared, seed: job.seed, zipf: nil)
        var recorder = KindRecorder(isOpen: false)
        var captured: [CapturedAnswer] = []
        while let operation = source.next(at: 0) {
            recorder.took(1, records: UInt64(operation.count))
            if operation.kind == .importBatch {
                write(operation)
            } else {
                captured.append(answer(operation, workload))
            }
        }
        var outcome = LoadOutcome(seconds: 1, generatorSeconds: 0, wallSeconds: 1, workload.imports ? .importBatch : .get, recorder, nil)
        outcome.captured = captured
        return outcome
    }

    private func answer(_ operation: Operation, _ workload: Workload) -> CapturedAnswer {
        var numbers = [operation.record]
        if operation.kind == .scan {
            numbers = Array((operation.record..<operation.record + 200).filter { isVisible($0, workload) }.prefix(Int(operation.count)))
            if fault == .scanLeavesOut { numbers.remove(at: 7) }
            if fault == .scanTurnsRound { numbers.reverse() }
        }
        if operation.kind == .scan, fault == .failsScans {
            return CapturedAnswer(operation: operation, outcome: .failed, records: 0, value: [], failure: "KHO-9002")
        }
        shown.append(numbers.filter { isVisible($0, workload) }.map { ($0, seen($0, workload)) })
        let isThere = shown.last?.isEmpty == false
        return CapturedAnswer(
            operation: operation, outcome: isThere ? .found : .absent, records: UInt32(shown.last?.count ?? 0), value: DataShape.key(UInt64(shown.count - 1)), failure: "")
    }

    private func isVisible(_ number: UInt64, _ workload: Workload) -> Bool {
        guard stamps[number] != nil else { return false }
        let isHidden = (workload.rights == .row || workload.rights == .both) && number % 10 == 9
        return !isHidden || fault == .showsHiddenRecords
    }

    private func seen(_ number: UInt64, _ workload: Workload) -> SeenRecord {
        let isMasked = workload.rights == .field || workload.rights == .both
        return SeenRecord(fields: (0..<DataShape.fields).map { field in
            if fault == .hides(field: field) { return nil }
            guard !isMasked || field < DataShape.shownFields || fault == .shows(field: field) else { return nil }
            return field == DataShape.numberField ? Array("\(DataShape.number(of: number))".utf8) : shape.text(field, of: number, stamp: stamps[number] ?? 0)
        })
    }

    func seen(_ answer: CapturedAnswer, _ workload: Workload) -> SeenRecord? { rows(answer)?.first?.seen }
    var tellsScans: Bool { true }
    func scanned(_ answer: CapturedAnswer) -> [(number: UInt64, seen: SeenRecord)]? { rows(answer) }

    private func rows(_ answer: CapturedAnswer) -> [(number: UInt64, seen: SeenRecord)]? {
        Int(String(decoding: answer.value, as: UTF8.self)).map { shown[$0] }
    }
}
