import Core

@testable import Raft

/// What must hold after every event.
extension Simulation {
    /// At most one leader a term, and it has everything that was ever committed.
    mutating func elected(_ term: Term, _ place: Int) {
        let id = nodes[place].id
        if let other = leaders[term], other != id { fail("\(other) and \(id) both lead term \(term)") }
        leaders[term] = id
        counts.elections += 1
        checkLeases(elected: term)
        guard let core = nodes[place].core, let last = history.last, LogIndex(UInt64(history.count)) > core.base.index else { return }
        if core.term(at: LogIndex(UInt64(history.count))) != last.term { fail("\(id) leads term \(term) without entry \(history.count), which is committed") }
    }

    /// Log matching: an index and a term name one entry, and one entry before it.
    mutating func wrote(_ append: AppendEffect, by place: Int) {
        guard let first = append.entries.first else { return }
        if let core = nodes[place].core, first.index <= core.durableIndex { fail("\(nodes[place].id) counts entry \(first.index) as durable before it is written") }
        if nodes[place].writing.last?.entries.last.map({ $0.index >= first.index }) ?? (nodes[place].disk.lastIndex >= first.index) { counts.truncations += 1 }
        var previous = nodes[place].core?.term(at: first.index.previous)
        for entry in append.entries {
            let key = Pair(entry.index.rawValue, entry.term.rawValue)
            if let other = entries[key] {
                if other.payload != entry.payload { fail("two entries \(entry.index) of term \(entry.term)") }
                if let previous, other.previous != previous { fail("entry \(entry.index)/\(entry.term) follows one of term \(previous) and one of \(other.previous)") }
            } else if let previous {
                entries[key] = (previous, entry.payload)
            }
            previous = entry.term
        }
    }

    /// What a message says of its sender must be on the sender's disk when it leaves.
    mutating func sent(_ message: RaftMessage, by place: Int) {
        network.append(message)
        let disk = nodes[place].disk
        switch message.body {
        case .preVote, .preVoteReply(granted: true): return
        case .voteReply(granted: true): cast(message.to, message.term, place)
        case .vote: cast(message.from, message.term, place)
        case let .appendAccepted(match):
            if disk.lastIndex < match { fail("\(message.from) acknowledges \(match), but has written \(disk.lastIndex)") }
        default: break
        }
        let known = max(disk.hardState.term, disk.entries.last?.term ?? disk.base.term)
        if known < message.term { fail("\(message.from) tells of term \(message.term) and has written term \(known)") }
    }

    /// One vote a term, in all lives of a node.
    private mutating func cast(_ candidate: NodeID, _ term: Term, _ place: Int) {
        let key = Pair(UInt64(nodes[place].id.rawValue) << 32 | nodes[place].incarnation.rawValue, term.rawValue)
        if let other = votes[key], other != candidate { fail("\(nodes[place].id) votes for \(other) and for \(candidate) in term \(term)") }
        votes[key] = candidate
        let disk = nodes[place].disk.hardState
        if disk.term != term || disk.vote != candidate { fail("\(nodes[place].id) votes in term \(term) without having written it") }
    }

    /// The same entries in the same order everywhere, from the own disk only.
    mutating func apply(_ entry: LogEntry, at place: Int) {
        let id = nodes[place].id
        guard entry.index == nodes[place].state.snapshot.position.index.next else {
            return fail("\(id) applies \(entry.index) after \(nodes[place].state.snapshot.position.index)")
        }
        if nodes[place].disk.term(at: entry.index) != entry.term { fail("\(id) applies \(entry.index), which its disk does not have") }
        nodes[place].apply(entry)
        counts.applied += 1
        let at = Int(entry.index.rawValue) - 1
        let digest = nodes[place].state.digest
        if at == history.count {
            history.append((entry.term, entry.payload, digest))
        } else if at > history.count {
            fail("\(id) applies \(entry.index), of which nobody applied the predecessor")
        } else if history[at].term != entry.term || history[at].payload != entry.payload || history[at].digest != digest {
            fail("\(id) applies another entry \(entry.index) than others did")
        }
    }

    /// Term and commit index never go back; what is committed is what was applied elsewhere; nobody acknowledged more than it has.
    mutating func check(_ place: Int) {
        guard let core = nodes[place].core else { return }
        let status = core.status
        let before = seen[place]
        if before.life == nodes[place].lives {
            if status.term < before.term { fail("\(core.id) goes back to term \(status.term)") }
            if status.commitIndex < before.commit { fail("\(core.id) goes back to commit index \(status.commitIndex)") }
        }
        if status.role == .leader, before.life == nodes[place].lives, status.commitIndex > before.commit { checkCommit(core) }
        seen[place] = (status.term, status.commitIndex, nodes[place].lives)
        if status.commitIndex > committed {
            committed = status.commitIndex
            checkFence(committed)
        }
        if core.role == .leader, core.hasGrants, core.membership.quorumIndex({ voter in
            voter == core.id ? core.durableIndex : core.progress.first { $0.id == voter }?.match ?? LogIndex(0)
        }) > core.commitIndex { counts.fenced += 1 }
        let index = Int(status.commitIndex.rawValue)
        if index > 0, index <= history.count, let term = core.term(at: status.commitIndex), term != history[index - 1].term {
            fail("\(core.id) has committed another entry \(index) than was applied")
        }
        if status.commitIndex > status.lastIndex || core.durableIndex > status.lastIndex { fail("\(core.id) commits or counts more than it has") }
        let membershipIndex = core.membershipIndex
        if membershipIndex > core.base.index {
            let isThere = membershipIndex <= status.lastIndex
                && core.log.entries(after: membershipIndex.previous, through: membershipIndex).first?.kind == .membership
            if !isThere { fail("\(core.id) goes by a membership at \(membershipIndex), which its log does not have") }
        }
        for peer in core.progress {
            if peer.next <= peer.match { fail("\(core.id) would send \(peer.id) what it has") }
            guard let other = self.place(of: peer.id), core.membership.isVoter(peer.id) else { continue }
            if peer.match > nodes[other].disk.lastIndex { fail("\(core.id) believes \(peer.id) to have \(peer.match)") }
        }
    }

    /// What a leader commits is of its own term, and on the disks of a majority.
    private mutating func checkCommit(_ core: RaftCore) {
        let index = core.commitIndex
        let isOnDisks = core.membership.isQuorum { voter in
            guard let disk = self.place(of: voter).map({ nodes[$0].disk }) else { return false }
            return disk.base.index >= index || disk.term(at: index) == core.term(at: index)
        }
        if !isOnDisks { fail("\(core.id) commits \(index), which no majority's disks have") }
        if core.term(at: index) != core.term { fail("\(core.id) commits \(index) of another term by counting") }
    }

    /// The network heals and every node runs: a leader, everything applied everywhere, reads answered, within a bound of ticks.
    mutating func settle() {
        isCalm = true
        queries = []
        cuts = []
        for place in nodes.indices where nodes[place].core == nil { restart(place) }
        var asked = false
        for round in 0..<400 where violation == nil {
            world += 100_000_000
            for place in nodes.indices { tick(place) }
            for _ in 0..<200 where !network.isEmpty || nodes.contains(where: { !$0.writing.isEmpty }) {
                for place in nodes.indices { while violation == nil, nodes[place].core != nil, !nodes[place].writing.isEmpty { persist(place) } }
                for _ in 0..<network.count { deliver(0) }
            }
            while !transfers.isEmpty { finishTransfer(0, delivered: true) }
            // Operators let in again whose directory is new.
            if let leader = anyLeader, let next = rebirth(leader) {
                nextNumber += 1
                step(leader, .proposeMembership(ProposalID(nextNumber), next))
            }
            if round >= 30, !asked {
                guard let leader = anyLeader else { continue }
                asked = true
                askAll(leader)
            }
            if asked, isSettled { return }
        }
        fail("no progress after the network healed")
    }

    /// Every member has applied everything, and no read waits.
    private var isSettled: Bool {
        guard let leader = anyLeader.map({ nodes[$0] }), let core = leader.core, reads.isEmpty else { return false }
        let members = nodes.filter { core.membership.contains($0.id) }
        return core.status.commitIndex == core.last.index && !core.membership.isJoint && core.membership.isVoter(core.id) && handovers.isEmpty
            && members.allSatisfy { node in
                node.state.snapshot.position == core.last && node.state.digest == leader.state.digest && node.core?.membership == core.membership
            }
    }
}
