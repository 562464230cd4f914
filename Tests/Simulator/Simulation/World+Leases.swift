import Core
import Raft
import Replica

/// A client's read by a lease, as a query node does it: the clock, the snapshot, the look at the lease. Anything may happen in between.
struct LeasedRead {
    let client: Int
    let step: UInt64
    let place: Int
    let life: Int
    /// What had been acknowledged and shown when it began.
    let floor: LogIndex
    /// The record that it asks for; nil: all of them.
    let key: [UInt8]?
    /// nil if it began without a look at the clock: a defect on purpose.
    let read: LeaseRead?
    /// The snapshot's; nil before it is taken.
    var snapshot: LogIndex?
}

/// An entry that a leader holds back for those who hold leases.
struct Fenced {
    let term: Term
    let index: LogIndex
    /// By the leader's clock, when it was last looked at.
    var seenAt: UInt64
    /// For how long, the times without the leader's doing not counted.
    var nanoseconds: UInt64 = 0
}

/// Read leases: what clients do with them, and what must hold.
extension World {
    func begin(_ read: LeasedRead) {
        var read = read
        // Now and then the snapshot was taken in no time.
        if dice.permille(500) { takeSnapshot(&read) }
        goOn(later: read)
    }

    /// In a moment, or after a while in which the thread did not run.
    private func goOn(later read: LeasedRead) {
        let wait = dice.permille(800) ? dice.within(0...100_000) : dice.within(0...settings.leaseMilliseconds * 1_500_000)
        queue.push(.leasedRead(read), at: time + wait)
    }

    private func takeSnapshot(_ read: inout LeasedRead) {
        read.snapshot = node(at: read.place).machine?.applied.position.index
    }

    func goOn(_ read: LeasedRead) {
        let node = node(at: read.place)
        guard node.life == read.life, let replica = node.replica else { return }
        if node.pausedUntil > time { return queue.push(.leasedRead(read), at: node.pausedUntil + dice.within(0...100_000)) }
        trace.mix(UInt64(read.client) << 8 | 0xC4)
        guard let index = read.snapshot else {
            var next = read
            takeSnapshot(&next)
            return goOn(later: next)
        }
        switch permits(read, index, replica) {
        case .nothing:
            counts.leaseRefusals += 1
            guard clients[read.client].step == read.step else { return }
            return askBarrier(read.client, read.step, node, read.floor)
        case .everything:
            trace.line("\(moment) client \(read.client) reads \(index) at \(node.id) by a lease")
            checkRead(node, at: index, read.floor, by: " by a lease")
        case .whatIsAskedFor:
            counts.untouchedReads += 1
            trace.line("\(moment) client \(read.client) reads what is untouched since \(index) at \(node.id) by a lease")
            checkRead(node, at: index, LogIndex(0), by: " by a lease")
            if index < read.floor, let touching = record.firstTouching(read.key, after: index, through: read.floor) {
                fail("a read at \(node.id) is answered by a lease from \(index), and \(touching), acknowledged before it began, is about what it asks for")
            }
        }
        counts.reads += 1
        counts.leaseReads += 1
        if clients[read.client].step == read.step { finish(read.client) }
    }

    private enum Permission { case nothing, whatIsAskedFor, everything }

    private func permits(_ read: LeasedRead, _ index: LogIndex, _ replica: Replica) -> Permission {
        let lease = replica.readLease
        guard let begun = read.read else { return lease.validUntil > 0 && index >= lease.receivedIndex ? .everything : .nothing }
        let shown = settings.defect == .leasesShowWhatIsApplied ? max(index, lease.receivedIndex) : index
        guard let scope = replica.scope(of: begun, snapshot: shown) else { return .nothing }
        if scope.isWhole { return .everything }
        let isPermitted = read.key.map { scope.permits(ModelState.dataset, $0.span.bytes) } ?? scope.permits(ModelState.dataset)
        return isPermitted ? .whatIsAskedFor : .nothing
    }

    // MARK: What must hold

    /// As long as a lease lives, nobody leads a newer term than that of the leader that granted it.
    func checkNoLeaseLives(before term: Term, leader: SimulatedNode) {
        for node in nodes + [twin].compactMap({ $0 }) {
            guard let lease = node.replica?.readLease, lease.term < term, lease.validUntil > node.clock(time) else { continue }
            fail("\(leader.id) leads term \(term), and \(node.id) holds a lease of term \(lease.term)")
        }
    }

    /// Nothing is known as committed, to anybody, that somebody who holds a lease has not received.
    func checkHolders(have index: LogIndex, as leader: SimulatedNode) {
        for node in nodes + [twin].compactMap({ $0 }) {
            guard let lease = node.replica?.readLease, lease.validUntil > node.clock(time), lease.receivedIndex < index else { continue }
            fail("\(leader.id) knows \(index) as committed, and \(node.id) holds a lease and has received \(lease.receivedIndex)")
        }
    }

    /// A holder that lags delays a writer for the lease that it had and one more at the most, and all that lag together no longer.
    func checkFence(_ core: borrowing RaftCore, _ status: RaftStatus, _ node: SimulatedNode) {
        let first = status.commitIndex.next
        guard status.role == .leader, status.lastIndex >= first, Self.durableAtQuorum(core) >= first, isOfTerm(core, status) else {
            node.fenced = nil
            return
        }
        let now = node.clock(time)
        guard var fenced = node.fenced, fenced.term == status.term, fenced.index == first else {
            node.fenced = Fenced(term: status.term, index: first, seenAt: now)
            return
        }
        let tick = UInt64(WorldSettings.tickMilliseconds) * 1_000_000
        fenced.nanoseconds += min(now - min(now, fenced.seenAt), 2 * tick)
        fenced.seenAt = now
        node.fenced = fenced
        // With the reserve for drift, and a few ticks in which nothing is looked at.
        let most = settings.leaseMilliseconds * 2_020_000 + 6 * tick
        if fenced.nanoseconds > most { fail("\(node.id) holds entry \(first) back for \(fenced.nanoseconds / 1_000_000) ms, two leases are \(most / 1_000_000)") }
    }

    /// A leader commits by counting from its first own entry on.
    private func isOfTerm(_ core: borrowing RaftCore, _ status: RaftStatus) -> Bool {
        core.term(at: Self.durableAtQuorum(core)) == status.term
    }

    /// What a majority, in a joint membership of each group, has on its disks as far as the leader knows.
    private static func durableAtQuorum(_ core: borrowing RaftCore) -> LogIndex {
        let (own, durable, followers, membership) = (core.id, core.durableIndex, core.followers, core.membership)
        var lowest: LogIndex?
        for group in [membership.voters, membership.outgoingVoters] where !group.isEmpty {
            let reached = group.map { id in id == own ? durable : followers.first { $0.id == id }?.matchIndex ?? LogIndex(0) }.sorted(by: >)
            lowest = min(lowest ?? reached[group.count / 2], reached[group.count / 2])
        }
        return lowest ?? LogIndex(0)
    }
}
