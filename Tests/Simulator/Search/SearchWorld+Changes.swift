import Core
import Raft

/// Changes of the membership, and which one counts for an entry.
extension SearchWorld {
    /// What a leader can be asked for: it keeps its own vote, for to hand over takes more events than a search has.
    func changes(at place: Int, of now: Membership) -> [SearchChoice] {
        // A leader refuses while a change is under way: that is one state more, and nothing to find in it.
        var all: [SearchChoice] = []
        for member in nodes.indices where member != place {
            let isVoter = now.isVoter(Self.id(member))
            if !isVoter || now.voters.count > 1 { all.append(.change(node: place, member: member)) }
            guard isVoter else { continue }
            for other in nodes.indices where !now.isVoter(Self.id(other)) { all.append(.exchange(node: place, from: member, to: other)) }
        }
        return all
    }

    mutating func propose(_ next: Membership, at place: Int) {
        changes += 1
        // Numbers apart from those of commands.
        step(place, .proposeMembership(ProposalID(UInt64(1_000 + changes)), next))
    }

    /// Whether a majority of each group of voters has voted for the node: the votes left, whether it has heard them or not.
    func isElected(_ place: Int, _ term: Term, by membership: Membership) -> Bool {
        [membership.voters, membership.outgoingVoters].allSatisfy { group in
            let votes = group.count { id in
                id == Self.id(place) || past.votes.contains { Self.id($0.place) == id && $0.term == term && $0.candidate == Self.id(place) }
            }
            return group.isEmpty || votes > group.count / 2
        }
    }

    /// Whether the disks that have the entry, which this node applies, are a majority of each group of voters that decides about it: those of the
    /// newest membership at or before it. A membership needs theirs in any case; another entry may also commit by one that stands after it.
    func isOnQuorum(_ entry: LogEntry, appliedAt place: Int) -> Bool {
        var decides = membership
        for older in nodes[place].entries.prefix(Int(entry.index.rawValue)) where older.kind == .membership {
            if let read = try? Membership(decoding: older.payload) { decides = read }
        }
        if isOnQuorum(entry, of: decides) { return true }
        guard entry.kind != .membership else { return false }
        // In force from the moment it stands in a leader's log, durable or not.
        for core in nodes.compactMap(\.core) where core.membershipIndex > entry.index && isOnQuorum(entry, of: core.membership) { return true }
        return false
    }

    private func isOnQuorum(_ entry: LogEntry, of decides: Membership) -> Bool {
        let index = Int(entry.index.rawValue)
        return [decides.voters, decides.outgoingVoters].allSatisfy { group in
            let have = group.count { id in
                let node = nodes[Int(id.rawValue) - 1]
                return index <= node.entries.count && node.entries[index - 1].term == entry.term
            }
            return group.isEmpty || have > group.count / 2
        }
    }
}
