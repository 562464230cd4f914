import Core
import Replica

/// The administrator: brings the membership in line with the directories that there are, and changes it now and then.
extension World {
    func administrate() {
        queue.push(.administrator, at: time + dice.within(settings.electionNanoseconds...5 * settings.electionNanoseconds))
        trace.mix(0xAD)
        if nodes.contains(where: \.isPutBack), dice.permille(300) { replacePutBack() }
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
        for node in nodes {
            guard let known = membership.member(node.id), known.incarnation.rawValue != node.incarnation else { continue }
            // A voter with another directory is lost. It may come back as a learner with nothing.
            return membership.isVoter(node.id) ? membership.demoting(node.id) : membership.adding(learner: member(node))
        }
        if membership.voters.count < 3, let learner = membership.learners.first { return membership.promoting(learner) }
        if !isCalm, settings.usesLeases, dice.permille(60) { return membership.reading(membership.readMode == .lease ? .readIndex : .lease) }
        guard !isCalm, settings.faults.contains(.members), dice.permille(600) else { return nil }
        let learners = membership.learners
        switch dice.below(4) {
        case 0 where membership.voters.count > 3: return membership.demoting(dice.pick(membership.voters))
        case 1 where !learners.isEmpty && membership.voters.count < 5: return membership.promoting(dice.pick(learners))
        case 2 where !learners.isEmpty: return membership.demoting(dice.pick(membership.voters)).promoting(dice.pick(learners))
        default:
            // Any three or more of all.
            var voters = membership.members.map(\.id)
            while voters.count > 3, dice.permille(700) { voters.remove(at: dice.below(voters.count)) }
            let demoted = membership.voters.filter { !voters.contains($0) }
            var next = membership
            for id in voters where !next.voters.contains(id) { next = next.promoting(id) }
            for id in demoted { next = next.demoting(id) }
            return next.voters == membership.voters ? nil : next
        }
    }
}
