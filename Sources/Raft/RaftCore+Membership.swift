import Core

/// Changes of the membership: one step at a time, in force from the moment it stands in the log.
extension RaftCore {
    mutating func proposeMembership(_ proposal: ProposalID, _ next: Membership) {
        guard role == .leader else { return output.append(.refused(proposal, .notLeader)) }
        // Before a commit of its own term a leader does not know which membership is committed (Ongaro, raft-dev, 2015-07-10).
        guard hasCommittedInTerm, membershipIndex <= commitIndex else {
            return output.append(.refused(proposal, .membershipPending))
        }
        guard membership.isSingleStep(to: next) else { return output.append(.refused(proposal, .membershipInvalid)) }
        let position = appendOwn(.membership, next.encoded())
        membershipMayHaveChanged()
        broadcastAppends()
        output.append(.accepted(proposal, position))
    }

    /// A membership in the log is in force at once, not first when it is committed (thesis §4.1).
    mutating func takeMembership(of entry: LogEntry) {
        guard entry.kind == .membership else { return }
        let membership = Self.membership(of: entry)
        invariant(membership != nil, "entry \(entry.index) holds no membership that this version reads")
        if let membership { memberships.append(membership, at: entry.index) }
    }

    /// Brings the role and the leader's list of members in line with the membership in force.
    mutating func membershipMayHaveChanged() {
        let isVoter = membership.isVoter(id)
        switch role {
        case .follower where !isVoter: role = .learner
        case .learner where isVoter: role = .follower
        case .preCandidate where !isVoter, .candidate where !isVoter, .leader where !isVoter:
            becomeFollower(term, leader: .none)
        case .leader:
            for gone in progress.map(\.id) where !membership.contains(gone) { reads.removeAll(of: gone) }
            progress = membership.members.map(\.id).filter { $0 != id }.map { member in
                progress.first { $0.id == member } ?? Progress(id: member, next: log.lastIndex.next, now: now)
            }
        case .follower, .learner, .preCandidate, .candidate: break
        }
    }
}
