import BenchLoad
import BenchMeasure
import Core
import Harness
import LMDB

/// LMDB in this process: `mdb_get` and a copy of the value, no sockets. What a store of this kind can give at the most; threads stand for connections, and
/// `depth` reads share a read transaction.
final class LMDBTarget: Target {
    let name = "lmdb"
    let loading = Loading(connections: 1, depth: 1, batch: 1_024)
    private let folder: TemporaryFolder
    private var environment: Environment?
    private var database: Database?
    private var shape = DataShape()

    init() throws { folder = try TemporaryFolder(prefix: "kho-bench-lmdb") }

    var processes: [ProcessMeter.Subject] { [] }

    func start(_ shape: DataShape) async throws {
        self.shape = shape
        let environment = try Environment(folder: folder.path, options: .init(mapBytes: 32 << 30))
        database = try environment.openDatabase("records")
        self.environment = environment
    }

    func stop() {
        environment = nil
        folder.remove()
    }

    func prepare(_ workload: Workload) async throws {}

    func refusal(of workload: Workload) -> String? {
        let kinds = Set(workload.shares.map(\.kind))
        if kinds.isSubset(of: [.get]) || kinds == [.importBatch] { return workload.fault.map { _ in "faults are for kho" } }
        return "lmdb is measured with reads by key and imports only"
    }

    func run(_ job: LoadJob, _ workload: Workload, began: @escaping @Sendable (MonotonicTime) -> Void) async throws -> LoadOutcome {
        guard let environment, let database else { throw BenchError("lmdb was not started") }
        if workload.imports { return try fill(job, environment, database, began) }
        return try await LMDBLoad(environment: environment, database: database, job: job).run(began)
    }

    /// Writes batch after batch, each in a transaction of its own. The file is opened without syncs, so what this gives is a limit, not durability.
    private func fill(_ job: LoadJob, _ environment: Environment, _ database: Database, _ began: (MonotonicTime) -> Void) throws -> LoadOutcome {
        var source = OperationSource(job.source, shared: job.shared, seed: job.seed, zipf: nil)
        let order = ScatteredOrder(count: OperationSource.scatterWindow)
        var recorder = KindRecorder(isOpen: false)
        var value = ByteWriter(capacity: shape.valueBytes)
        let start = MonotonicTime.now()
        began(start)
        while job.seconds.map({ MonotonicTime.now().milliseconds(since: start) < $0 * 1_000 }) ?? true, let batch = source.next(at: 0) {
            let begin = MonotonicTime.now()
            var transaction = try environment.beginWrite()
            for place in 0..<batch.count {
                let record = OperationSource.record(place, of: batch, order)
                value.bytes.removeAll(keepingCapacity: true)
                shape.writeValue(of: record, stamp: batch.stamp, into: &value)
                try transaction.put(database, DataShape.key(record), value.bytes)
            }
            try transaction.commit()
            recorder.took(MonotonicTime.now().nanoseconds(since: begin), records: UInt64(batch.count))
        }
        let seconds = MonotonicTime.now().milliseconds(since: start) / 1_000
        return LoadOutcome(seconds: seconds, generatorSeconds: seconds, wallSeconds: seconds, .importBatch, recorder, nil)
    }

    func description(of workload: Workload) -> TargetDescription {
        TargetDescription(
            name: name, version: "liblmdb of the system", durability: "none: the system writes the file when it likes", replication: "none: in this process",
            encryption: "none: no sockets", filtering: "none: the whole value", consistency: "a read transaction for `depth` reads", configuration: [])
    }

    func seen(_ answer: CapturedAnswer, _ workload: Workload) -> SeenRecord? { SeenRecord(value: answer.value, shape: shape) }
}

/// Reads by key on threads of their own.
private struct LMDBLoad: @unchecked Sendable {
    // Because an environment may be read by many threads, each with its own transaction.
    let environment: Environment
    let database: Database
    let job: LoadJob

    func run(_ began: (MonotonicTime) -> Void) async throws -> LoadOutcome {
        let start = MonotonicTime.now()
        let from = start.nanoseconds + UInt64(job.warmUpSeconds * 1e9)
        // A list of operations ends by itself.
        let to = job.seconds.map { from + UInt64($0 * 1e9) } ?? .max
        began(MonotonicTime(nanoseconds: from))
        let processor = ProcessMeter.ownSeconds
        let parts = try await withThrowingTaskGroup(of: Part.self) { group in
            for number in 0..<job.load.connections { group.addTask { try read(number, from, to) } }
            var parts: [Part] = []
            for try await part in group { parts.append(part) }
            return parts
        }
        let wall = MonotonicTime.now().milliseconds(since: start) / 1_000
        var all = parts[0]
        for part in parts.dropFirst() { all.add(part) }
        var outcome = LoadOutcome(
            seconds: job.seconds ?? wall, generatorSeconds: ProcessMeter.ownSeconds - processor, wallSeconds: wall, .get, all.recorder, all.series)
        outcome.captured = all.captured
        return outcome
    }

    private struct Part: Sendable {
        var recorder = KindRecorder(isOpen: false)
        var series: SecondSeries
        var captured: [CapturedAnswer] = []

        mutating func add(_ other: Part) {
            recorder.add(other.recorder)
            series.add(other.series)
            captured += other.captured
        }
    }

    private func read(_ number: Int, _ from: UInt64, _ to: UInt64) throws -> Part {
        var part = Part(series: SecondSeries(seconds: Int((job.seconds ?? 0).rounded(.up))))
        var source = OperationSource(job.source, shared: job.shared, seed: job.seed &* 1_000_003 &+ UInt64(number), zipf: nil)
        var transaction = try environment.beginRead()
        var key = ByteWriter(capacity: DataShape.keyBytes)
        var value: [UInt8] = []
        value.reserveCapacity(4_096)
        var now = MonotonicTime.now().nanoseconds
        while now < to {
            transaction.reset()
            try transaction.renew()
            for _ in 0..<job.load.depth {
                guard let operation = source.next(at: now) else { return part }
                key.bytes.removeAll(keepingCapacity: true)
                DataShape.writeKey(operation.record, into: &key)
                value.removeAll(keepingCapacity: true)
                let isFound = try copy(key.bytes, transaction, into: &value)
                let after = MonotonicTime.now().nanoseconds
                if after >= from, after < to {
                    part.recorder.took(after - now, isAbsent: !isFound)
                    part.series.record(at: after - from, latency: after - now)
                }
                if job.captures {
                    part.captured.append(CapturedAnswer(operation: operation, outcome: isFound ? .found : .absent, records: 1, value: value, failure: ""))
                }
                now = after
            }
        }
        return part
    }

    private func copy(_ key: [UInt8], _ transaction: borrowing ReadTransaction, into value: inout [UInt8]) throws -> Bool {
        guard let found = try transaction.get(database, key.span.bytes) else { return false }
        found.withUnsafeBytes { value.append(contentsOf: $0) }
        return true
    }
}
