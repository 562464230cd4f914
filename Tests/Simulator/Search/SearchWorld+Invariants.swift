import Core
import Raft

extension SearchWorld {
    /// What is known of the past, of which a later state must be worthy.
    struct Past: Sendable {
        /// Who led a term; ascending by term.
        var leaders: [(term: Term, place: Int)] = []
        /// The votes that left a node; in the order of their leaving.
        var votes: [(place: Int, term: Term, candidate: NodeID)] = []
        /// The one history: term and payload of what was committed anywhere, from index 1 on, and the term of whoever applied it first.
        var committed: [(term: Term, payload: [UInt8], known: Term)] = []
        /// Reads under way, and how much was committed anywhere when each began.
        var reads: [(place: Int, id: ReadID, committed: Int)] = []

        mutating func forgetReads(of place: Int) { reads.removeAll { $0.place == place } }
    }

    /// At most one leader a term, which has everything that was committed in the terms before (Raft §5.2, §5.4). In an older term a leader may still be
    /// elected, by answers that come late.
    mutating func elected(_ place: Int, _ term: Term) {
        if let other = past.leaders.first(where: { $0.term == term }) {
            if other.place != place { fail("n\(other.place + 1) and n\(place + 1) both lead term \(term)") }
            return
        }
        past.leaders.append((term, place))
        past.leaders.sort { $0.term < $1.term }
        guard let core = nodes[place].core else { return }
        if !isElected(place, term, by: core.membership) { fail("n\(place + 1) leads term \(term), and no majority has voted for it") }
        for (offset, entry) in past.committed.enumerated() where entry.known < term && core.term(at: LogIndex(UInt64(offset) + 1)) != entry.term {
            return fail("n\(place + 1) leads term \(term) without entry \(offset + 1), which is committed")
        }
    }

    /// What a message says of its sender is on the sender's disk when it leaves.
    mutating func checkSent(_ message: RaftMessage, by place: Int) {
        let node = nodes[place]
        switch message.body {
        case .preVote, .preVoteReply(granted: true): return
        case .voteReply(granted: true): cast(message.to, message.term, place)
        case .vote: cast(message.from, message.term, place)
        case let .appendAccepted(match):
            if node.entries.count < Int(match.rawValue) { fail("n\(place + 1) acknowledges \(match) and has \(node.entries.count) entries on its disk") }
            checkAcknowledged(match, in: message.term, by: place)
        default: break
        }
        if max(node.hardState.term, node.entries.last?.term ?? Term(0)) < message.term { fail("n\(place + 1) tells of term \(message.term) before it has written it") }
    }

    /// What a follower acknowledges is its leader's log. Of a leader that leads no more nothing is known.
    private mutating func checkAcknowledged(_ match: LogIndex, in term: Term, by place: Int) {
        guard match > LogIndex(0), violation == nil, let leader = past.leaders.first(where: { $0.term == term })?.place, let core = nodes[leader].core,
            core.status.role == .leader, core.term == term
        else { return }
        if core.term(at: match) != nodes[place].entries[Int(match.rawValue) - 1].term {
            fail("n\(place + 1) acknowledges \(match), where n\(leader + 1), which leads term \(term), has another entry")
        }
    }

    /// One vote a term, in all lives of a node, durable before it leaves.
    private mutating func cast(_ candidate: NodeID, _ term: Term, _ place: Int) {
        if let other = past.votes.first(where: { $0.place == place && $0.term == term }) {
            if other.candidate != candidate { fail("n\(place + 1) votes for \(other.candidate) and for \(candidate) in term \(term)") }
        } else {
            past.votes.append((place, term, candidate))
        }
        if nodes[place].hardState != HardState(term: term, vote: candidate) { fail("n\(place + 1) votes in term \(term) before it has written it") }
    }

    /// On a disk the term never goes back, and a term's vote is written once.
    mutating func checkWritten(_ next: HardState, by place: Int) {
        let now = nodes[place].hardState
        if next.term < now.term { fail("n\(place + 1) goes back from term \(now.term) to \(next.term)") }
        if next.term == now.term, now.vote != .none, next.vote != now.vote { fail("n\(place + 1) votes for \(now.vote) and for \(next.vote) in term \(now.term)") }
    }

    /// The same entries in the same order everywhere, from the own disk, and on the disks of a majority.
    mutating func apply(_ entry: LogEntry, at place: Int) {
        let index = Int(entry.index.rawValue)
        guard index == nodes[place].applied + 1 else { return fail("n\(place + 1) applies \(index) after \(nodes[place].applied)") }
        nodes[place].applied = index
        guard index <= nodes[place].entries.count, nodes[place].entries[index - 1] == entry else {
            return fail("n\(place + 1) applies \(index), which its disk does not have")
        }
        if index <= past.committed.count {
            let known = past.committed[index - 1]
            if known.term != entry.term || known.payload != entry.payload { fail("n\(place + 1) applies another entry \(index) than was committed") }
            return
        }
        past.committed.append((entry.term, entry.payload, nodes[place].core?.term ?? entry.term))
        if !isOnQuorum(entry, appliedAt: place) { fail("n\(place + 1) applies entry \(index), which the disks of no majority have") }
    }

    /// A read is answered from a state that has everything that was committed when it began.
    mutating func answered(_ place: Int, _ id: ReadID, _ index: LogIndex) {
        guard let read = past.reads.first(where: { $0.place == place && $0.id == id }) else { return fail("n\(place + 1) answers a read twice") }
        past.reads.removeAll { $0.place == place && $0.id == id }
        if Int(index.rawValue) < read.committed { fail("n\(place + 1) reads at \(index), but \(read.committed) was committed before") }
    }

    /// What holds of a core at every moment.
    mutating func check(_ place: Int) {
        guard let core = nodes[place].core else { return }
        let status = core.status
        if status.commitIndex > status.lastIndex { fail("n\(place + 1) has committed \(status.commitIndex) of \(status.lastIndex) entries") }
        let index = Int(status.commitIndex.rawValue)
        if index > 0, index <= past.committed.count, core.term(at: status.commitIndex) != past.committed[index - 1].term {
            fail("n\(place + 1) takes another entry \(index) for committed")
        }
        if core.durableIndex.rawValue > UInt64(nodes[place].entries.count), status.role == .leader {
            fail("n\(place + 1) counts \(core.durableIndex) as durable and has \(nodes[place].entries.count) entries on its disk")
        }
        // Log matching (Raft §5.3): where two logs agree at an index, they agree before it.
        for other in nodes.indices where other != place {
            guard let peer = nodes[other].core else { continue }
            var agrees = false
            var at = min(status.lastIndex, peer.status.lastIndex)
            while at > LogIndex(0) {
                let same = core.term(at: at) == peer.term(at: at)
                if agrees, !same { return fail("the logs of n\(place + 1) and n\(other + 1) agree after \(at) and differ at it") }
                agrees = agrees || same
                at = at.previous
            }
        }
    }
}
