/// What `kho-bench diff` says of two sets of runs, A and B.
package struct DiffResult: Sendable, Equatable {
    package struct Settings: Sendable, Equatable {
        /// Ratios from 1 / (1 + margin) to 1 + margin are no difference.
        package var equivalenceMargin = 0.03
        package var confidence = 0.95
        /// Runs of each side that a verdict needs.
        package var roundsMin = 5
        package var resamples = 10_000
        package var seed: UInt64 = 1
        /// Takes runs that were not made in turns for what they are not: a change of the machine between them looks like one of the programs.
        package var allowsRunsOneAfterAnother = false

        package init() {}
    }

    package enum Verdict: String, Sendable {
        /// B is faster: the whole interval is on its side of 1, and not all of it within the margin.
        case faster
        case slower
        /// The whole interval is within the margin.
        case equivalent
        /// The interval allows both, or the runs must not be compared.
        case inconclusive
    }

    /// What is compared. Of an open load the rate is given, so that only its latency says anything.
    package enum Figure: Hashable, Sendable {
        /// Operations of one kind a second, of closed loads. Kinds are not added up: an import beside a load would drown it.
        case throughput(kind: String)
        /// Of one kind of operation: service time of closed loads, response time of open ones.
        case p99(kind: String)

        package var name: String {
            switch self {
            case .throughput(let kind): "\(kind)/s"
            case .p99(let kind): "p99 of \(kind)"
            }
        }
        var isBetterWhenMore: Bool { if case .throughput = self { true } else { false } }
    }

    package struct Subject: Hashable, Sendable, Comparable {
        package var workload, target, shape: String

        package init(workload: String, target: String, shape: String) {
            self.workload = workload
            self.target = target
            self.shape = shape
        }
        package static func < (left: Subject, right: Subject) -> Bool {
            if left.workload != right.workload { return left.workload < right.workload }
            if left.target != right.target { return left.target < right.target }
            return Shape(left.shape) < Shape(right.shape)
        }
        package var name: String { "\(workload), \(target), \(shape)" }
    }

    package struct Row: Sendable, Equatable {
        package var subject: Subject
        package var figure: Figure
        /// Operations a second, or nanoseconds, of each run that has the figure.
        package var a: [Double]
        package var b: [Double]
        /// Median of B by median of A; absent if there is none.
        package var ratio: Double?
        /// Of the ratio; absent if a side has too few runs for one.
        package var interval: ClosedRange<Double>?
        package var verdict: Verdict
        /// Why a verdict could not be given, if not for the interval alone.
        package var reason: String?
    }

    package var settings: Settings
    /// By workload, target and shape; throughput before latency.
    package var rows: [Row]
    /// Measured on one side only.
    package var onlyInA: [Subject]
    package var onlyInB: [Subject]
    /// What the runs are, and what else must be known.
    package var notes: [String]

    /// 0: every row was judged and none is slower. 2: a row is slower. 3: none is slower, but a row is inconclusive or there is none at all.
    /// (1 is an error, 64 a wrong command line.)
    package var exitCode: Int32 {
        if rows.contains(where: { $0.verdict == .slower }) { return 2 }
        return rows.isEmpty || rows.contains { $0.verdict == .inconclusive } ? 3 : 0
    }
}
