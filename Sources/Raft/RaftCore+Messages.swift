import Core

/// Which messages are heard at all, and what their term does.
extension RaftCore {
    mutating func receive(_ message: RaftMessage) {
        guard message.to == id, message.from != id, message.from != .none, isPlausible(message), isHeard(message) else { return }
        if message.term < term { return answerOldTerm(message) }
        guard !isBound(against: message) else { return }
        if message.term > term {
            guard enterTerm(of: message) else { return }
        }
        let from = message.from
        switch message.body {
        case let .preVote(last): preVoteRequested(by: from, term: message.term, last: last)
        case let .preVoteReply(granted): preVoteAnswered(by: from, term: message.term, granted: granted)
        case let .vote(last, _, _): voteRequested(by: from, last: last)
        case let .voteReply(granted): if role == .candidate { countVote(of: from, granted: granted) }
        case let .append(previous, entries, commit): append(from, previous, entries, commit)
        case let .appendAccepted(match): accepted(by: from, match: match)
        case let .appendRejected(previous, hint): rejected(by: from, previous: previous, hint: hint)
        case let .heartbeat(commit, context, stamp): heartbeat(from, commit, context, stamp)
        case let .heartbeatReply(context, stamp, isDraining): heartbeatAnswered(by: from, context, stamp, isDraining: isDraining)
        case let .readRequest(read): readRequested(by: from, read)
        case let .readReply(read, index): readAnswered(read, index)
        case let .readRefused(read, refusal): readRefused(read, refusal)
        case let .timeoutNow(released): timeoutNow(from, released: released)
        case let .leaseRequest(nonce): leaseRequested(by: from, nonce: nonce)
        case let .leaseGranted(nonce, nanoseconds, index): leaseGranted(by: from, nonce: nonce, nanoseconds: nanoseconds, index: index)
        }
    }

    /// Numbers that counting up cannot make: whoever sent them, they must neither overflow here nor end the terms.
    private func isPlausible(_ message: RaftMessage) -> Bool {
        let bound: UInt64 = 1 << 62
        guard message.term.rawValue > 0, message.term.rawValue < bound else { return false }
        switch message.body {
        case let .preVote(last), let .vote(last, _, _): return last.index.rawValue < bound && last.term.rawValue < bound
        case let .append(previous, _, commit): return previous.index.rawValue < bound && commit.rawValue < bound
        case let .appendAccepted(match): return match.rawValue < bound
        case let .appendRejected(previous, hint): return previous.rawValue < bound && hint.index.rawValue < bound
        case let .heartbeat(commit, _, _): return commit.rawValue < bound
        case let .leaseGranted(_, nanoseconds, index): return nanoseconds < bound && index.rawValue < bound
        case .preVoteReply, .voteReply, .heartbeatReply, .readRequest, .readReply, .readRefused, .timeoutNow, .leaseRequest: return true
        }
    }

    /// Who is no member is not heard, with exceptions. A node that has not joined yet knows no member, and hears its cluster. A
    /// leader is heard by every node of its cluster (thesis §4.1): that it was elected is proof enough, and a node far behind must be
    /// able to learn the membership in which the leader stands. The leader of this node is heard in all it says, also one that its own
    /// last entry has removed. And a candidate is: it may have been made a voter by an entry that
    /// this node does not have yet, and its majority may need this one. A removed node gains nothing by it: who hears the
    /// leader does not answer, and who has the entry that removed it has a longer log.
    private func isHeard(_ message: RaftMessage) -> Bool {
        switch message.body {
        case .append, .heartbeat, .vote, .preVote: true
        default: membership.members.isEmpty || message.from == leader || membership.contains(message.from)
        }
    }

    /// A newer term is entered, except for a pre-vote, which only asks, and for a vote while the leader is well: who was cut off for a
    /// while must not depose it. Says whether the message is to be looked at further.
    private mutating func enterTerm(of message: RaftMessage) -> Bool {
        switch message.body {
        case .preVote: return true
        case .preVoteReply(granted: true): return true
        case let .vote(_, transfer, _):
            // That the leader wished it is believed of a member only.
            if hearsLeader && !(transfer && membership.contains(message.from)) { return false }
            becomeFollower(message.term, leader: .none)
        case .append, .heartbeat: becomeFollower(message.term, leader: message.from)
        default: becomeFollower(message.term, leader: .none)
        }
        return true
    }

    /// The sender lives in an older term. A leader hears of the newer one and steps down: since nobody's pre-vote would raise its
    /// term, it would otherwise go on for ever (etcd: the answer to `MsgApp` under PreVote). One who asks is told too.
    private mutating func answerOldTerm(_ message: RaftMessage) {
        switch message.body {
        case .append, .heartbeat: send(.appendRejected(previous: LogIndex(0), hint: .zero), to: message.from)
        case .preVote: send(.preVoteReply(granted: false), to: message.from)
        #if KHO_BUG_STALE_VOTES_COUNTED
        // Bug: the answer to an earlier campaign counts in this one.
        case let .voteReply(granted): if role == .candidate { countVote(of: message.from, granted: granted) }
        #endif
        case let .readRequest(read): send(.readRefused(read, .notLeader), to: message.from)
        default: break
        }
    }
}
