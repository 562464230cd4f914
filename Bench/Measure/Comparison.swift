/// Several targets under the same work, in turns: the contents of a comparison's `comparison.json`. Each run has its own folder below.
package struct Comparison: Codable, Sendable, Equatable {
    package static let formatNow = 1
    package var format = Comparison.formatNow
    package var beganAt: Int64
    package var environment: RunEnvironment
    package var rounds: Int
    /// In the order in which they ran, round after round.
    package var runs: [Run]
    package var warnings: [String]
    /// Lines of "it must show": what was aimed at and what was reached.
    package var aims: [Aim]

    package init(beganAt: Int64, environment: RunEnvironment, rounds: Int, runs: [Run], warnings: [String], aims: [Aim]) {
        self.beganAt = beganAt
        self.environment = environment
        self.rounds = rounds
        self.runs = runs
        self.warnings = warnings
        self.aims = aims
    }

    package struct Run: Codable, Sendable, Equatable {
        /// From 1.
        package var round: Int
        /// Of `TargetDescription`.
        package var target: String
        package var workload: String
        /// `64x16`: connections by depth; `open-5000`: an open load.
        package var shape: String
        /// Of the run, below the comparison's folder.
        package var folder: String
        package var perSecond: Double
        package var p50, p99: UInt64?
        /// Processor time of the target for each operation, nanoseconds.
        package var processorNanoseconds: Double?

        package init(
            round: Int, target: String, workload: String, shape: String, folder: String, perSecond: Double, p50: UInt64?, p99: UInt64?,
            processorNanoseconds: Double?
        ) {
            self.round = round
            self.target = target
            self.workload = workload
            self.shape = shape
            self.folder = folder
            self.perSecond = perSecond
            self.p50 = p50
            self.p99 = p99
            self.processorNanoseconds = processorNanoseconds
        }
    }
}
