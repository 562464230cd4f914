import Core

extension Membership {
    /// The groups of voters of each of which a majority is needed: one, or two while a joint change is under way. A majority of
    /// their union would not do (Raft §6).
    #if KHO_BUG_JOINT_BY_UNION
    // Bug: a joint change is decided by a majority of all voters together.
    var quorumGroups: [[NodeID]] { [voters + outgoingVoters.filter { !voters.contains($0) }] }
    #else
    var quorumGroups: [[NodeID]] { outgoingVoters.isEmpty ? [voters] : [voters, outgoingVoters] }
    #endif

    /// Whether those for whom `said` is true are a majority of each group. Without voters nobody is.
    package func isQuorum(_ said: (NodeID) -> Bool) -> Bool {
        #if KHO_BUG_QUORUM_OF_HALF
        // Bug: half of an even number is taken for a majority.
        quorumGroups.allSatisfy { group in 2 * group.count { said($0) } >= max(1, group.count) }
        #else
        quorumGroups.allSatisfy { group in group.count { said($0) } > group.count / 2 }
        #endif
    }

    /// Whether so many have said no that a majority can no longer be had.
    func isLost(_ refused: (NodeID) -> Bool) -> Bool {
        quorumGroups.contains { group in group.count - group.count { refused($0) } <= group.count / 2 }
    }

    /// The highest index that a majority of each group has reached; 0 without voters.
    func quorumIndex(_ reached: (NodeID) -> LogIndex) -> LogIndex { LogIndex(quorumValue { reached($0).rawValue }) }

    /// The highest number that a majority of each group has reached; 0 without voters.
    func quorumValue(_ reached: (NodeID) -> UInt64) -> UInt64 {
        var lowest: UInt64?
        for group in quorumGroups {
            guard !group.isEmpty else { return 0 }
            // Descending: of n voters, n/2 + 1 have reached what stands at place n/2.
            let value = group.map(reached).sorted(by: >)[group.count / 2]
            lowest = min(lowest ?? value, value)
        }
        return lowest ?? 0
    }
}
