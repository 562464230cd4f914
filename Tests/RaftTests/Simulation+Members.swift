import Core

@testable import Raft

/// What operators do: members come, vote, and go; directories are lost; leaders hand over.
extension Simulation {
    /// The node that believes to lead in the highest term.
    var anyLeader: Int? {
        var best: Int?
        for place in nodes.indices where nodes[place].core?.role == .leader {
            if best.map({ nodes[place].core?.term ?? Term(0) > nodes[$0].core?.term ?? Term(0) }) ?? true { best = place }
        }
        return best
    }

    /// Whether the node's peers would let this directory in under that number: the handshake compares incarnations.
    func isAdmitted(_ id: NodeID, at place: Int) -> Bool {
        guard let other = self.place(of: id), let member = nodes[place].core?.membership.member(id) else { return true }
        return member.incarnation == nodes[other].incarnation
    }

    mutating func changeMembership(_ leader: Int) {
        guard let old = nodes[leader].core?.membership else { return }
        nextNumber += 1
        let some = old.members[dice.below(old.members.count)].id
        let voter = old.voters[dice.below(old.voters.count)]
        let learner = old.learners.isEmpty ? NodeID.none : old.learners[dice.below(old.learners.count)]
        let next: Membership
        switch dice.below(12) {
        case ..<3: next = join(leader) ?? old
        case ..<5: next = old.promoting(learner)
        case 5: next = old.removing(some)
        case 6: next = old.removing(voter)
        case 7: next = old.demoting(voter)
        case 8: next = old.replacing(voter, with: learner)
        case 9:
            // Any other voters, and any who leave.
            let voters = old.members.map(\.id).filter { _ in dice.below(2) == 0 }
            next = Membership(members: old.members.filter { voters.contains($0.id) || dice.below(3) > 0 }, voters: voters, readMode: old.readMode, highestID: old.highestID)
        case 10: next = rebirth(leader) ?? old.reading(old.readMode == .lease ? .readIndex : .lease)
        default:
            guard var member = old.member(some) else { return }
            member.clientAddress = "\(nextNumber)"
            next = old.adding(learner: member)
        }
        // Small clusters only, so that something goes on.
        if next.voters.count > 5 { return }
        step(leader, .proposeMembership(ProposalID(nextNumber), next))
    }

    /// A learner that was wiped is let in again.
    func rebirth(_ leader: Int) -> Membership? {
        guard let membership = nodes[leader].core?.membership else { return nil }
        for learner in membership.learners {
            guard let place = place(of: learner), var member = membership.member(learner), member.incarnation != nodes[place].incarnation else { continue }
            member.incarnation = nodes[place].incarnation
            return membership.adding(learner: member)
        }
        return nil
    }

    /// A new node takes a place that is free, or that of a node which nobody's log knows as a voter.
    private mutating func join(_ leader: Int) -> Membership? {
        guard let membership = nodes[leader].core?.membership, let core = nodes[leader].core else { return nil }
        // As the leader would: what it refuses does not make a node.
        guard core.hasCommittedInTerm, core.membershipIndex <= core.commitIndex, !membership.isJoint, core.takesProposals else { return nil }
        guard let free = nodes.indices.first(where: { place in
            nodes[place].id == .none || !membership.contains(nodes[place].id) && !mayVote(nodes[place].id)
        }) else { return nil }
        let id = membership.nextID
        // Whoever was given the number by a leader whose entry is lost is nobody any more.
        if let other = place(of: id) { retire(other) }
        retire(free)
        nodes[free].configuration.id = id
        restart(free)
        counts.joins += 1
        return membership.adding(learner: testMember(id, nodes[free].incarnation))
    }

    private mutating func retire(_ place: Int) {
        crash(place)
        let id = nodes[place].id
        network.removeAll { $0.from == id || $0.to == id }
        nodes[place].configuration.id = .none
        renew(place)
    }

    /// An empty directory.
    private mutating func renew(_ place: Int) {
        directories += 1
        nodes[place].disk = SimulatedNode.Disk()
        nodes[place].incarnation = Incarnation(directories)
        seen[place] = (Term(0), LogIndex(0), nodes[place].lives)
    }

    /// The directory of a node that nobody knows as a voter is lost.
    mutating func wipeLearner() {
        let places = nodes.indices.filter { nodes[$0].id != .none && !mayVote(nodes[$0].id) }
        guard !places.isEmpty else { return }
        let place = places[dice.below(places.count)]
        crash(place)
        let id = nodes[place].id
        network.removeAll { $0.from == id || $0.to == id }
        renew(place)
        counts.wipes += 1
    }

    /// Whether any log, or any message under way, has it as a voter.
    private func mayVote(_ id: NodeID) -> Bool {
        func isVoter(_ entries: [LogEntry]) -> Bool {
            entries.contains { $0.kind == .membership && (try? Membership(decoding: $0.payload))?.isVoter(id) == true }
        }
        let isOnDisk = nodes.contains { node in
            node.id != .none && (node.disk.checkpoint.snapshot.membership.isVoter(id) || isVoter(node.disk.entries) || node.core?.memberships.mayLead(id, nil) == true)
        }
        return isOnDisk || network.contains { if case let .append(_, entries, _) = $0.body { isVoter(entries) } else { false } }
            || transfers.contains { $0.state.snapshot.membership.isVoter(id) }
    }

    /// The leader is asked to hand over, or somebody sends a message that says so.
    mutating func handOver(_ leader: Int) {
        guard let core = nodes[leader].core else { return }
        let target = core.membership.members[dice.below(core.membership.members.count)].id
        nextNumber += 1
        switch dice.below(4) {
        case 0: network.append(RaftMessage(from: core.id, to: target, term: core.term, body: .timeoutNow()))
        default:
            handovers.insert(Pair(UInt64(leader), nextNumber))
            step(leader, .transferLeadership(ProposalID(nextNumber), to: dice.below(2) == 0 ? nil : target))
        }
    }
}
