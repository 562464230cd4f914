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
    }

    package struct Aim: Codable, Sendable, Equatable {
        /// "GET 64x64, read lease, against redis-tls".
        package var name: String
        /// A ratio, at least; or a figure with its unit.
        package var atLeast: Double
        /// Medians of the rounds.
        package var reached: Double
        package var unit: String
        package var isMet: Bool { reached >= atLeast }
    }
}
