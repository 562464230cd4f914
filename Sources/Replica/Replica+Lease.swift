import Core
import Raft
import Store

/// A read that begins now and may be answered without asking anybody, if the lease turns out to hold.
package struct LeaseRead: Sendable {
    /// By the replica's clock: before the snapshot.
    let takenAt: MonotonicTime
}

/// What a lease allows to be answered from a snapshot.
package struct LeaseScope: Sendable {
    /// The snapshot has every entry that this node has received: anything may be answered from it.
    package let isWhole: Bool
    /// The time of the newest entry received since the start: a right must hold by it too. nil if there was none; then nothing is permitted, or the scope is whole.
    package let time: LogTime?
    private let snapshot: LogIndex
    // It lives as long as the replica, which whoever asks has; it is not counted for each request.
    private unowned(unsafe) let touched: TouchedRecords?

    init(isWhole: Bool, snapshot: LogIndex, touched: TouchedRecords?) {
        self.isWhole = isWhole
        self.snapshot = snapshot
        self.touched = touched
        time = touched?.time
    }

    /// Whether nothing that the snapshot lacks is about this record, or about what decides who may see it. Allocates nothing.
    package func permits(_ dataset: DatasetID, _ key: RawSpan) -> Bool { isWhole || touched.map { $0.newest(dataset, key) <= snapshot } ?? false }

    /// The same of every record that the dataset has or might have.
    package func permits(_ dataset: DatasetID) -> Bool { isWhole || touched.map { $0.newest(dataset) <= snapshot } ?? false }
}

/// Reading by a lease, in this order: `beginLeaseRead`, then take a snapshot of the state, then `permits`. Answers as new as those of
/// `readBarrier`, without a word to another node. Whenever it says no, a barrier is what is left.
///
/// One look serves all reads that came before it and are answered from the one snapshot.
extension Replica {
    /// nil if no lease is held at this moment. Costs some loads and, with a lease, a look at the clock; writes nothing that others read.
    package func beginLeaseRead() -> LeaseRead? {
        let lease = readLease
        guard lease.validUntil > 0 else { return nil }
        let now = host.now()
        return now.nanoseconds < lease.validUntil ? LeaseRead(takenAt: now) : nil
    }

    /// Whether a snapshot that contains the log through `index`, taken since the read began, contains everything that was acknowledged
    /// anywhere, or shown to anybody, before the read began. Costs some loads and a look at the clock.
    ///
    /// It must contain every entry that this node has received, whatever it is about.
    package func permits(_ read: LeaseRead, snapshot index: LogIndex) -> Bool { scope(of: read, snapshot: index)?.isWhole ?? false }

    /// The same record by record: while writes arrive there is hardly a snapshot that lacks nothing, but what it lacks is about few records. nil if
    /// there is no lease, or the snapshot does not reach as far as what was committed when it began. Costs some loads and a look at the clock.
    package func scope(of read: LeaseRead, snapshot index: LogIndex) -> LeaseScope? {
        // In this order: what is received after the look at the lease is acknowledged to nobody before the look at the clock, unless the
        // lease has ended by then.
        let lease = readLease
        let now = host.now()
        guard lease.isHeld(takenAt: read.takenAt.nanoseconds, now: now.nanoseconds), index >= lease.grantedIndex else { return nil }
        // The driver has noted what entries touch before it told of a lease that counts them as received.
        return LeaseScope(isWhole: index >= lease.receivedIndex, snapshot: index, touched: touched)
    }
}
