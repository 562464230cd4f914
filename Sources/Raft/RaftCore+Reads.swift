import Core

/// Reads as new as the moment they were asked (ReadIndex, thesis §6.4). They need no clock.
extension RaftCore {
    private var readDeadline: Int { now + 2 * configuration.electionTicks }

    mutating func read(_ read: ReadID) {
        if role == .leader {
            guard reads.count < configuration.waitingReadsMax else { return output.append(.readFailed(read, .busy)) }
            reads.add(ReadQueue.Read(origin: id, id: read, deadline: readDeadline))
            beginRound()
        } else if leader == .none {
            output.append(.readFailed(read, .noQuorum))
        } else if forwarded.count >= configuration.waitingReadsMax {
            output.append(.readFailed(read, .busy))
        } else {
            send(.readRequest(forwarded.add(read, deadline: readDeadline)), to: leader)
        }
    }

    mutating func readRequested(by node: NodeID, _ read: ReadID) {
        guard role == .leader else { return send(.readRefused(read, .notLeader), to: node) }
        guard reads.count < configuration.waitingReadsMax else { return send(.readRefused(read, .busy), to: node) }
        reads.add(ReadQueue.Read(origin: node, id: read, deadline: readDeadline))
        beginRound()
    }

    // MARK: Rounds

    /// Begins a round for all reads that wait, if none is under way: whoever comes later waits for the next, since a heartbeat sent
    /// before a read says nothing about it. Not before the first commit of the term: until then the leader's commit index may be
    /// behind what the leader before it has acknowledged.
    ///
    /// Where rounds follow one another, one asks only those whose answers ended the one before, the first to come: an answer that nobody waits for costs two processes
    /// a wake-up each. The next tick asks the others too, should these be silent; and now and then all are asked, so that a voter which has become slow does not stay
    /// the one that is waited for.
    mutating func beginRound() {
        #if KHO_BUG_READ_BEFORE_COMMIT
        // Bug: a leader answers before it knows what the one before it has committed.
        guard role == .leader, reads.round == nil, !reads.waiting.isEmpty else { return }
        #else
        guard role == .leader, hasCommittedInTerm, reads.round == nil, !reads.waiting.isEmpty else { return }
        #endif
        let first = reads.first(now: now)
        reads.begin(index: commitIndex)
        finishRoundIfConfirmed()
        guard let round = reads.round else { return }
        let isNarrow = round.context % Self.roundsToWide != 0 && membership.isQuorum { $0 == id || first.contains($0) }
        if isNarrow { reads.narrow() }
        for peer in progress where membership.isVoter(peer.id) && (!isNarrow || first.contains(peer.id)) { sendHeartbeat(to: peer) }
    }

    /// Each of so many rounds asks every voter, whatever the others do.
    private static let roundsToWide: UInt64 = 64

    /// Asks everybody who has not answered a round that asked only some.
    private mutating func widenRound() {
        guard let round = reads.round, round.isNarrow else { return }
        reads.widen()
        for peer in progress where membership.isVoter(peer.id) && !round.acknowledged.contains(peer.id) { sendHeartbeat(to: peer) }
    }

    mutating func acknowledgeReads(_ context: UInt64, by node: NodeID) {
        if reads.acknowledge(context, by: node) { finishRoundIfConfirmed() }
    }

    /// A majority still followed this leader after the round began, so no other can have committed anything before that.
    private mutating func finishRoundIfConfirmed() {
        #if KHO_BUG_READ_WITHOUT_QUORUM
        // Bug: a leader answers without asking whether it still leads.
        guard let round = reads.round else { return }
        #else
        guard let round = reads.round, membership.isQuorum({ $0 == id || round.acknowledged.contains($0) }) else { return }
        #endif
        _ = reads.finish(now: now)
        for read in round.reads {
            if read.origin == id {
                output.append(.readReady(read.id, round.index))
            } else {
                send(.readReply(read.id, round.index), to: read.origin)
            }
        }
        beginRound()
    }

    // MARK: Answers

    /// The message's term is this node's, so it comes from the leader that it follows.
    mutating func readAnswered(_ wire: ReadID, _ index: LogIndex) {
        if let read = forwarded.finish(wire) { output.append(.readReady(read, index)) }
    }

    mutating func readRefused(_ wire: ReadID, _ refusal: Refusal) {
        if let read = forwarded.finish(wire) { output.append(.readFailed(read, refusal)) }
    }

    mutating func expireReads() {
        for read in reads.expire(now: now) where read.origin == id { output.append(.readFailed(read.id, .noQuorum)) }
        widenRound()
        if !reads.waiting.isEmpty { beginRound() }
        for read in forwarded.expire(now: now) { output.append(.readFailed(read, .noQuorum)) }
    }

    mutating func failForwardedReads() {
        for read in forwarded.removeAll() { output.append(.readFailed(read, .noQuorum)) }
    }

    /// Leadership is lost: nobody is answered by who no longer leads.
    mutating func failQueuedReads() {
        for read in reads.removeAll() {
            if read.origin == id {
                output.append(.readFailed(read.id, .noQuorum))
            } else {
                send(.readRefused(read.id, .noQuorum), to: read.origin)
            }
        }
    }
}
