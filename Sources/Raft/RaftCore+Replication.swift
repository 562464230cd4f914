import Core

/// The leader's side of replication: proposals into the log, the log to the members.
extension RaftCore {
    // MARK: Proposals

    mutating func propose(_ proposals: [Proposal]) {
        guard role == .leader else {
            for proposal in proposals { output.append(.refused(proposal.id, .notLeader)) }
            return
        }
        guard takesProposals else {
            for proposal in proposals { output.append(.refused(proposal.id, .transferring)) }
            return
        }
        var answers: [RaftEffect] = []
        answers.reserveCapacity(proposals.count)
        for proposal in proposals {
            let weight = proposal.payload.count + Limits.entryOverheadBytes
            if hasRoom(for: weight), proposal.payload.count <= Limits.entryPayloadBytes {
                answers.append(.accepted(proposal.id, appendOwn(.command, proposal.payload)))
            } else {
                answers.append(.refused(proposal.id, .busy))
            }
        }
        broadcastAppends()
        output.append(contentsOf: answers)
    }

    /// Bytes that are not committed, not on the own disk or not applied are bounded; one entry always has room, however large. Computed
    /// from the log, so that nothing leaks when leadership or entries are lost.
    private func hasRoom(for weight: Int) -> Bool {
        let open = log.weight(after: min(commitIndex, writes.durableIndex, appliedIndex))
        return open == 0 || open + weight <= configuration.uncommittedBytesMax
    }

    /// Writes an entry of this term to the own log.
    @discardableResult
    mutating func appendOwn(_ kind: EntryKind, _ payload: [UInt8] = []) -> LogPosition {
        let (time, alarm) = clock.stamp(after: log.lastTime, now: now)
        if let alarm { output.append(.alarm(alarm)) }
        let entry = LogEntry(index: log.lastIndex.next, term: term, kind: kind, time: time, payload: payload)
        log.append(entry)
        noteAppended(from: entry.index)
        idleElapsed = 0
        takeMembership(of: entry)
        return LogPosition(index: entry.index, term: term)
    }

    // MARK: Time

    mutating func tickLeader() {
        guard hearsQuorum else { return becomeFollower(term, leader: .none) }
        tickLeases()
        guard role == .leader else { return }
        idleElapsed += 1
        handOverIfDraining()
        if idleElapsed * configuration.tickMilliseconds >= Int(configuration.logTimeIdleMilliseconds), takesProposals {
            appendOwn(.time)
            broadcastAppends()
        }
        for place in progress.indices {
            if let retryAt = progress[place].retryAt, retryAt <= now {
                progress[place].becomeProbe(from: progress[place].match.next)
                replicate(to: place, probing: true)
            }
        }
        heartbeatElapsed += 1
        if heartbeatElapsed >= configuration.heartbeatTicks {
            heartbeatElapsed = 0
            for peer in progress { sendHeartbeat(to: peer) }
        }
    }

    /// The commit index goes out no further than the receiver is known to have the leader's log.
    mutating func sendHeartbeat(to peer: Progress) {
        send(.heartbeat(commit: min(peer.match, commitIndex), context: reads.context, stamp: nextStamp()), to: peer.id)
    }

    // MARK: Sending

    mutating func broadcastAppends() {
        for place in progress.indices { replicate(to: place) }
    }

    /// Sends what the member lacks, as far as its window allows; with nothing to send, a new commit index all the same, since
    /// queries wait for it. `probing`: send in any case, to find out where the member is.
    mutating func replicate(to place: Int, probing: Bool = false) {
        while !progress[place].isPaused(configuration) {
            let peer = progress[place]
            let previous = peer.next.previous
            guard let previousTerm = log.term(at: previous) else { return beginSnapshot(to: place) }
            let entries = log.batch(from: peer.next, entriesMax: configuration.appendEntriesMax, bytesMax: configuration.appendBytesMax)
            if entries.isEmpty, !probing || peer.state == .replicate, peer.sentCommit >= commitIndex { return }
            progress[place].sentCommit = commitIndex
            if peer.state == .probe { progress[place].probedAt = now } else { progress[place].sent(entries) }
            let position = LogPosition(index: previous, term: previousTerm)
            send(.append(previous: position, entries: entries, commit: commitIndex), to: peer.id)
            if entries.isEmpty { return }
        }
    }

    /// The member's place in `progress`, with the note that it was heard; nil if this node does not lead it.
    private mutating func hear(_ node: NodeID) -> Int? {
        guard role == .leader, let place = progress.firstIndex(where: { $0.id == node }) else { return nil }
        progress[place].heardAt = now
        return place
    }

    // MARK: Answers

    mutating func accepted(by node: NodeID, match: LogIndex) {
        guard let place = hear(node), match <= log.lastIndex else { return }
        let old = progress[place].match
        switch progress[place].state {
        case .probe:
            // An answer from before the probe says nothing new.
            guard match >= old else { return }
            progress[place].becomeReplicate(match: match)
        case .replicate: progress[place].advance(match: match)
        case .snapshot:
            progress[place].advance(match: match)
            if match >= log.base.index { progress[place].becomeReplicate(match: match) }
        }
        if match > old, advanceCommit() { committedMore() } else { replicate(to: place) }
        askSuccessor()
    }

    mutating func rejected(by node: NodeID, previous: LogIndex, hint: LogPosition) {
        guard let place = hear(node) else { return }
        let peer = progress[place]
        switch peer.state {
        case .snapshot: return
        case .replicate:
            // It has what it acknowledged: an older answer. At the very place of the acknowledgement it is worth asking again.
            guard previous >= peer.match else { return }
        case .probe:
            guard previous == peer.next.previous else { return }
            if previous == peer.match, previous > LogIndex(0) {
                // It denies what it acknowledged. A member without a vote may have come back with an empty directory; of one with a
                // vote nothing may be taken back, and heartbeats go on asking.
                if membership.isVoter(node) { return }
                progress[place].forgetMatch()
            }
        }
        let agreement = log.lastAgreement(atOrBefore: min(hint.index, previous), term: hint.term)
        progress[place].becomeProbe(from: min(previous, agreement.next))
        replicate(to: place, probing: true)
    }

    /// A sign of life moves on what is stuck: a message that was lost must not be waited for for ever. Once in a heartbeat's time
    /// at most, for rounds of reads bring many answers.
    mutating func heartbeatAnswered(by node: NodeID, _ context: UInt64, _ stamp: UInt64, isDraining: Bool) {
        guard let place = hear(node) else { return }
        // What no heartbeat had, or what was released, is no promise.
        if stamp > releasedStamp, stamp <= lastStamp { progress[place].promisedStamp = max(progress[place].promisedStamp, stamp) }
        progress[place].isDraining = isDraining
        if let probedAt = progress[place].probedAt, now - probedAt < configuration.heartbeatTicks {
            // Asked a moment ago.
        } else {
            recheck(place)
        }
        acknowledgeReads(context, by: node)
    }

    private mutating func recheck(_ place: Int) {
        switch progress[place].state {
        case .probe:
            progress[place].probedAt = nil
            replicate(to: place, probing: true)
        case .replicate where progress[place].match < log.lastIndex:
            // Nothing is sent twice on suspicion: an empty append after the last entry sent is refused if one before it was lost.
            let previous = progress[place].next.previous
            guard let term = log.term(at: previous) else { return beginSnapshot(to: place) }
            progress[place].probedAt = now
            send(.append(previous: LogPosition(index: previous, term: term), entries: [], commit: commitIndex), to: progress[place].id)
        case .replicate, .snapshot: break
        }
    }

    /// Messages under way are lost, and so is a read that was asked of that node.
    mutating func unreachable(_ node: NodeID) {
        if node == leader { failForwardedReads() }
        guard role == .leader, let place = progress.firstIndex(where: { $0.id == node }) else { return }
        if progress[place].state == .replicate { progress[place].becomeProbe(from: progress[place].match.next) }
    }
}
