import Core

/// Changes of the membership: one at a time, in force from the moment it stands in the log. A change of voters is a joint one (Raft §6,
/// thesis §4.3): first an entry by which old and new voters decide, each group by its majority, then one by which the new ones do.
extension RaftCore {
    /// `next` is where it shall lead; the leader goes by way of a joint membership if voters change.
    mutating func proposeMembership(_ proposal: ProposalID, _ next: Membership) {
        guard role == .leader else { return output.append(.refused(proposal, .notLeader)) }
        guard takesProposals else { return output.append(.refused(proposal, .transferring)) }
        // Before a commit of its own term a leader does not know which membership is committed (Ongaro, raft-dev, 2015-07-10).
        guard hasCommittedInTerm, membershipIndex <= commitIndex, !membership.isJoint else {
            return output.append(.refused(proposal, .membershipPending))
        }
        let entry: Membership
        if membership.isSingleStep(to: next) {
            entry = Membership(
                members: next.members, voters: next.voters, readMode: next.readMode, highestID: max(next.highestID, membership.highestID))
        } else if membership.isChangeOfVoters(to: next) {
            if let refusal = refusal(ofVoters: next) { return output.append(.refused(proposal, refusal)) }
            #if KHO_BUG_VOTERS_CHANGED_AT_ONCE
            // Bug: other voters decide at once, without a joint membership.
            entry = next
            #else
            entry = membership.joint(to: next)
            #endif
        } else {
            return output.append(.refused(proposal, .membershipInvalid))
        }
        let position = appendOwn(.membership, entry.encoded())
        membershipMayHaveChanged()
        broadcastAppends()
        output.append(.accepted(proposal, position))
    }

    /// Who comes to vote must be there and have nearly all of the log, and those who will vote must be able to decide: a new voter that
    /// first needs a snapshot, or is dead, could stop all writes until it has come.
    private func refusal(ofVoters next: Membership) -> Refusal? {
        for voter in next.voters where !membership.isVoter(voter) {
            guard let peer = progress.first(where: { $0.id == voter }), isActive(peer), peer.state == .replicate,
                peer.match.rawValue + UInt64(configuration.promotionEntriesMax) >= commitIndex.rawValue
            else { return .learnerBehind }
        }
        return next.isQuorum(hears) ? nil : .quorumAtRisk
    }

    /// The joint membership is committed: the new voters go on alone. Whoever leads does it, also one elected in between.
    /// True if it was time.
    mutating func finishJointChange() -> Bool {
        #if KHO_BUG_JOINT_LEFT_EARLY
        // Bug: the new voters go on alone before the joint membership is committed.
        guard role == .leader, membership.isJoint else { return false }
        #else
        guard role == .leader, membership.isJoint, membershipIndex <= commitIndex, hasCommittedInTerm, leasesOutliveNoPromise else { return false }
        #endif
        appendOwn(.membership, membership.settled.encoded())
        membershipMayHaveChanged()
        return true
    }

    /// A leader that has no vote any more leads until that is committed; then it hands over and goes. If nobody can take over at once,
    /// an election finds the next.
    mutating func leaveIfRemoved() {
        guard role == .leader, !membership.isVoter(id), membershipIndex <= commitIndex, handover == nil else { return }
        guard let target = successor else { return becomeFollower(term, leader: .none) }
        beginHandover(of: nil, to: target)
    }

    /// A membership in the log is in force at once, not first when it is committed (thesis §4.1).
    mutating func takeMembership(of entry: LogEntry) {
        guard entry.kind == .membership else { return }
        let membership = Self.membership(of: entry)
        invariant(membership != nil, "entry \(entry.index) holds no membership that this version reads")
        if let membership { memberships.append(membership, at: entry.index) }
    }

    /// Brings the role and the leader's list of members in line with the memberships in the log. A leader stays one.
    mutating func membershipMayHaveChanged() {
        let mayLead = memberships.mayLead(id, configuration.incarnation)
        switch role {
        case .follower where !mayLead: role = .learner
        case .learner where mayLead: role = .follower
        case .preCandidate where !mayLead, .candidate where !mayLead: becomeFollower(term, leader: .none)
        case .leader:
            for gone in progress.map(\.id) where !membership.contains(gone) { reads.removeAll(of: gone) }
            progress = membership.members.filter { $0.id != id }.map { member in
                // Of another data directory nothing is known, whatever the one before acknowledged.
                progress.first { $0.id == member.id && $0.incarnation == member.incarnation } ?? newProgress(of: member)
            }
        case .follower, .learner, .preCandidate, .candidate: break
        }
    }

    func newProgress(of member: Membership.Member) -> Progress {
        Progress(id: member.id, incarnation: member.incarnation, next: log.lastIndex.next, now: now)
    }
}
