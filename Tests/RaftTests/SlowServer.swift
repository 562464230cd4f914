import Core

@testable import Raft

/// Raft as the paper's figure 2 has it, with pre-votes and the two rules that go with them, in the plainest words: a reference for `RaftCore`. It keeps its whole log in
/// an array, looks for what it needs from the front, has a disk that is never late, and neither leases nor memberships that change; and it never restarts. So what it cannot show are
/// faults in the order of writing and sending: transcripts, search and simulator have those.
struct SlowServer {
    enum Role {
        case follower, preCandidate, candidate, leader
    }

    let id: NodeID
    let others: [NodeID]
    /// Ticks for which a leader that was heard keeps others from being elected. 0: whoever asks is listened to, as in the paper.
    let patience: Int

    private(set) var term = Term(0)
    private(set) var vote = NodeID.none
    private(set) var role = Role.follower
    private(set) var leader = NodeID.none
    /// The entry of index 1 first.
    private(set) var log: [LogEntry] = []
    private(set) var commit = 0
    /// The log was compared with this term's leader through here.
    private var verified = 0
    private var answers: [NodeID: Bool] = [:]
    private(set) var match: [NodeID: Int] = [:]
    private(set) var next: [NodeID: Int] = [:]
    private var heard: [NodeID: Int] = [:]
    private var now = 0
    private(set) var sinceLeader = 0

    init(_ id: NodeID, others: [NodeID], patience: Int) {
        self.id = id
        self.others = others
        self.patience = patience
    }

    // MARK: The log

    func position(_ index: Int) -> LogPosition { index == 0 ? .zero : LogPosition(index: LogIndex(UInt64(index)), term: log[index - 1].term) }
    var last: LogPosition { position(log.count) }

    private func isUpToDate(_ other: LogPosition) -> Bool { (other.term, other.index) >= (last.term, last.index) }

    /// Entries at these places, after `previous`.
    func entries(after previous: Int, atMost count: Int) -> [LogEntry] { Array(log.dropFirst(previous).prefix(count)) }

    /// A leader's own entry.
    mutating func add(_ entry: LogEntry) { log.append(entry) }

    // MARK: Asking for votes

    private var hearsLeader: Bool { role == .leader || leader != .none && sinceLeader < patience }
    private var majority: Int { (others.count + 1) / 2 + 1 }

    private mutating func enter(_ newTerm: Term, leader newLeader: NodeID) {
        if newTerm > term {
            term = newTerm
            vote = .none
            verified = commit
        }
        role = .follower
        leader = newLeader
        sinceLeader = 0
        answers = [:]
    }

    mutating func askForPreVotes() {
        role = .preCandidate
        leader = .none
        sinceLeader = 0
        answers = [id: true]
    }

    mutating func campaign() -> [RaftMessage] {
        enter(Term(term.rawValue + 1), leader: .none)
        role = .candidate
        vote = id
        answers = [id: true]
        return others.map { message(.vote(last: last, transfer: false), to: $0) }
    }

    /// Counts an answer, the first of each. What comes of it, if anything.
    private mutating func count(_ voter: NodeID, _ granted: Bool) -> [RaftMessage] {
        if answers[voter] == nil { answers[voter] = granted }
        if answers.values.count(where: { $0 }) >= majority {
            if role == .preCandidate { return campaign() }
            role = .leader
            leader = id
            for other in others { (match[other], next[other], heard[other]) = (0, log.count + 1, now) }
        } else if answers.values.count(where: { !$0 }) > others.count + 1 - majority {
            enter(term, leader: .none)
        }
        return []
    }

    /// Time passes. A leader that no majority has answered for so long is none any more.
    mutating func tick() {
        now += 1
        sinceLeader += 1
        if role == .leader, 1 + others.count(where: { now - (heard[$0] ?? 0) < patience }) < majority { enter(term, leader: .none) }
    }

    // MARK: Hearing

    private func message(_ body: RaftMessage.Body, to node: NodeID, term other: Term? = nil) -> RaftMessage {
        RaftMessage(from: id, to: node, term: other ?? term, body: body)
    }

    /// Takes a message; what it answers, or asks in consequence.
    mutating func hear(_ m: RaftMessage) -> [RaftMessage] {
        if m.term < term {
            switch m.body {
            case .append, .heartbeat: return [message(.appendRejected(previous: LogIndex(0), hint: .zero), to: m.from)]
            case .preVote: return [message(.preVoteReply(granted: false), to: m.from)]
            default: return []
            }
        }
        if m.term > term {
            switch m.body {
            case .preVote, .preVoteReply(granted: true): break
            case .vote where hearsLeader: return []
            case .append, .heartbeat: enter(m.term, leader: m.from)
            default: enter(m.term, leader: .none)
            }
        }
        switch m.body {
        case let .preVote(other):
            guard !hearsLeader else { return [] }
            let granted = m.term > term && isUpToDate(other)
            return [message(.preVoteReply(granted: granted), to: m.from, term: granted ? m.term : term)]
        case let .preVoteReply(granted):
            guard role == .preCandidate, m.term.rawValue == term.rawValue + (granted ? 1 : 0) else { return [] }
            return count(m.from, granted)
        case let .vote(other, _, _):
            let granted = (vote == m.from || vote == .none && leader == .none) && isUpToDate(other)
            if granted { (vote, sinceLeader) = (m.from, 0) }
            return [message(.voteReply(granted: granted), to: m.from)]
        case let .voteReply(granted): return role == .candidate ? count(m.from, granted) : []
        case let .append(previous, entries, leaderCommit): return append(m.from, Int(previous.index.rawValue), previous.term, entries, Int(leaderCommit.rawValue))
        case let .heartbeat(leaderCommit, context, stamp):
            guard follows(m.from) else { return [] }
            commit = max(commit, min(Int(leaderCommit.rawValue), verified))
            return [message(.heartbeatReply(context: context, stamp: stamp), to: m.from)]
        case let .appendAccepted(index):
            guard role == .leader, index.rawValue <= log.count else { return [] }
            heard[m.from] = now
            match[m.from] = max(match[m.from] ?? 0, Int(index.rawValue))
            next[m.from] = max(next[m.from] ?? 1, Int(index.rawValue) + 1)
            countCopies()
            return []
        case let .appendRejected(previous, _):
            guard role == .leader else { return [] }
            heard[m.from] = now
            next[m.from] = max((match[m.from] ?? 0) + 1, min(next[m.from] ?? 1, Int(previous.rawValue)))
            return []
        case .heartbeatReply:
            if role == .leader { heard[m.from] = now }
            return []
        default: return []
        }
    }

    /// Whoever leads this term is followed, and nobody beside it.
    private mutating func follows(_ node: NodeID) -> Bool {
        guard role != .leader, leader == .none || leader == node else { return false }
        enter(term, leader: node)
        return true
    }

    private mutating func append(_ from: NodeID, _ previous: Int, _ previousTerm: Term, _ entries: [LogEntry], _ leaderCommit: Int) -> [RaftMessage] {
        guard follows(from) else { return [] }
        guard previous <= log.count, position(previous).term == previousTerm else {
            var agreement = min(previous, log.count)
            while agreement > 0, log[agreement - 1].term > previousTerm { agreement -= 1 }
            return [message(.appendRejected(previous: LogIndex(UInt64(previous)), hint: position(max(agreement, commit))), to: from)]
        }
        for (offset, entry) in entries.enumerated() {
            let place = previous + offset
            if place < log.count, log[place].term != entry.term { log.removeSubrange(place...) }
            if place == log.count { log.append(entry) }
        }
        // What is committed is the leader's too.
        let end = max(previous + entries.count, commit)
        verified = max(verified, end)
        commit = max(commit, min(leaderCommit, end))
        return [message(.appendAccepted(match: LogIndex(UInt64(end))), to: from)]
    }

    /// The last entry of its own term that a majority has is committed, and all before it.
    mutating func countCopies() {
        guard role == .leader else { return }
        for index in stride(from: log.count, to: commit, by: -1) where log[index - 1].term == term {
            if 1 + others.count(where: { (match[$0] ?? 0) >= index }) >= majority { return commit = index }
        }
    }
}
