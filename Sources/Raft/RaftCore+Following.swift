import Core

/// The follower's side of replication: a leader's entries into the own log.
extension RaftCore {
    /// A word of a leader of this term: whoever campaigned in it has lost. False for a second leader of the term, which cannot
    /// be, and is not followed.
    private mutating func recognise(_ from: NodeID) -> Bool {
        guard role != .leader, leader == .none || leader == from else { return false }
        if role == .candidate || role == .preCandidate { becomeFollower(term, leader: from) }
        follow(from)
        electionElapsed = 0
        return true
    }

    mutating func append(_ from: NodeID, _ previous: LogPosition, _ entries: [LogEntry], _ commit: LogIndex) {
        guard isWellFormed(previous, entries), recognise(from) else { return }
        var previous = previous
        var entries = entries[...]
        if previous.index < commitIndex {
            // What is committed is the same in every log, and may be compacted here. It is not compared again.
            let known = Int(commitIndex.rawValue - previous.index.rawValue)
            guard entries.count > known, let committedTerm = log.term(at: commitIndex) else {
                return accept(through: commitIndex, from: from)
            }
            invariant(
                entries[known - 1].term == committedTerm,
                "the leader of term \(term) has another entry at \(commitIndex), which is committed here")
            entries = entries.dropFirst(known)
            previous = LogPosition(index: commitIndex, term: committedTerm)
        }
        #if KHO_BUG_PREVIOUS_NOT_COMPARED
        // Bug: it is enough to have some entry before the first one.
        guard log.lastIndex >= previous.index else { return reject(previous, from: from) }
        #else
        guard log.matches(previous) else { return reject(previous, from: from) }
        #endif
        let last = LogIndex(previous.index.rawValue + UInt64(entries.count))
        write(entries)
        verifiedIndex = max(verifiedIndex, last)
        // No further than what was compared just now: beyond it, this log may differ from the leader's.
        #if KHO_BUG_COMMIT_BEYOND_COMPARED
        // Bug: the leader's commit index counts for entries that were not compared with its own.
        learnCommit(min(commit, log.lastIndex))
        #else
        learnCommit(min(commit, last))
        #endif
        #if KHO_BUG_ACK_BEYOND_COMPARED
        // Bug: the whole log is acknowledged, not what was compared with the leader's.
        accept(through: log.lastIndex, from: from)
        #else
        accept(through: last, from: from)
        #endif
    }

    /// Entries follow one another from `previous` on, with terms and times that do not go back, in a term of the sender at most,
    /// and memberships among them can be read. Anything else no leader sends.
    private func isWellFormed(_ previous: LogPosition, _ entries: [LogEntry]) -> Bool {
        var before = previous
        var time = LogTime.zero
        for entry in entries {
            guard entry.index == before.index.next, entry.term >= before.term, entry.term <= term, entry.time >= time else { return false }
            if entry.kind == .membership, Self.membership(of: entry) == nil { return false }
            before = LogPosition(index: entry.index, term: entry.term)
            time = entry.time
        }
        return previous.term <= term
    }

    /// Writes what the log does not have. Entries that it has stay: an old message must not take away what came after it.
    private mutating func write(_ entries: ArraySlice<LogEntry>) {
        #if KHO_BUG_APPEND_TRUNCATES
        // Bug: an old message takes away what came after its entries.
        guard !entries.isEmpty else { return }
        let first = entries.startIndex
        #else
        guard let first = entries.firstIndex(where: { log.term(at: $0.index) != $0.term }) else { return }
        #endif
        let start = entries[first].index
        if start <= log.lastIndex {
            invariant(start > commitIndex, "the leader of term \(term) has another entry at \(start), which is committed here")
            log.truncate(from: start)
            writes.truncate(after: start.previous)
            #if !KHO_BUG_MEMBERSHIP_NOT_TAKEN_BACK
            // Without it: a membership stays in force when its entry is replaced.
            memberships.truncate(from: start)
            #endif
        }
        for entry in entries[first...] {
            log.append(entry)
            takeMembership(of: entry)
        }
        noteAppended(from: start)
        membershipMayHaveChanged()
    }

    /// Says that the log is the leader's through `match`, once that is durable.
    private mutating func accept(through match: LogIndex, from: NodeID) {
        #if KHO_BUG_ACK_BEFORE_DISK
        // Bug: entries are acknowledged before they are durable.
        send(.appendAccepted(match: match), to: from)
        #else
        send(.appendAccepted(match: match), to: from, afterDisk: match > durableIndex)
        #endif
    }

    /// Says where the logs can agree at the latest: not in an entry of a term that the leader did not have there. So a whole term
    /// is passed over with one message.
    private mutating func reject(_ previous: LogPosition, from: NodeID) {
        let index = max(commitIndex, log.lastAgreement(atOrBefore: previous.index, term: previous.term))
        let hint = LogPosition(index: index, term: log.term(at: index) ?? Term(0))
        send(.appendRejected(previous: previous.index, hint: hint), to: from)
    }

    /// The answer does not wait for anything, and says only that this node follows that leader. The commit index counts as
    /// far as the own log was compared with this leader's.
    mutating func heartbeat(_ from: NodeID, _ commit: LogIndex, _ context: UInt64, _ stamp: UInt64) {
        guard recognise(from) else { return }
        makePromise(stamp: stamp)
        learnCommit(min(commit, verifiedIndex))
        send(.heartbeatReply(context: context, stamp: stamp, isDraining: isDraining), to: from)
    }
}
