import Core

/// Members that need what the log no longer has.
extension RaftCore {
    // MARK: The leader's side

    /// Asks for a snapshot to be sent; two to the same member never begin within an election timeout.
    mutating func beginSnapshot(to place: Int) {
        let notBefore = progress[place].snapshotNotBefore
        guard now >= notBefore else { return progress[place].becomeSnapshot(retryAt: notBefore) }
        progress[place].snapshotNotBefore = now + configuration.electionTicks
        progress[place].becomeSnapshot(retryAt: nil)
        output.append(.sendSnapshot(to: progress[place].id))
    }

    /// After a delivery the log goes on from its position, if the member agrees: a probe finds out. After a failure a pause.
    mutating func snapshotFinished(_ node: NodeID, _ through: LogPosition, _ delivered: Bool) {
        guard role == .leader, let place = progress.firstIndex(where: { $0.id == node }) else { return }
        guard progress[place].state == .snapshot, progress[place].retryAt == nil else { return }
        guard delivered else { return progress[place].becomeSnapshot(retryAt: now + configuration.electionTicks) }
        progress[place].becomeProbe(from: min(through.index, log.lastIndex).next)
        replicate(to: place, probing: true)
    }

    // MARK: The receiver's side

    /// Whether a snapshot of this position is to replace the state and the log. If not, the log reaches the position by itself, or has
    /// passed it: to install would take away what this node has acknowledged. To be asked right before, with no event in between.
    package func needsSnapshot(at position: LogPosition) -> Bool {
        role != .leader && position.index > commitIndex && !log.matches(position)
    }

    /// State and log begin anew after the snapshot's position. Everything at or before it is committed, and durable by the
    /// snapshot.
    mutating func installed(_ snapshot: InstalledSnapshot) {
        let position = snapshot.position
        // The term that the position speaks of has been: no vote in an older one any more.
        if position.term > term { becomeFollower(position.term, leader: .none) }
        guard position.index > commitIndex else { return acceptInstalled(commitIndex) }
        if role == .leader { becomeFollower(term, leader: .none) }
        let tail = log.matches(position) ? log.entries(after: position.index, through: log.lastIndex) : []
        log.reset(to: position, time: snapshot.time)
        writes.reset(to: position.index)
        #if !KHO_BUG_SNAPSHOT_MEMBERSHIP_LOST
        // Without it: a snapshot's membership does not take the place of the own.
        memberships = MembershipHistory(snapshot.membership, at: snapshot.membershipIndex)
        #endif
        // The tail was acknowledged, and stays. It is written again, for the log on the disk has begun anew.
        for entry in tail {
            log.append(entry)
            takeMembership(of: entry)
        }
        if let first = tail.first { noteAppended(from: first.index) }
        commitIndex = position.index
        handedOver = position.index
        appliedIndex = position.index
        verifiedIndex = max(position.index, min(verifiedIndex, log.lastIndex))
        membershipMayHaveChanged()
        acceptInstalled(position.index)
    }

    private mutating func acceptInstalled(_ match: LogIndex) {
        guard leader != .none, leader != id else { return }
        send(.appendAccepted(match: match), to: leader, afterDisk: match > durableIndex)
    }

    // MARK: A damaged state

    /// Whether the log has the entry of this position durably, so that a state that shows it can take the place of a damaged one while the
    /// log stays. To be asked right before, with no event in between.
    package func hasLog(at position: LogPosition) -> Bool { position.index <= writes.durableIndex && log.matches(position) }

    /// The state alone was replaced. What another node applied is committed; what comes after it is handed over again, as after a restart.
    mutating func stateReplaced(_ position: LogPosition) {
        invariant(log.matches(position), "a state at \(position.index) took the place of another, and the log does not have that entry")
        learnCommit(position.index)
        handedOver = position.index
        appliedIndex = position.index
    }
}
