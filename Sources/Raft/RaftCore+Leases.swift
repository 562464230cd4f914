import Core

/// Read leases (Moraru, Andersen, Kaminsky: "Paxos Quorum Leases", 2014): as long as one lives there is no leader but the one that granted
/// it, and that one commits nothing that the holder has not received.
///
/// Every time is taken in the direction that is safe. The leader counts a promise from when it sent the heartbeat, the voter from when it
/// received it; the holder counts its lease from when it asked, the leader from when it granted. Who must wait waits 1 % longer than who
/// must end, so that clocks may differ by that much in speed. An event's time is read before it is looked at and after it has happened;
/// what leaves because of it leaves later.
extension RaftCore {
    // MARK: The voter's promise

    /// A clock that runs slow by the bound still measures as long.
    func withDrift(_ nanoseconds: UInt64) -> UInt64 { nanoseconds + nanoseconds / 1_000 * configuration.driftPerMille }

    /// Neither votes nor campaigns: it has promised so, or may have in the life before and forgotten it.
    var isBound: Bool { time < promise.until || time < waitUntil }

    /// Whether a promise forbids to hear this request for a vote. One for a leader that hands over is heard if that leader has released
    /// the promise.
    func isBound(against message: RaftMessage) -> Bool {
        switch message.body {
        case .preVote: return isBound
        case let .vote(_, transfer, released):
            guard time >= waitUntil else { return true }
            guard time < promise.until else { return false }
            return !transfer || !membership.contains(message.from) || !promise.isReleased(for: message.term, through: released)
        default: return false
        }
    }

    /// Whether it may campaign when its leader tells it to.
    func mayCampaign(released: UInt64) -> Bool {
        time >= waitUntil && (time >= promise.until || promise.isReleased(for: Term(term.rawValue + 1), through: released))
    }

    /// The leader of this term asks for a promise with its heartbeat. 0: it does not.
    mutating func makePromise(stamp: UInt64) {
        guard stamp > 0 else { return }
        promise.renew(term: term, stamp: stamp, until: time + withDrift(configuration.promiseNanoseconds))
    }

    // MARK: The leader's promises and grants

    /// What a heartbeat carries: the time, if a promise is wanted. A leader that has told another to campaign wants none.
    mutating func nextStamp() -> UInt64 {
        guard membership.readMode == .lease, handover?.isAsked != true, time > releasedStamp, membership.isVoter(id) else { return 0 }
        lastStamp = time
        // It keeps its own word as well: by the same clock, so without a reserve for drift.
        promise.renew(term: term, stamp: time, until: time + configuration.promiseNanoseconds)
        return time
    }

    /// The time until which no other can be elected: a majority, in a joint membership of each group, has promised.
    private var promisedUntil: UInt64 {
        let stamp = membership.quorumValue { voter in
            voter == id ? (lastStamp > releasedStamp ? lastStamp : 0) : progress.first { $0.id == voter }?.promisedStamp ?? 0
        }
        return stamp == 0 ? 0 : stamp + configuration.promiseNanoseconds
    }

    /// Grants a lease if the member is up to date. One that has fallen behind since the last is not renewed, so it delays the
    /// writers once and no more.
    mutating func leaseRequested(by node: NodeID, nonce: UInt64) {
        guard role == .leader, membership.readMode == .lease, membership.isVoter(id), handover == nil, hasCommittedInTerm,
            let peer = progress.first(where: { $0.id == node }), peer.state == .replicate, isActive(peer), peer.match >= commitIndex
        else { return }
        expireGrants()
        let place = grants.firstIndex { $0.holder == node }
        // Who holds none must have what nothing but leases keeps from being committed: two that lag would otherwise be granted one after the
        // other, each while the other's lease is waited for, and writers would wait for ever.
        guard peer.match >= (place.map { grants[$0].lastIndex } ?? durableAtQuorum) else { return }
        let end = promisedUntil
        guard end > time else { return }
        // What is left of the promises, shorter by the drift that the holder's clock may have.
        let left = end - time
        let duration = min(configuration.leaseNanoseconds, left - left / 1_000 * configuration.driftPerMille)
        let grant = LeaseGrant(holder: node, until: time + withDrift(duration) + 1, lastIndex: log.lastIndex)
        if let place {
            grants[place].until = max(grants[place].until, grant.until)
            grants[place].lastIndex = grant.lastIndex
        } else {
            grants.append(grant)
        }
        send(.leaseGranted(nonce: nonce, nanoseconds: duration, index: commitIndex), to: node)
    }

    private mutating func expireGrants() { grants.removeAll { $0.until <= time } }

    /// As far as every live holder has received the log: nobody learns that anything beyond it is committed. Of a holder that is no
    /// member any more nothing is known.
    mutating func fence(_ index: LogIndex) -> LogIndex {
        #if KHO_BUG_LEASE_FENCE_LEFT_OUT
        // Bug: what a majority has is committed, whether the holders have it or not.
        if !grants.isEmpty { return index }
        #endif
        guard !grants.isEmpty else { return index }
        expireGrants()
        return grants.reduce(index) { lowest, grant in min(lowest, progress.first { $0.id == grant.holder }?.match ?? LogIndex(0)) }
    }

    /// Whether all leases are covered by promises of those who elect the next leader after a joint change too. A lease from before it
    /// has the old voters' promises alone.
    var leasesOutliveNoPromise: Bool {
        guard !grants.isEmpty else { return true }
        let end = promisedUntil
        return grants.allSatisfy { $0.until <= time || $0.until <= end }
    }

    var hasGrants: Bool { grants.contains { $0.until > time } }

    /// Time alone moves on what waited for leases to end.
    mutating func tickLeases() {
        // Without a grant too: a request may have come between the end of the last one and this tick, and forgotten it.
        guard !grants.isEmpty || membership.readMode == .lease || membership.isJoint || handover != nil else { return }
        if advanceCommit() {
            committedMore()
        } else if finishJointChange() {
            broadcastAppends()
        }
        askSuccessor()
    }

    // MARK: The holder

    /// Asks for a lease, or for more of it, often enough that one renewal may be lost.
    mutating func tickHolder() {
        guard configuration.wantsLease, membership.readMode == .lease, leader != .none, now >= leaseAskAt else { return }
        leaseAskAt = now + 2 * configuration.heartbeatTicks
        leaseNonce &+= 1
        leaseAsks[Int(leaseNonce % 4)] = time
        send(.leaseRequest(nonce: leaseNonce), to: leader)
    }

    /// An answer to one of the last requests counts, and from when that one was made.
    mutating func leaseGranted(by node: NodeID, nonce: UInt64, nanoseconds: UInt64, index: LogIndex) {
        guard node == leader, role != .leader, leaseNonce &- nonce < 4, nanoseconds <= configuration.leaseNanoseconds else { return }
        // 0: not asked since the leader changed, or answered already.
        #if KHO_BUG_LEASE_FROM_ANSWER
        // Bug: the lease counts from when the answer came.
        let asked = leaseAsks[Int(nonce % 4)] > 0 ? time : 0
        #else
        let asked = leaseAsks[Int(nonce % 4)]
        #endif
        guard asked > 0, index <= verifiedIndex, time < asked + nanoseconds else { return }
        leaseAsks[Int(nonce % 4)] = 0
        if time >= lease.validUntil {
            lease.heldSince = time
            lease.grantedIndex = index
        }
        lease.term = term
        lease.nonce = nonce
        lease.validUntil = max(lease.validUntil, asked + nanoseconds)
    }

    /// Another leader, or none: what was granted by the one before is held no more.
    mutating func dropLease() {
        lease = .none
        for place in leaseAsks.indices { leaseAsks[place] = 0 }
    }

    /// What the driver is to know.
    package var readLease: ReadLease {
        guard lease.validUntil > 0 else { return .none }
        var current = lease
        #if KHO_BUG_OWN_LOG_NOT_RECEIVED
        // Bug: what an earlier life has acknowledged is not received until this leader compares it again.
        current.receivedIndex = verifiedIndex
        #else
        // The whole log, compared with this leader's or not: an earlier life may have acknowledged it, and the leader counts on that.
        current.receivedIndex = log.lastIndex
        #endif
        return current
    }
}
