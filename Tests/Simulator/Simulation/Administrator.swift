import Core
import Replica

/// The administrator: brings the membership in line with the directories that there are, and changes it now and then.
extension World {
    func administrate() {
        queue.push(.administrator, at: time + dice.within(settings.electionNanoseconds...5 * settings.electionNanoseconds))
        trace.mix(0xAD)
        guard let leader = nodes.first(where: { $0.isLeader && $0.pausedUntil <= time }), let replica = leader.replica, let next = wanted(leader.seenMembership) else {
            return
        }
        trace.line("\(moment) the administrator asks \(leader.id) for \(next.members.map { "\($0.id)" }.joined(separator: ","))")
        replica.propose(next) { [unowned self] result in
            trace.line("\(moment) the administrator hears: \(result)")
            if case .applied = result { counts.memberships += 1 }
        }
    }

    /// The next step to where the membership should be; nil if it is there.
    private func wanted(_ membership: Membership) -> Membership? {
        for node in nodes where !membership.isVoter(node.id) {
            guard let known = membership.member(node.id) else { return membership.adding(learner: member(node)) }
            if known.incarnation.rawValue != node.incarnation { return membership.adding(learner: member(node)) }
        }
        guard !isCalm, let node = nodes.last, !membership.isVoter(node.id), dice.permille(150) else { return nil }
        return Membership(members: membership.members.filter { $0.id != node.id }, voters: membership.voters)
    }
}
