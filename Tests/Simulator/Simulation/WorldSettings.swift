import Core

/// What can be broken in a world on purpose, to see that it is found.
package enum Defect: Sendable {
    /// The log of the first node says that it has synced, and has not.
    case syncDoesNothing
    /// The state of the first node takes one entry in 50 for nothing.
    case missesEntries
    /// Clients read at once, without a barrier.
    case barriersPassAtOnce
    /// The clocks of nodes do not count the time for which they stand still, as those of paused virtual machines may.
    case clocksStandStillInPauses
    /// Clients that read by a lease do not look at the clock.
    case leasesDoNotEnd
    /// Clients that read by a lease do not care what the node has received.
    case leasesShowWhatIsApplied
    /// The partner is shown what the owner is.
    case partnerReadsAsOwner
    /// The log of the first node gives its last entry back with another payload.
    case entriesChangeAtRest
    /// The log of the first node says that its disk failed, which it did not.
    case logFailsByItself
    /// The first node goes on with a log that failed.
    case failuresAreNotHeard
    /// A store's file is cut short under its map in the middle of the world: the next look at it ends the process.
    case mapIsCut
}

/// How a world is made: by its seed, unless said otherwise.
package struct WorldSettings: Sendable {
    package let seed: UInt64
    package var voters: Int
    package var learners: Int
    package var clients: Int
    package var faults: FaultSet
    /// Whether the state machines are real stores on LMDB.
    package var usesStore: Bool
    /// Whether the logs are real ones on simulated disks.
    package var usesSegmentLog: Bool
    /// Whether there is a partner whose rights change, and to whom real stores show what they allow.
    package var usesRights: Bool
    /// Whether the partner is shown a part of every record before anything is agreed on.
    let isOpenAtFirst: Bool
    /// Whether query nodes answer by read leases.
    package var usesLeases: Bool
    /// How many times as often as usual something goes wrong.
    package var haste: UInt64 = 1
    /// For tests of the simulator itself: what is broken.
    package var defect: Defect?
    /// Lines of the trace that are kept for a report.
    package var traceLines = 0

    // Tiny limits.
    let electionTicks: Int
    /// Of the shortest election timeout, in thousandths: how long a promise lasts. As long, or two and a half times, as in a node where nothing else was said.
    let promisePermille: UInt64
    let heartbeatTicks: Int
    let batchItems: Int
    let applyEntries: Int
    /// Messages under way on a link beyond which it takes no more, and says so; nil: it takes all.
    package var queueMessages: Int?
    /// Of storage nodes.
    package var applyPauseMilliseconds: UInt64
    /// Of a leader's batches of proposals.
    let batchPauseMicroseconds: UInt64
    let batchSiblings: Int
    let appendEntries: Int
    let appendBytes: Int
    let inflightAppends: Int
    let inflightBytes: Int
    let uncommittedBytes: Int
    let unappliedBytes: Int
    /// Of the log's time, from one comparison of the nodes' states to the next; longer than any run in worlds without.
    let comparisonMilliseconds: Int64
    /// Hours pass within a run: clocks jump often and far, and a log's time that is behind takes its steps with short pauses.
    let hasHours: Bool
    var logTimeIdleMilliseconds: Int64 { hasHours ? 100 : Limits.logTimeIdleMilliseconds }
    /// Nodes that are not there at first: they come under new numbers when others were removed for good.
    package var spares: Int
    /// Voters that the administrator leaves at the least. Where it is one, the cluster begins with one.
    package var votersLeast: Int
    let checkpointBytes: Int
    let retainedBytes: Int
    /// Between two deeds of a client, in nanoseconds.
    let thinkNanoseconds: UInt64

    /// Milliseconds of a tick.
    static let tickMilliseconds = 10

    /// - Parameter faults: nil for a selection by the seed, so that each fault is also seen without the others.
    package init(seed: UInt64, faults: FaultSet? = nil, usesStore: Bool = false) {
        self.seed = seed
        self.usesStore = usesStore
        var dice = Dice(seed: seed ^ 0x5EED)
        voters = [3, 3, 3, 5, 5, 4][dice.below(6)]
        learners = 1 + dice.below(2)
        clients = 3 + dice.below(4)
        var chosen = FaultSet()
        let share = [250, 500, 800][dice.below(3)]
        for (_, fault, _) in FaultSet.named where fault != .rot && fault != .putBack && dice.permille(share) { chosen.insert(fault) }
        var apart = Dice(seed: seed ^ 0x0207)
        if apart.permille(300) { chosen.insert(.rot) }
        usesRights = usesStore && apart.permille(800)
        if apart.permille(300) { chosen.insert(.putBack) }
        applyPauseMilliseconds = apart.permille(500) ? apart.within(1...100) : 0
        unappliedBytes = [500, 3_000, 1 << 20][apart.below(3)]
        comparisonMilliseconds = apart.permille(500) ? [200, 1_000, 4_000][apart.below(3)] : Int64.max
        hasHours = apart.permille(400)
        self.faults = faults ?? chosen
        spares = self.faults.contains(.members) && apart.permille(600) ? 1 + apart.below(3) : 0
        votersLeast = self.faults.contains(.members) && apart.permille(250) ? 1 : 3
        promisePermille = apart.permille(500) ? 2_500 : 1_000
        queueMessages = apart.permille(300) ? [2, 4, 8, 16][apart.below(4)] : nil
        isOpenAtFirst = apart.permille(500)
        batchPauseMicroseconds = apart.permille(500) ? apart.within(100...20_000) : 0
        batchSiblings = 1 + apart.below(4)
        electionTicks = [8, 10, 20][dice.below(3)]
        heartbeatTicks = 1 + dice.below(3)
        batchItems = [1, 3, 16, 1_000][dice.below(4)]
        applyEntries = [1, 4, 64][dice.below(3)]
        appendEntries = [1, 3, 64][dice.below(3)]
        appendBytes = [200, 1_000, 20_000][dice.below(3)]
        inflightAppends = 1 + dice.below(6)
        inflightBytes = [400, 2_000, 40_000][dice.below(3)]
        uncommittedBytes = [2_000, 6_000, 100_000][dice.below(3)]
        // An entry weighs some 150 bytes: a checkpoint each 20 to 100 entries.
        checkpointBytes = Int(dice.within(3_000...15_000))
        retainedBytes = [1, 1_500, 6_000][dice.below(3)]
        // Only a directory in memory can be put back, only a log on a disk damaged. Where both are asked for, the seed says which; a real store is never put back.
        let onDisk = dice.permille(500)
        usesSegmentLog = onDisk && (usesStore || !self.faults.contains(.putBack) || self.faults.contains(.damage))
        if !usesSegmentLog { self.faults.remove(.damage) }
        if usesSegmentLog || usesStore { self.faults.remove(.putBack) }
        thinkNanoseconds = [2_000_000, 10_000_000, 40_000_000][dice.below(3)]
        usesLeases = dice.permille(400)
    }

    /// The longest that a follower waits before it campaigns, in nanoseconds.
    package var electionNanoseconds: UInt64 { UInt64(2 * electionTicks * Self.tickMilliseconds) * 1_000_000 }

    /// How long a promise lasts, and a lease: four fifths of it, as in a node.
    var promiseMilliseconds: UInt64 { UInt64(electionTicks * Self.tickMilliseconds) * promisePermille / 1_000 }
    var leaseMilliseconds: UInt64 { promiseMilliseconds * 4 / 5 }

    package var summary: String {
        "\(voters) voters\(votersLeast == 1 ? ", one of them at first" : ""), \(learners) query nodes\(spares > 0 ? ", \(spares) to come" : ""), \(clients) clients, \(usesStore ? "LMDB" : "model")\(usesRights ? " with rights" : ""), \(usesSegmentLog ? "segment log" : "model log"), \(usesLeases ? "leases" : "no leases"), promises of \(promiseMilliseconds) ms\(queueMessages.map { ", queues of \($0)" } ?? ""), faults: \(faults.names.isEmpty ? "none" : faults.names)"
    }
}
