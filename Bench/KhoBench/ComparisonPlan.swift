import BenchMeasure
import BenchTargets

/// Which runs a comparison makes in each round, and what it aims at.
struct ComparisonPlan: Sendable {
    /// One run of a round.
    struct Line: Hashable, Sendable {
        var target: String
        var workload: String
        var shape: LoadShape
    }

    /// What should be reached, computed from the medians.
    struct Goal: Sendable {
        var name: String
        var atLeast: Double
        var unit: String
        /// Nil if a run that it needs was not made.
        var reached: @Sendable (Medians) -> Double?
    }

    var lines: [Line]
    var goals: [Goal] = []

    var targets: [String] {
        var all: [String] = []
        for line in lines where !all.contains(line.target) { all.append(line.target) }
        return all
    }

    /// The lines in the order of a round. It begins elsewhere in each, and goes backwards in every other, so that no run always follows the same one. What makes the
    /// data grow comes last.
    func lines(inRound round: Int, of rounds: Int) -> [Line] {
        let growing = lines.filter { $0.workload.hasPrefix("bulk") }, others = lines.filter { !$0.workload.hasPrefix("bulk") }
        guard !others.isEmpty else { return growing }
        let first = (round - 1) * others.count / max(1, rounds) % others.count
        let turned = Array(others[first...] + others[..<first])
        return (round.isMultiple(of: 2) ? turned.reversed() : turned) + growing
    }

    /// Every target, every workload, every shape.
    init(targets: [String], workloads: [String], shapes: [LoadShape]) {
        lines = workloads.flatMap { workload in shapes.flatMap { shape in targets.map { Line(target: $0, workload: workload, shape: shape) } } }
    }

    /// Medians of the rounds, by line.
    struct Medians: Sendable {
        var perSecond: [Line: Double] = [:]
        var p99: [Line: Double] = [:]
        /// Anonymous resident bytes of Kho's query node, the most that any run saw.
        var queryNodeBytes: Double?

        func rate(_ target: String, _ workload: String, _ shape: LoadShape) -> Double? {
            perSecond[Line(target: target, workload: workload, shape: shape)]
        }

        func ratio(_ a: Line, _ b: Line) -> Double? {
            guard let a = perSecond[a], let b = perSecond[b], b > 0 else { return nil }
            return a / b
        }
    }
}

extension ComparisonPlan {
    private static let s1x1 = LoadShape(connections: 1, depth: 1), s16x16 = LoadShape(connections: 16, depth: 16), s64x1 = LoadShape(connections: 64, depth: 1)
    private static let s64x64 = LoadShape(connections: 64, depth: 64), s64x16 = LoadShape(connections: 64, depth: 16)
    private static let s4x4 = LoadShape(connections: 4, depth: 4)

    private init(goals: [(Goal, [Line])]) {
        self.goals = goals.map(\.0)
        lines = []
        for line in goals.flatMap(\.1) where !lines.contains(line) { lines.append(line) }
    }

    /// The table of the documentation: what Kho is held to beside others.
    static let table = ComparisonPlan(
        goals: [
            against("redis-tls", "GET by field mask, read lease", "lgsp-lookup", s1x1, 1.0),
            against("redis-tls", "GET by field mask, read lease", "lgsp-lookup", s64x1, 1.0),
            against("redis-tls", "GET by field mask, read lease", "lgsp-lookup", s16x16, 1.25),
            against("redis-tls", "GET by field mask, read lease", "lgsp-lookup", s64x64, 1.6),
            reported("redis", "GET by field mask, read lease, in the clear for redis", s1x1), reported("redis", "GET by field mask, read lease, in the clear for redis", s64x1),
            reported("redis", "GET by field mask, read lease, in the clear for redis", s16x16), reported("redis", "GET by field mask, read lease, in the clear for redis", s64x64),
            mapped, reported("GET by ReadIndex, of that by lease", "lgsp-lookup-read-index", "lgsp-lookup", s1x1),
            reported("GET by ReadIndex, of that by lease", "lgsp-lookup-read-index", "lgsp-lookup", s64x1),
            within("GET by ReadIndex, of that by lease", "lgsp-lookup-read-index", "lgsp-lookup", s16x16, 0.6),
            within("GET by ReadIndex, of that by lease", "lgsp-lookup-read-index", "lgsp-lookup", s64x64, 0.6),
            within("GET with a row condition, of that without", "filtered-read-both", "filtered-read-field", s1x1, 0.9),
            within("GET with a row condition, of that without", "filtered-read-both", "filtered-read-field", s64x1, 0.9),
            within("GET with a row condition, of that without", "filtered-read-both", "filtered-read-field", s16x16, 0.9),
            within("GET with a row condition, of that without", "filtered-read-both", "filtered-read-field", s64x64, 0.9),
            against("postgres", "GET by field mask and row condition", "filtered-read-both", s64x1, 5),
            against("postgres", "GET by field mask and row condition", "filtered-read-both", s64x16, 10),
            against("postgres-batch", "GET by field mask and row condition", "filtered-read-both", s64x16, 0),
            against("etcd", "linearizable GET", "lgsp-lookup", s64x1, 6), against("etcd", "linearizable GET", "lgsp-lookup", s64x16, 12),
            against("etcd", "PUT, three durable nodes", "put", s64x16, 3), against("redis-tls", "PUT, against one server with appendfsync always", "put", s64x16, 0.5),
            underImport, rate("bulk import in key order", "bulk-import", 100_000), rate("bulk import in scattered order", "bulk-import-scattered", 30_000), memory,
        ])

    private static func against(_ target: String, _ name: String, _ workload: String, _ shape: LoadShape, _ atLeast: Double) -> (Goal, [Line]) {
        let own = Line(target: "kho", workload: workload, shape: shape), other = Line(target: target, workload: workload, shape: shape)
        return (Goal(name: "\(name), \(shape), against \(target)", atLeast: atLeast, unit: "×") { $0.ratio(own, other) }, [own, other])
    }

    /// A ratio without an aim.
    private static func reported(_ target: String, _ name: String, _ shape: LoadShape) -> (Goal, [Line]) { against(target, name, "lgsp-lookup", shape, 0) }

    private static func within(_ name: String, _ workload: String, _ of: String, _ shape: LoadShape, _ atLeast: Double) -> (Goal, [Line]) {
        let own = Line(target: "kho", workload: workload, shape: shape), other = Line(target: "kho", workload: of, shape: shape)
        return (Goal(name: "\(name), \(shape)", atLeast: atLeast, unit: "×") { $0.ratio(own, other) }, [own, other])
    }

    /// A figure without an aim.
    private static func reported(_ name: String, _ workload: String, _ of: String, _ shape: LoadShape) -> (Goal, [Line]) {
        within(name, workload, of, shape, 0)
    }

    private static func rate(_ name: String, _ workload: String, _ atLeast: Double) -> (Goal, [Line]) {
        let line = Line(target: "kho", workload: workload, shape: s4x4)
        return (Goal(name: "\(name), 400 B, 4x4 batches of 256", atLeast: atLeast, unit: "records/s") { $0.perSecond[line] }, [line])
    }

    /// What LMDB gives without sockets and rights: what is possible at the most.
    private static let mapped: (Goal, [Line]) = {
        let line = Line(target: "lmdb", workload: "lgsp-lookup", shape: LoadShape(connections: 2, depth: 64))
        return (Goal(name: "mdb_get and a copy in one process, two threads", atLeast: 0, unit: "GET/s") { $0.perSecond[line] }, [line])
    }()

    /// A ratio of times, turned round: more is better, as everywhere.
    private static let underImport: (Goal, [Line]) = {
        // Open, and at one rate: what stands still is waited for by all that is due meanwhile.
        let shape = LoadShape(connections: LoadShape.openConnections, depth: LoadShape.openDepth, ratePerSecond: 10_000)
        let idle = Line(target: "kho", workload: "lgsp-lookup", shape: shape), busy = Line(target: "kho", workload: "lookup-under-import", shape: shape)
        let goal = Goal(name: "linearizable GET, \(shape): p99 idle, of p99 while an import runs", atLeast: 1 / 3.0, unit: "×") { medians in
            guard let idle = medians.p99[idle], let busy = medians.p99[busy], busy > 0 else { return nil }
            return idle / busy
        }
        return (goal, [idle, busy])
    }()

    private static let memory: (Goal, [Line]) = (
        Goal(name: "300 MB, of the anonymous memory of the query node", atLeast: 1, unit: "×") { medians in
            medians.queryNodeBytes.map { 300e6 / max(1, $0) }
        }, []
    )
}
