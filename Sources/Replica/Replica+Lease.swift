import Core
import Raft

/// A read that begins now and may be answered without asking anybody, if the lease turns out to hold.
package struct LeaseRead: Sendable {
    /// By the replica's clock: before the snapshot.
    let takenAt: MonotonicTime
}

/// Reading by a lease, in this order: `beginLeaseRead`, then take a snapshot of the state, then `permits`. Answers as new as those of
/// `readBarrier`, without a word to another node. Whenever it says no, a barrier is what is left.
///
/// One look serves all reads that came before it and are answered from the one snapshot.
extension Replica {
    /// nil if no lease is held at this moment. Costs a lock and, with a lease, a look at the clock; allocates nothing.
    package func beginLeaseRead() -> LeaseRead? {
        let lease = readLease
        guard lease.validUntil > 0 else { return nil }
        let now = host.now()
        return now.nanoseconds < lease.validUntil ? LeaseRead(takenAt: now) : nil
    }

    /// Whether a snapshot that contains the log through `index`, taken since the read began, contains everything that was acknowledged
    /// anywhere, or shown to anybody, before the read began. Costs a lock and a look at the clock; allocates nothing.
    ///
    /// It must contain every entry that this node has received, whatever it is about: while writes arrive, reads in between take a barrier,
    /// which lasts no longer than what they would wait for.
    package func permits(_ read: LeaseRead, snapshot index: LogIndex) -> Bool {
        // In this order: what is received after the look at the lease is acknowledged to nobody before the look at the clock, unless the
        // lease has ended by then.
        let lease = readLease
        let now = host.now()
        return lease.permits(snapshotIndex: index, takenAt: read.takenAt.nanoseconds, now: now.nanoseconds)
    }
}
