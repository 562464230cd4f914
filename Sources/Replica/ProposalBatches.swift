import Core
import Raft

/// Proposals on their way into a leader's log, and when they go: many together, where many come.
///
/// What a batch costs is mostly the same however many it holds: a message to each member and its answer, a sync on each of their disks, and a dozen wake-ups of five processes, half a millisecond of
/// processor time in all (docs/performance.md). So where many come, a batch begins no sooner than a pause after the one before, and what comes meanwhile goes with it. Where few come each goes at
/// once: a batch waits only if the one before had so many that the pause is likely to be worth it. PostgreSQL's `commit_delay` and `commit_siblings` do the same.
///
/// A pure value; its caller asks again at `due`.
struct ProposalBatches: Sendable {
    /// From the beginning of one batch to that of the next, if the one had at least so many proposals. 0 µs: none ever waits.
    private let pauseNanoseconds: UInt64
    private let siblings: Int
    /// Bytes of proposals that wait no longer: enough for a message of their own.
    static let bytesMax = 256 << 10

    private var waiting: [Proposal] = []
    private var bytes = 0
    /// No batch begins before, unless it has many bytes or must go.
    private var pauseEnds = MonotonicTime(nanoseconds: 0)

    init(pauseMicroseconds: UInt64, siblings: Int) {
        pauseNanoseconds = pauseMicroseconds * 1_000
        self.siblings = siblings
    }

    mutating func append(_ proposal: Proposal) {
        waiting.append(proposal)
        bytes += proposal.payload.count
    }

    /// When what waits is to go at the latest; nil if nothing waits.
    var due: MonotonicTime? { waiting.isEmpty ? nil : pauseEnds }

    /// What is to go now, in the order of its coming; empty while it is to wait. `always`: whatever the pause.
    mutating func take(at now: MonotonicTime, always: Bool = false) -> [Proposal] {
        guard !waiting.isEmpty, always || now >= pauseEnds || bytes >= Self.bytesMax else { return [] }
        var batch: [Proposal] = []
        swap(&batch, &waiting)
        bytes = 0
        pauseEnds = batch.count >= siblings ? MonotonicTime(nanoseconds: now.nanoseconds + pauseNanoseconds) : now
        return batch
    }
}
