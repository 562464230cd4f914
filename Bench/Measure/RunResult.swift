/// What one measurement found out, and everything that is needed to doubt it: the contents of a run's `summary.json`.
///
/// Times are nanoseconds unless a name says otherwise. A member that could not be known is absent, not zero.
package struct RunResult: Codable, Sendable, Equatable {
    /// The version of this shape; readers refuse another one.
    package static let formatNow = 1
    package var format = RunResult.formatNow
    /// When the measurement began, seconds since 1970 UTC.
    package var beganAt: Int64
    package var environment: RunEnvironment
    package var target: TargetDescription
    package var workload: WorkloadDescription
    package var load: LoadDescription
    package var seconds: StageSeconds
    /// Of each kind of operation in the workload, in the order of the workload file.
    package var operations: [OperationResult]
    /// Second after second of the measurement.
    package var series: [SeriesPoint]
    /// Processor time and memory of the processes of the target, summed, over the measurement.
    package var usage: ProcessUsage?
    /// What the generator gave in this shape against the null server, operations a second; absent if nobody measured it.
    package var ceilingPerSecond: Double?
    /// Of the reads of a workload that asks for it, the share that a read lease answered, 0 to 1; absent if the target does not say.
    package var leasedShare: Double?
    /// What was checked after the load, and whether it held.
    package var checks: [CheckResult]
    /// Why this run must not be quoted without a word: a debug build, a busy machine, too few samples, bound by the generator.
    package var warnings: [String]

    package init(
        beganAt: Int64, environment: RunEnvironment, target: TargetDescription, workload: WorkloadDescription, load: LoadDescription,
        seconds: StageSeconds, operations: [OperationResult], series: [SeriesPoint], usage: ProcessUsage?, ceilingPerSecond: Double? = nil,
        leasedShare: Double? = nil, checks: [CheckResult], warnings: [String]
    ) {
        self.beganAt = beganAt
        self.environment = environment
        self.target = target
        self.workload = workload
        self.load = load
        self.seconds = seconds
        self.operations = operations
        self.series = series
        self.usage = usage
        self.ceilingPerSecond = ceilingPerSecond
        self.leasedShare = leasedShare
        self.checks = checks
        self.warnings = warnings
    }
}

/// The machine, the build and its revision.
package struct RunEnvironment: Codable, Sendable, Equatable {
    package var processor: String
    package var processors: Int
    package var memoryBytes: UInt64
    package var kernel: String
    /// Median time of a 4 KiB write and `fdatasync` into the folder of the data, overwriting a written file.
    package var diskSyncNanoseconds: UInt64?
    /// `release` or `debug`.
    package var build: String
    /// With which settings that build is made, and how the standard library is linked; absent in results of before.
    package var settings: String?
    /// What `swift --version` says where this ran; absent if there is none, or in results of before.
    package var compiler: String?
    /// The revision of the checkout, with `+` if files were changed.
    package var revision: String
    /// The programs that were measured, each with the first 12 hexadecimal digits of its SHA-256: "khod 0123456789ab".
    package var programs: [String]?
    /// Whether a file of the sources is newer than a program: then the revision says nothing of it.
    package var programsAreOlderThanSources: Bool?
    /// Runnable threads of others per processor when the measurement began, from `/proc/loadavg`.
    package var loadBefore: Double

    package init(
        processor: String, processors: Int, memoryBytes: UInt64, kernel: String, diskSyncNanoseconds: UInt64?, build: String, settings: String? = nil,
        compiler: String? = nil, revision: String, programs: [String]? = nil, programsAreOlderThanSources: Bool? = nil,
        loadBefore: Double
    ) {
        self.processor = processor
        self.processors = processors
        self.memoryBytes = memoryBytes
        self.kernel = kernel
        self.diskSyncNanoseconds = diskSyncNanoseconds
        self.build = build
        self.settings = settings
        self.compiler = compiler
        self.revision = revision
        self.programs = programs
        self.programsAreOlderThanSources = programsAreOlderThanSources
        self.loadBefore = loadBefore
    }
}

/// Whom the load went to, and what it promises: a figure without these compares nothing.
package struct TargetDescription: Codable, Sendable, Equatable {
    /// `kho`, `redis`, `redis-tls`, `etcd`, `postgres`, `lmdb`, `null`.
    package var name: String
    package var version: String
    /// Each in some words: "fdatasync before the answer", "3 nodes, Raft", "TLS 1.3, both sides", "field mask by agreement".
    package var durability: String
    package var replication: String
    package var encryption: String
    package var filtering: String
    /// What a read promises: "linearizable, read lease".
    package var consistency: String
    /// Lines of configuration that differ from the default.
    package var configuration: [String]

    package init(
        name: String, version: String, durability: String, replication: String, encryption: String, filtering: String, consistency: String,
        configuration: [String]
    ) {
        self.name = name
        self.version = version
        self.durability = durability
        self.replication = replication
        self.encryption = encryption
        self.filtering = filtering
        self.consistency = consistency
        self.configuration = configuration
    }
}

/// The work: its file, and what was drawn from.
package struct WorkloadDescription: Codable, Sendable, Equatable {
    package var name: String
    /// The text of the workload file.
    package var file: String
    package var records: Int
    /// Bytes of a value as the client sees it.
    package var valueBytes: Int
    package var seed: UInt64

    package init(name: String, file: String, records: Int, valueBytes: Int, seed: UInt64) {
        self.name = name
        self.file = file
        self.records = records
        self.valueBytes = valueBytes
        self.seed = seed
    }
}

/// How the load was given.
package struct LoadDescription: Codable, Sendable, Equatable {
    package enum Model: String, Codable, Sendable {
        /// So many connections, each with so many requests under way: the next is sent when an answer came.
        case closed
        /// Requests are sent when they are due, whether answers come or not; latency counts from when they were due.
        case open
    }
    package enum Arrivals: String, Codable, Sendable { case poisson, constant }
    package var model: Model
    package var connections: Int
    /// Requests under way on a connection, at most.
    package var depth: Int
    package var threads: Int
    /// Of an open load.
    package var ratePerSecond: Double?
    package var arrivals: Arrivals?

    package init(model: Model, connections: Int, depth: Int, threads: Int, ratePerSecond: Double?, arrivals: Arrivals?) {
        self.model = model
        self.connections = connections
        self.depth = depth
        self.threads = threads
        self.ratePerSecond = ratePerSecond
        self.arrivals = arrivals
    }
}

/// How long each stage took.
package struct StageSeconds: Codable, Sendable, Equatable {
    package var load: Double
    package var warmUp: Double
    package var measure: Double
    package var check: Double

    package init(load: Double, warmUp: Double, measure: Double, check: Double) {
        self.load = load
        self.warmUp = warmUp
        self.measure = measure
        self.check = check
    }
}

/// What became of the operations of one kind.
package struct OperationResult: Codable, Sendable, Equatable {
    /// `get`, `put`, `scan`, `read-modify-write`, …
    package var kind: String
    /// Answered within the measurement, errors and denials among them.
    package var count: UInt64
    /// Of those that did not fail.
    package var perSecond: Double
    package var errors: UInt64
    /// Refused by right, as the workload meant it.
    package var denied: UInt64
    /// Open loads: sent more than a millisecond after they were due; of all kinds, at the first one.
    package var late: UInt64
    /// Open loads: never sent.
    package var skipped: UInt64
    /// From sending to the answer.
    package var service: Latencies
    /// Open loads: from when it was due to the answer.
    package var response: Latencies?
    /// The first errors, at most ten, in words.
    package var errorSamples: [String]

    package init(
        kind: String, count: UInt64, perSecond: Double, errors: UInt64, denied: UInt64, late: UInt64, skipped: UInt64, service: Latencies,
        response: Latencies?, errorSamples: [String]
    ) {
        self.kind = kind
        self.count = count
        self.perSecond = perSecond
        self.errors = errors
        self.denied = denied
        self.late = late
        self.skipped = skipped
        self.service = service
        self.response = response
        self.errorSamples = errorSamples
    }
}

/// Percentiles of latencies, in nanoseconds. One that too few samples carry (fewer than ten above it) is absent.
package struct Latencies: Codable, Sendable, Equatable {
    package var samples: UInt64
    package var mean: Double
    package var p50, p90, p95, p99, p999, p9999: UInt64?
    package var max: UInt64
    /// For the plot by percentile: (share, nanoseconds), ascending, at most some 200 points.
    package var curve: [CurvePoint]

    package struct CurvePoint: Codable, Sendable, Equatable {
        package var share: Double
        package var nanoseconds: UInt64
    }
}

/// One second of a measurement, all kinds of operations together; latency is response time of open loads, service time of closed ones.
package struct SeriesPoint: Codable, Sendable, Equatable {
    package var second: Int
    package var operations: UInt64
    package var errors: UInt64
    package var p50, p99: UInt64?
    package var max: UInt64
    /// What was done to the target in this second, of workloads with faults: "n1 killed".
    package var event: String?
}

package struct ProcessUsage: Codable, Sendable, Equatable {
    /// Of all threads, user and system.
    package var processorSeconds: Double
    package var residentBytes: UInt64
    /// Resident and not of a file: the heap and the stacks.
    package var anonymousBytes: UInt64?
    /// By process: "q1: 1.2 s".
    package var byProcess: [String]
    /// Resident and not of a file, by the same names.
    package var anonymousBytesByProcess: [String: UInt64]?
}

package struct CheckResult: Codable, Sendable, Equatable {
    package var name: String
    package var passed: Bool
    package var detail: String

    package init(name: String, passed: Bool, detail: String) {
        self.name = name
        self.passed = passed
        self.detail = detail
    }
}
