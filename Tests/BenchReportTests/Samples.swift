@testable import BenchMeasure
import Core
import Foundation

/// Invented results, the same for the same seed, that look like a real session: for tests of what is made of results, never to be quoted.
struct Samples {
    private var random: SeededRandom

    init(seed: UInt64 = 1) { random = SeededRandom(seed: seed) }

    static let environment = RunEnvironment(
        processor: "Example 9000 8-Core Processor", processors: 2, memoryBytes: 24 << 30, kernel: "Linux 6.1.0", diskSyncNanoseconds: 412_000, build: "release",
        revision: "0123456789ab", loadBefore: 0.04)

    /// The access path in one process, five rounds.
    mutating func engine() -> EngineResult {
        func rounds(_ nanoseconds: Double) -> [Double] { (0..<5).map { _ in nanoseconds * noise(0.05) } }
        return EngineResult(
            beganAt: 1_772_892_300, environment: Self.environment, records: 1_000_000, recordBytes: 412.5, rounds: 5, seconds: 2, appliedPerSecond: 204_000,
            figures: [
                .init(name: "mdb_get and a copy", unit: "GET", nanoseconds: rounds(1_000)), .init(name: "8 of 10 fields", unit: "GET", nanoseconds: rounds(1_400)),
                .init(name: "scan, a tenth visible", unit: "record examined", nanoseconds: rounds(210)),
            ],
            aims: [
                Aim(name: "GET, 8 of 10 fields, of mdb_get", atLeast: 0.6, reached: 0.71, unit: "×"),
                Aim(name: "scan, one thread", atLeast: 3_000_000, reached: 2_900_000, unit: "records/s"),
            ],
            warnings: [])
    }

    /// What a target can do: operations a second at a shape and the median latency.
    struct Target {
        var name: String
        var speed: Double
        var description: TargetDescription

        static func named(_ name: String, speed: Double, _ durability: String, _ replication: String, _ encryption: String, _ filtering: String, _ consistency: String) -> Target {
            Target(name: name, speed: speed, description: TargetDescription(
                name: name, version: "1.2.3", durability: durability, replication: replication, encryption: encryption, filtering: filtering,
                consistency: consistency, configuration: []))
        }
    }

    static let kho = Target.named(
        "kho", speed: 1, "fdatasync on a majority", "3 nodes, Raft", "TLS 1.3, both sides", "field mask by agreement", "linearizable, read lease")
    static let targets = [
        kho,
        .named("redis-tls", speed: 1.24, "nothing: memory only", "none", "TLS 1.3", "none", "linearizable, one process"),
        .named("etcd", speed: 0.06, "fdatasync on a majority", "3 nodes, Raft", "TLS 1.3", "prefixes by role", "linearizable, ReadIndex"),
        .named("postgres", speed: 0.11, "fdatasync of the log", "none", "TLS 1.3", "row-level security, column grants", "read committed"),
    ]

    static func workload(_ name: String) -> WorkloadDescription {
        WorkloadDescription(
            name: name, file: "name = \"\(name)\"\nrecords = 100_000\n\n[[operation]]\nkind = \"get\"\nshare = 0.95\n\n[[operation]]\nkind = \"put\"\nshare = 0.05\n",
            records: 100_000, valueBytes: 400, seed: 42)
    }

    /// About one, by so much to either side.
    mutating func noise(_ width: Double) -> Double { 1 + width * (Double.random(in: -1...1, using: &random) + Double.random(in: -1...1, using: &random)) }

    /// A bulk around `middle` and a tail of stalls.
    mutating func latencies(samples: UInt64, middle: Double) -> Latencies {
        func value(_ share: Double) -> UInt64 {
            let nines = -log10(1 - share)
            return UInt64(middle * (0.62 + 0.72 * pow(nines, 1.12) + 0.05 * pow(max(nines - 2, 0), 2.6)))
        }
        func carried(_ share: Double) -> UInt64? { Double(samples) * (1 - share) + 1e-6 >= 10 ? value(share) : nil }
        var curve = [Latencies.CurvePoint(share: 0, nanoseconds: UInt64(middle * 0.55))]
        var remaining = 0.95
        while remaining > 1 / Double(samples) {
            curve.append(.init(share: 1 - remaining, nanoseconds: value(1 - remaining)))
            remaining *= 0.9
        }
        let longest = UInt64(Double(value(1 - 1 / Double(max(samples, 2)))) * noise(0.2).magnitude + middle)
        curve.append(.init(share: 1, nanoseconds: longest))
        return Latencies(
            samples: samples, mean: middle * 1.08, p50: carried(0.5), p90: carried(0.9), p95: carried(0.95), p99: carried(0.99), p999: carried(0.999),
            p9999: carried(0.9999), max: longest, curve: curve)
    }

    /// One run; `events` are done to the target in their seconds, and the second after each has errors.
    mutating func run(
        _ target: Target = kho, workload: String = "mixed-95-5", load: LoadDescription = Samples.closed(64, 16), seconds: Int = 30, beganAt: Int64 = 1_772_892_300,
        perSecond: Double, middle: Double, events: [Int: String] = [:]
    ) -> RunResult {
        let isOpen = load.model == .open
        var series: [SeriesPoint] = []
        for second in 0..<seconds {
            let since = events.keys.filter { $0 <= second }.max().map { second - $0 } ?? .max
            let disturbance = since == 0 ? 0.35 : since == 1 ? 0.02 : since == 2 ? 0.7 : 1
            let operations = UInt64(perSecond * disturbance * noise(0.03))
            let slow = since <= 1 ? 90.0 : since == 2 ? 6 : 1
            series.append(SeriesPoint(
                second: second, operations: operations, errors: since == 1 ? 37 : 0, p50: operations > 2_000 || perSecond < 9_000 ? UInt64(middle * slow.squareRoot() * noise(0.05)) : nil,
                p99: operations > 2_000 || perSecond < 9_000 ? UInt64(middle * 2.1 * slow * noise(0.12)) : nil, max: UInt64(middle * 6 * slow), event: events[second]))
        }
        let errors = series.reduce(0) { $0 + $1.errors }
        func operation(_ kind: String, share: Double, slower: Double, _ samples: inout Samples) -> OperationResult {
            let rate = perSecond * share
            let count = UInt64(rate * Double(seconds))
            let service = samples.latencies(samples: count, middle: middle * slower)
            return OperationResult(
                kind: kind, count: count, perSecond: rate, errors: kind == "get" ? errors : 0, denied: 0, late: isOpen ? count / 400 : 0, skipped: 0, service: service,
                response: isOpen ? samples.latencies(samples: count, middle: middle * slower * 1.3) : nil,
                errorSamples: errors > 0 && kind == "get" ? ["not leader: no leader is known", "connection reset by peer"] : [])
        }
        return RunResult(
            beganAt: beganAt, environment: Self.environment, target: target.description, workload: Self.workload(workload), load: load,
            seconds: StageSeconds(load: 3.9, warmUp: 5, measure: Double(seconds), check: 1.2),
            operations: [operation("get", share: 0.95, slower: 1, &self), operation("put", share: 0.05, slower: 2.4, &self)], series: series,
            usage: ProcessUsage(
                processorSeconds: 41.3, residentBytes: 412 << 20, anonymousBytes: 96 << 20, byProcess: ["q1: 24.2 s, 180 MiB", "n1: 9.1 s, 77 MiB", "n2: 4.0 s, 78 MiB", "n3: 4.0 s, 77 MiB"]),
            checks: [
                CheckResult(name: "no acknowledged write lost", passed: true, detail: "all 61,204 last writes were read again"),
                CheckResult(name: "nothing withheld was shown", passed: true, detail: "no answer held a field outside the mask"),
            ], warnings: [])
    }

    static func closed(_ connections: Int, _ depth: Int) -> LoadDescription {
        LoadDescription(model: .closed, connections: connections, depth: depth, threads: 1, ratePerSecond: nil, arrivals: nil)
    }

    static func open(_ rate: Double) -> LoadDescription {
        LoadDescription(model: .open, connections: 64, depth: 64, threads: 1, ratePerSecond: rate, arrivals: .poisson)
    }

    /// Rounds of all targets in turns, under closed and open loads.
    mutating func comparison(rounds: Int = 5, workloads: [String] = ["lgsp-lookup", "failover"], seconds: Int = 30) -> (Comparison, runs: [String: RunResult]) {
        var listed: [Comparison.Run] = []
        var results: [String: RunResult] = [:]
        var beganAt: Int64 = 1_772_892_300
        let loads: [(LoadDescription, Double)] = [(Self.closed(1, 1), 10_000.0), (Self.closed(16, 16), 190_000), (Self.closed(64, 1), 30_000), (Self.closed(64, 64), 290_000)]
            + [5_000, 10_000, 20_000, 40_000, 80_000].map { (rate: Double) in (Self.open(rate), rate) }
        for round in 1...rounds {
            for workload in workloads {
                for (load, base) in workload == "failover" ? [loads[1]] : loads {
                    for target in Self.targets {
                        var perSecond = base * target.speed * noise(0.06)
                        var middle = Double(load.connections * load.depth) / perSecond * 1e9
                        if load.model == .open {
                            let most = 210_000 * target.speed
                            perSecond = min(base * noise(0.004), most * noise(0.03))
                            middle = 120_000 / target.speed.squareRoot() / max(1 - base / most, 0.012)
                        }
                        let events = workload == "failover" ? [9: "the leader is killed", 21: "it is started again"] : [:]
                        var run = run(target, workload: workload, load: load, seconds: seconds, beganAt: beganAt, perSecond: perSecond, middle: middle, events: events)
                        if round == 2, target.name == "etcd" { run.warnings = ["the machine was busy: 0.4 threads of others a processor"] }
                        let shape = load.model == .open ? "open-\(Int(base))" : "\(load.connections)x\(load.depth)"
                        let folder = "runs/\(round)-\(workload)-\(target.name)-\(shape)"
                        results[folder] = run
                        let get = run.operations[0]
                        listed.append(Comparison.Run(
                            round: round, target: target.name, workload: workload, shape: shape, folder: folder, perSecond: perSecond,
                            p50: (get.response ?? get.service).p50, p99: (get.response ?? get.service).p99, processorNanoseconds: 41.3e9 / (perSecond * Double(seconds))))
                        beganAt += 40
                    }
                }
            }
        }
        let comparison = Comparison(
            beganAt: 1_772_892_300, environment: Self.environment, rounds: rounds, runs: listed,
            warnings: ["generator and targets share one machine of two processors: the figures are those of the whole on it"],
            aims: [
                Aim(name: "GET 64x64, read lease, against redis-tls", atLeast: 0.8, reached: 0.806, unit: "×"),
                Aim(name: "GET 64x64", atLeast: 300_000, reached: 291_300, unit: "/s"),
                Aim(name: "GET 16x16 against etcd", atLeast: 5, reached: 16.6, unit: "×"),
            ])
        return (comparison, results)
    }
}
