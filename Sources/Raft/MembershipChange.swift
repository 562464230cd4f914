import Core

/// Which changes of a membership are taken.
extension Membership {
    /// Whether `next` differs by one step that needs no joint change: a learner more, a learner less, other addresses of one
    /// member, a learner again with a new data directory, or another way to read. Voters stay who they are.
    func isSingleStep(to next: Membership) -> Bool {
        guard !isJoint, !next.isJoint, next.voters == voters, next.isSound else { return false }
        let added = next.members.filter { !contains($0.id) }
        let removed = members.filter { !next.contains($0.id) }
        let changed = next.members.filter { new in member(new.id).map { $0 != new } ?? false }
        let steps = added.count + removed.count + changed.count + (next.readMode == readMode ? 0 : 1)
        guard steps == 1, added.allSatisfy({ $0.id > highestID }) else { return false }
        return changed.allSatisfy { !isVoter($0.id) || $0.incarnation == member($0.id)?.incarnation }
    }

    /// Whether `next` has other voters, all of them members already, and is otherwise the same but for members that leave.
    func isChangeOfVoters(to next: Membership) -> Bool {
        guard !isJoint, !next.isJoint, next.voters != voters, next.isSound, next.readMode == readMode else { return false }
        return next.members.allSatisfy { member($0.id) == $0 }
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
