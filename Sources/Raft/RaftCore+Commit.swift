import Core

/// What is committed, and who finds it out.
extension RaftCore {
    /// An entry of the leader's own term is committed: only then it knows which older ones are.
    var hasCommittedInTerm: Bool { log.term(at: commitIndex) == term }

    /// What a majority has durably, as far as the leader knows; itself by its own disk.
    var durableAtQuorum: LogIndex {
        membership.quorumIndex { voter in
            #if KHO_BUG_OWN_DISK_NOT_AWAITED
            // Bug: the leader counts its own entries before they are durable.
            voter == id ? log.lastIndex : progress.first { $0.id == voter }?.match ?? LogIndex(0)
            #else
            voter == id ? writes.durableIndex : progress.first { $0.id == voter }?.match ?? LogIndex(0)
            #endif
        }
    }

    /// The leader counts who has what. True if more is committed than before.
    mutating func advanceCommit() -> Bool {
        let index = fence(durableAtQuorum)
        // An entry of an older term may be on a majority and still be replaced (Raft §5.4.2, figure 8): it commits with one of this
        // term after it.
        #if KHO_BUG_OLD_TERM_COMMITTED
        // Bug: an entry of an older term commits by counting (Raft, figure 8).
        guard index > commitIndex else { return false }
        #else
        guard index > commitIndex, log.term(at: index) == term else { return false }
        #endif
        let isFirst = !hasCommittedInTerm
        setCommit(index)
        if isFirst { beginRound() }
        return true
    }

    /// More is committed: what waited for that, and everybody hears of it.
    mutating func committedMore() {
        _ = finishJointChange()
        broadcastAppends()
        leaveIfRemoved()
    }

    /// A follower hears how far the leader has committed. Never back.
    mutating func learnCommit(_ index: LogIndex) {
        if index > commitIndex { setCommit(index) }
    }

    private mutating func setCommit(_ index: LogIndex) {
        invariant(index > commitIndex && index <= log.lastIndex, "commit index \(index) after \(commitIndex), log through \(log.lastIndex)")
        commitIndex = index
        verifiedIndex = max(verifiedIndex, index)
        if memberships.commit(index), role != .leader { membershipMayHaveChanged() }
    }
}
