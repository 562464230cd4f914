import Core

/// The memberships that the log says, from the committed one on: the last is in force, and a truncation brings back the one before.
struct MembershipHistory: Sendable {
    private var steps: [(index: LogIndex, membership: Membership)]

    init(_ membership: Membership, at index: LogIndex) { steps = [(index, membership)] }

    var current: Membership { steps[steps.count - 1].membership }
    /// The index of the entry that brought the current one; 0 for a new cluster's first.
    var index: LogIndex { steps[steps.count - 1].index }

    mutating func append(_ membership: Membership, at index: LogIndex) { steps.append((index, membership)) }

    /// Entries from `index` on are gone.
    mutating func truncate(from index: LogIndex) {
        while steps.count > 1, steps[steps.count - 1].index >= index { steps.removeLast() }
    }

    /// Entries through `index` are committed: what was in force before them never comes back.
    mutating func commit(_ index: LogIndex) {
        while steps.count > 1, steps[1].index <= index { steps.removeFirst() }
    }
}

extension Membership {
    /// The groups of voters of each of which a majority is needed: one, or two while a joint change is under way. A majority of
    /// their union would not do (Raft §6).
    var quorumGroups: [[NodeID]] { outgoingVoters.isEmpty ? [voters] : [voters, outgoingVoters] }

    /// Whether those for whom `said` is true are a majority of each group. Without voters nobody is.
    func isQuorum(_ said: (NodeID) -> Bool) -> Bool {
        quorumGroups.allSatisfy { group in group.count { said($0) } > group.count / 2 }
    }

    /// Whether so many have said no that a majority can no longer be had.
    func isLost(_ refused: (NodeID) -> Bool) -> Bool {
        quorumGroups.contains { group in group.count - group.count { refused($0) } <= group.count / 2 }
    }

    /// The highest index that a majority of each group has reached; 0 without voters.
    func quorumIndex(_ reached: (NodeID) -> LogIndex) -> LogIndex {
        var lowest: LogIndex?
        for group in quorumGroups {
            guard !group.isEmpty else { return LogIndex(0) }
            // Descending: of n voters, n/2 + 1 have reached what stands at place n/2.
            let index = group.map(reached).sorted(by: >)[group.count / 2]
            lowest = min(lowest ?? index, index)
        }
        return lowest ?? LogIndex(0)
    }

    /// Whether `next` differs by one step that needs no joint change: a learner more, a learner less, other addresses of one
    /// member, or a learner again with a new data directory. Voters stay who they are.
    func isSingleStep(to next: Membership) -> Bool {
        guard !isJoint, !next.isJoint, next.voters == voters, next.isSound else { return false }
        let added = next.members.filter { !contains($0.id) }
        let removed = members.filter { !next.contains($0.id) }
        let changed = next.members.filter { new in member(new.id).map { $0 != new } ?? false }
        guard added.count + removed.count + changed.count == 1 else { return false }
        return changed.allSatisfy { !isVoter($0.id) || $0.incarnation == member($0.id)?.incarnation }
    }

    /// Ascending numbers without one twice, voters that are members, within the bounds.
    var isSound: Bool {
        guard !voters.isEmpty, members.count <= Limits.members, members.allSatisfy({ $0.id != .none }) else { return false }
        for ids in [members.map(\.id), voters, outgoingVoters] where !zip(ids, ids.dropFirst()).allSatisfy({ $0 < $1 }) { return false }
        guard (voters + outgoingVoters).allSatisfy({ contains($0) }) else { return false }
        return members.allSatisfy { member in
            [member.peerAddress, member.adminAddress, member.clientAddress].allSatisfy { $0.utf8.count <= Limits.nameBytes }
        }
    }
}
