extension World {
    /// What happened, so that a run in which nothing happens is seen.
    package struct Counts: Sendable, CustomStringConvertible {
        package var elections = 0, applied = 0, writes = 0, reads = 0, failedReads = 0, snapshots = 0, checkpoints = 0, memberships = 0, transfers = 0
        /// Of clients: requests that nobody answered, outcomes that the node did not know, and commands that it refused, some of them since its disk was nearly full.
        package var unanswered = 0, unknown = 0, refusedCommands = 0, refusedForSpace = 0
        /// Of the crashes, those in the middle of a call of the log.
        package var cutCalls = 0
        package var crashes = 0, stops = 0, pauses = 0, partitions = 0, clockJumps = 0
        /// Query nodes and voters that lost their directories.
        package var wipes = 0, lostVoters = 0
        /// Disks that became slow and that became full; log calls that failed with EIO, and with ENOSPC.
        package var slowDisks = 0, fullDisks = 0, diskErrors = 0, spaceErrors = 0
        /// Bits that flipped; logs that refused to start for one, that started all the same, and that had lost their last sync to one; logs whose last write was cut short.
        package var damages = 0, refusedLogs = 0, harmlessFlips = 0, lostSyncs = 0, tornTails = 0
        package var rots = 0, rebuilt = 0, digests = 0, strays = 0
        package var putBacks = 0, twins = 0, refusals = 0, twinRefusals = 0
        /// Nodes that came under a new number, and those that were removed; steps of a log's time that was far behind; sessions that ended meanwhile.
        package var comers = 0, removals = 0, timeSteps = 0, endedSessions = 0
        /// Messages; those that a full queue did not take, and those for another node, or for an earlier life of it.
        package var delivered = 0, lost = 0, doubled = 0, overflows = 0, strayMessages = 0
        /// Reads that were answered by a lease, and those that a lease did not permit when it was looked at.
        package var leaseReads = 0, untouchedReads = 0, leaseRefusals = 0
        /// Looks at a real store by the partner, and records that it was shown in whole and in part.
        package var looks = 0, shown = 0, withheld = 0

        package init() {}

        /// Every count with its name.
        package static let named: [(name: String, path: WritableKeyPath<Counts, Int> & Sendable)] = [
            ("elections", \.elections), ("applied", \.applied), ("writes", \.writes), ("reads", \.reads), ("failedReads", \.failedReads), ("snapshots", \.snapshots),
            ("checkpoints", \.checkpoints), ("memberships", \.memberships), ("transfers", \.transfers), ("unanswered", \.unanswered), ("unknown", \.unknown),
            ("refusedCommands", \.refusedCommands), ("refusedForSpace", \.refusedForSpace), ("crashes", \.crashes), ("cutCalls", \.cutCalls), ("stops", \.stops), ("pauses", \.pauses),
            ("partitions", \.partitions), ("clockJumps", \.clockJumps), ("wipes", \.wipes), ("lostVoters", \.lostVoters), ("slowDisks", \.slowDisks),
            ("fullDisks", \.fullDisks), ("diskErrors", \.diskErrors), ("spaceErrors", \.spaceErrors), ("damages", \.damages), ("refusedLogs", \.refusedLogs),
            ("harmlessFlips", \.harmlessFlips), ("lostSyncs", \.lostSyncs), ("tornTails", \.tornTails), ("rots", \.rots), ("rebuilt", \.rebuilt),
            ("digests", \.digests), ("strays", \.strays), ("putBacks", \.putBacks), ("twins", \.twins), ("refusals", \.refusals), ("twinRefusals", \.twinRefusals),
            ("comers", \.comers), ("removals", \.removals), ("timeSteps", \.timeSteps), ("endedSessions", \.endedSessions), ("delivered", \.delivered),
            ("lost", \.lost), ("doubled", \.doubled), ("overflows", \.overflows), ("strayMessages", \.strayMessages), ("leaseReads", \.leaseReads),
            ("untouchedReads", \.untouchedReads), ("leaseRefusals", \.leaseRefusals), ("looks", \.looks), ("shown", \.shown), ("withheld", \.withheld),
        ]
        /// Only real stores are looked at.
        private static let ofStores = ["looks", "shown", "withheld"]
        /// It takes a flipped bit just in what was synced last before a power cut.
        private static let rare = ["lostSyncs"]

        package var all: [Int] { Self.named.map { self[keyPath: $0.path] } }

        /// - Parameter numbers: as `all` gives them.
        package init?(_ numbers: [Int]) {
            guard numbers.count == Self.named.count else { return nil }
            for ((_, path), number) in zip(Self.named, numbers) { self[keyPath: path] = number }
        }

        package static func += (sum: inout Counts, other: Counts) {
            for (_, path) in named { sum[keyPath: path] += other[keyPath: path] }
        }

        /// What never happened, and should have in many worlds with all faults.
        package func missing(withStores: Bool) -> [String] {
            Self.named.filter { self[keyPath: $0.path] == 0 && !Self.rare.contains($0.name) && (withStores || !Self.ofStores.contains($0.name)) }.map(\.name)
        }

        package var description: String { Self.named.map { "\($0.name) \(self[keyPath: $0.path])" }.joined(separator: ", ") }
    }
}
