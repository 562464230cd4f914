import Core

/// A node's right to answer queries from its own replica without asking anybody, and how far it reaches. A value: the core says each
/// new one by `leaseChanged`, before anything leaves the node that the step which made it decided.
///
/// To answer by it, in this order: read the clock (`takenAt`), take the snapshot of the state, get the newest value of this type, read the
/// clock again (`now`), and ask `permits`. If it says yes, the snapshot contains every write that was acknowledged anywhere before the
/// clock was first read, and whatever any other reader was shown before that. A pause anywhere between makes it say no. If it says no,
/// ask for a read index.
package struct ReadLease: Equatable, Sendable {
    /// The term of the leader that granted it.
    package var term: Term
    /// The number of the request that it answers: a draw of this life of the node, so a grant to another life is none.
    package var nonce: UInt64
    /// When it began to be held without a gap, by this node's clock (CLOCK_BOOTTIME), in nanoseconds.
    package var heldSince: UInt64
    /// When it ends, by the same clock; 0 for no lease.
    package var validUntil: UInt64
    /// What the leader had committed when the lease began to be held. What is committed later this node has received before.
    package var grantedIndex: LogIndex
    /// The last entry of this node's log, committed or not: no less than what any leader has heard that it has.
    package var receivedIndex: LogIndex

    package static let none = ReadLease(
        term: Term(0), nonce: 0, heldSince: 0, validUntil: 0, grantedIndex: LogIndex(0), receivedIndex: LogIndex(0))

    /// Whether a snapshot that contains the log through `snapshotIndex` may answer. `touchedIndex`: the last entry received that concerns
    /// what is read, its policy included, as far as the caller knows better than that it is `receivedIndex`.
    package func permits(snapshotIndex: LogIndex, touchedIndex: LogIndex? = nil, takenAt: UInt64, now: UInt64) -> Bool {
        isHeld(takenAt: takenAt, now: now) && snapshotIndex >= grantedIndex && snapshotIndex >= touchedIndex ?? receivedIndex
    }

    /// Whether it is held at both moments, and was in between.
    package func isHeld(takenAt: UInt64, now: UInt64) -> Bool { heldSince <= takenAt && now < validUntil }
}

/// What a node has promised its leader: neither to vote nor to campaign for a while.
struct Promise: Sendable {
    /// By the own clock, in nanoseconds.
    var until: UInt64 = 0
    var term = Term(0)
    /// The newest of the leader's heartbeats that it answers, by the leader's clock.
    var stamp: UInt64 = 0

    /// Never takes anything back: an old heartbeat that comes late makes no promise shorter.
    mutating func renew(term: Term, stamp: UInt64, until: UInt64) {
        self.stamp = term == self.term ? max(self.stamp, stamp) : stamp
        self.term = term
        self.until = max(self.until, until)
    }

    /// Whether the leader before term `next` has released it, as one that hands over does: all its leases have ended then, and none is
    /// granted on promises through `released`. What was promised to leaders before that one went with its election.
    func isReleased(for next: Term, through released: UInt64) -> Bool {
        term.rawValue + 1 < next.rawValue || term.rawValue + 1 == next.rawValue && stamp <= released
    }
}

/// A lease as the leader that granted it remembers it.
struct LeaseGrant: Sendable {
    let holder: NodeID
    /// By the leader's clock, and surely not before the holder's own end of it.
    var until: UInt64
    /// The leader's last entry when it was granted: a holder that does not have it by the next time has fallen behind.
    var lastIndex: LogIndex
}
