/// The access path in one process beside `mdb_get` on the same data: the contents of its folder's `engine.json`.
package struct EngineResult: Codable, Sendable, Equatable {
    package static let formatNow = 1
    package var format = EngineResult.formatNow
    /// Seconds since 1970 UTC.
    package var beganAt: Int64
    package var environment: RunEnvironment
    package var records: Int
    /// Bytes of a record as it lies in LMDB, mean.
    package var recordBytes: Double
    package var rounds: Int
    /// Of each figure in each round.
    package var seconds: Double
    /// Records that went into the state each second, in key order, without a log.
    package var appliedPerSecond: Double
    /// The first is `mdb_get` alone, with which the others are compared that are of the same unit.
    package var figures: [Figure]
    package var aims: [Aim]
    package var warnings: [String]

    package init(
        beganAt: Int64, environment: RunEnvironment, records: Int, recordBytes: Double, rounds: Int, seconds: Double, appliedPerSecond: Double,
        figures: [Figure], aims: [Aim], warnings: [String]
    ) {
        self.beganAt = beganAt
        self.environment = environment
        self.records = records
        self.recordBytes = recordBytes
        self.rounds = rounds
        self.seconds = seconds
        self.appliedPerSecond = appliedPerSecond
        self.figures = figures
        self.aims = aims
        self.warnings = warnings
    }

    /// One way through the code.
    package struct Figure: Codable, Sendable, Equatable {
        package var name: String
        /// What the time is of: "GET", "record examined".
        package var unit: String
        /// Of one, in each round.
        package var nanoseconds: [Double]

        package var median: Double { Statistics.median(nanoseconds) ?? 0 }

        package init(name: String, unit: String, nanoseconds: [Double]) {
            self.name = name
            self.unit = unit
            self.nanoseconds = nanoseconds
        }
    }

    /// How much of `mdb_get`'s speed is left, 0 to 1 and above; nil of another unit.
    package func share(_ figure: Figure) -> Double? {
        guard let base = figures.first, base.unit == figure.unit, figure.median > 0 else { return nil }
        return base.median / figure.median
    }
}
