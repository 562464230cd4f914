import Core

/// What a core is made with.
package struct RaftConfiguration: Sendable {
    package var id: NodeID
    /// Of the node's directory: it campaigns by no membership that names another. Nil: that is not looked at.
    package var incarnation: Incarnation?
    /// Ticks without a word of the leader after which a voter campaigns: drawn anew each time from
    /// `electionTicks..<2 * electionTicks`.
    package var electionTicks: Int
    package var heartbeatTicks: Int
    /// Milliseconds of one tick, for the log's time.
    package var tickMilliseconds: Int
    /// Seed of the draws: another one in each life of a node, for the numbers of its forwarded reads begin at a draw.
    package var seed: UInt64

    /// Whether the node wants read leases, in a cluster that reads by them: one that answers queries.
    package var wantsLease = false
    /// Milliseconds for which a voter promises not to elect another leader, and those that a lease lasts at the most.
    package var promiseMilliseconds: UInt64 = 500
    package var leaseMilliseconds: UInt64 = 400
    /// By how much, of a thousand, the clocks of two nodes may differ in speed.
    package var driftPerMille: UInt64 = 10

    // Bounds, by default those of `Limits`; tests make them small.
    package var appendEntriesMax = Limits.appendEntries
    package var appendBytesMax = Limits.appendBytes
    package var inflightAppendsMax = Limits.inflightAppends
    package var inflightBytesMax = Limits.inflightBytes
    package var uncommittedBytesMax = Limits.uncommittedBytes
    package var waitingReadsMax = 100_000
    package var promotionEntriesMax = Limits.promotionEntries
    package var logTimeIdleMilliseconds = Limits.logTimeIdleMilliseconds

    package init(id: NodeID, electionTicks: Int = 50, heartbeatTicks: Int = 5, tickMilliseconds: Int = 10, seed: UInt64) {
        self.id = id
        self.electionTicks = electionTicks
        self.heartbeatTicks = heartbeatTicks
        self.tickMilliseconds = tickMilliseconds
        self.seed = seed
    }

    var promiseNanoseconds: UInt64 { promiseMilliseconds * 1_000_000 }
    var leaseNanoseconds: UInt64 { leaseMilliseconds * 1_000_000 }
}

/// What a core begins with: what the log and the state machine's checkpoint held.
package struct RestoredState: Sendable {
    package var hardState: HardState
    /// What the state machine has applied: the log's entries up to here are committed. Zero and the first membership for a new cluster.
    package var applied: InstalledSnapshot
    /// The position before the first entry that the log still has, at or before `applied`.
    package var base: LogPosition
    /// The log after `base`, contiguous.
    package var entries: [LogEntry]

    package init(hardState: HardState, applied: InstalledSnapshot, base: LogPosition, entries: [LogEntry]) {
        self.hardState = hardState
        self.applied = applied
        self.base = base
        self.entries = entries
    }
}
