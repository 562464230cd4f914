import BenchLoad
import BenchMeasure
import Core
import Harness

/// Whoever starts, loads and disturbs targets works here, one step after the other.
@globalActor package actor Conductor {
    package static let shared = Conductor()
}

/// Why something cannot be measured, and what to do.
package struct BenchError: Error, Sendable, CustomStringConvertible {
    package let description: String
    package init(_ what: String, remedy: String? = nil) { description = what + (remedy.map { "\n  " + $0 } ?? "") }
}

/// Somebody that a load can be given to. Starts its servers on the loopback interface, with their data in a temporary folder, and stops them.
@Conductor package protocol Target: AnyObject {
    /// `kho`, `redis-tls`, …
    var name: String { get }
    /// Processes whose processor time is counted.
    var processes: [ProcessMeter.Subject] { get }
    /// How records are loaded.
    var loading: Loading { get }
    /// Starts the servers and makes schema and rights.
    func start(_ shape: DataShape) async throws
    /// Ends the servers; does nothing if none run.
    func stop()
    /// Called before each run: switches what the workload asks for. Called before the load with the workload that loads.
    func prepare(_ workload: Workload) async throws
    /// Why the workload cannot be run here; nil if it can.
    func refusal(of workload: Workload) -> String?
    func description(of workload: Workload) -> TargetDescription
    /// Gives the load. The job's endpoints and TLS are the target's to fill in.
    func run(_ job: LoadJob, _ workload: Workload, began: @escaping @Sendable (MonotonicTime) -> Void) async throws -> LoadOutcome
    /// What a captured answer shows, by field; nil if it cannot be told apart.
    func seen(_ answer: CapturedAnswer, _ workload: Workload) -> SeenRecord?
    /// Whether `scanned` can take answers apart.
    var tellsScans: Bool { get }
    /// The records that a captured answer to a scan shows, with their numbers, in its order; nil if it is no such answer.
    func scanned(_ answer: CapturedAnswer) -> [(number: UInt64, seen: SeenRecord)]?
    /// What allowed the target to answer the reads since it was started; nil of one that does not say.
    func readGrounds() async throws -> ReadGrounds?
    /// Begins a fault and gives what was done, then ends it.
    func begin(_ fault: Workload.Fault.Kind) async throws -> String
    func end(_ fault: Workload.Fault.Kind) async throws -> String
}

/// How many reads were answered by a lease, and how many asked other nodes first.
package struct ReadGrounds: Equatable, Sendable {
    package var leased: Int
    package var behindBarrier: Int

    package init(leased: Int, behindBarrier: Int) {
        self.leased = leased
        self.behindBarrier = behindBarrier
    }

    /// Of those that came since then, the share that a lease answered, 0 to 1; nil if there were none.
    package func leasedShare(since before: ReadGrounds) -> Double? {
        let (leased, others) = (leased - before.leased, behindBarrier - before.behindBarrier)
        return leased + others > 0 ? Double(leased) / Double(leased + others) : nil
    }
}

/// How many records are written together by how many connections when a target is loaded.
package struct Loading: Sendable {
    package var connections: Int
    package var depth: Int
    package var batch: Int

    package init(connections: Int, depth: Int, batch: Int) {
        self.connections = connections
        self.depth = depth
        self.batch = batch
    }
}

/// A record as an answer shows it.
package struct SeenRecord: Sendable {
    /// By field; nil for one that is not shown.
    package var fields: [[UInt8]?]

    package init(fields: [[UInt8]?]) { self.fields = fields }

    /// Of a target that knows no fields: the value is taken apart.
    package init(value: [UInt8], shape: DataShape) {
        var fields: [[UInt8]?] = []
        var place = 0
        for width in shape.widths where place + width <= value.count {
            fields.append(Array(value[place..<place + width]))
            place += width
        }
        self.fields = fields
    }

    package var stamp: UInt64? { fields.first.flatMap { $0 }.flatMap { DataShape.stamp(in: $0) } }
}

extension Target {
    package var tellsScans: Bool { false }
    package func readGrounds() async throws -> ReadGrounds? { nil }
    package func scanned(_ answer: CapturedAnswer) -> [(number: UInt64, seen: SeenRecord)]? { nil }
    package func begin(_ fault: Workload.Fault.Kind) async throws -> String { throw BenchError("\(name) cannot be disturbed; faults are for kho") }
    package func end(_ fault: Workload.Fault.Kind) async throws -> String { throw BenchError("\(name) cannot be disturbed; faults are for kho") }
}

/// The targets by their names.
@Conductor package enum Targets {
    package static let names = ["kho", "redis", "redis-tls", "etcd", "postgres", "postgres-batch", "lmdb", "null"]

    /// Query nodes that a cluster can be given.
    package nonisolated static let queryNodes = 1...16

    /// - Parameters:
    ///   - programs: the folder of `kho`, `khod` and this program.
    ///   - queryNodes: of `kho`; connections are spread over them.
    package static func make(_ name: String, programs: String, queryNodes: Int) throws -> any Target {
        switch name {
        case "kho": return try KhoTarget(programs: programs, queryNodes: queryNodes)
        case "redis": return try RedisTarget(isTLS: false, programs: programs)
        case "redis-tls": return try RedisTarget(isTLS: true, programs: programs)
        case "etcd": return try EtcdTarget(programs: programs)
        case "postgres", "postgres-batch": return try PostgresTarget(sharesSync: name == "postgres-batch", programs: programs)
        case "lmdb": return try LMDBTarget()
        case "null": return NullTarget(programs: programs)
        default: throw BenchError("there is no target \(name)", remedy: "it is one of \(names.joined(separator: ", "))")
        }
    }
}
