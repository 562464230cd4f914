import Core
import Replica

/// The administrator: brings the membership in line with the directories that there are, and changes it now and then.
extension World {
    func administrate() {
        let pause = dice.within(settings.electionNanoseconds...5 * settings.electionNanoseconds)
        queue.push(.administrator, at: time + (settings.spares > 0 ? pause / 3 : pause))
        trace.mix(0xAD)
        if nodes.contains(where: \.isToBeReplaced), dice.permille(300) { replaceRefused() }
        guard let leader = nodes.first(where: { $0.isLeader && $0.pausedUntil <= time }), let replica = leader.replica, let next = wanted(leader.seenMembership) else {
            return
        }
        trace.line("\(moment) the administrator asks \(leader.id) for \(next.members.map { "\($0.id)" }.joined(separator: ","))")
        if next.members.count < leader.seenMembership.members.count { counts.removals += 1 }
        // Whoever is added begins with nothing; until the log names it nobody hears it.
        for member in next.members where !nodes[Int(member.id.rawValue) - 1].isUp && nodes[Int(member.id.rawValue) - 1].life == 0 {
            counts.comers += 1
            start(nodes[Int(member.id.rawValue) - 1])
        }
        replica.propose(next) { [unowned self] result in
            trace.line("\(moment) the administrator hears: \(result)")
            if case .applied = result { counts.memberships += 1 }
        }
    }

    /// With a node less, for good, or with a new one under the next number; nil if there is neither to be done.
    private func exchanged(_ membership: Membership) -> Membership? {
        let isSmall = membership.members.count <= settings.voters
        if let comer = nodes.first(where: { $0.isSpare && $0.life == 0 }), membership.nextID == comer.id, nobodyIsToBeReplaced, isSmall || dice.permille(400) {
            return membership.adding(learner: member(comer))
        }
        guard !isSmall else { return nil }
        let leaver = dice.pick(membership.members).id
        guard membership.isVoter(leaver) else { return membership.removing(leaver) }
        guard let learner = membership.learners.first else { return membership.voters.count > settings.votersLeast ? membership.removing(leaver) : nil }
        return dice.permille(500) ? membership.replacing(leaver, with: learner) : membership.voters.count > settings.votersLeast ? membership.removing(leaver) : nil
    }

    /// The next step to where the membership should be; nil if it is there.
    private func wanted(_ membership: Membership) -> Membership? {
        for node in nodes {
            guard let known = membership.member(node.id), known.incarnation.rawValue != node.incarnation else { continue }
            // A voter with another directory is lost. It may come back as a learner with nothing.
            return membership.isVoter(node.id) ? membership.demoting(node.id) : membership.adding(learner: member(node))
        }
        if membership.voters.count < settings.votersLeast, let learner = membership.learners.first { return membership.promoting(learner) }
        if !isCalm, settings.usesLeases, dice.permille(60) { return membership.reading(membership.readMode == .lease ? .readIndex : .lease) }
        // A voter whose log is damaged is as lost, and nobody knows it yet: who takes another's vote away now may leave no majority.
        guard !isCalm, settings.faults.contains(.members), nodes.allSatisfy({ !$0.isDamaged }), dice.permille(600) else { return nil }
        let learners = membership.learners
        if settings.spares > 0, dice.permille(700), let next = exchanged(membership) { return next }
        switch dice.below(4) {
        case 0 where membership.voters.count > settings.votersLeast: return membership.demoting(dice.pick(membership.voters))
        case 1 where !learners.isEmpty && membership.voters.count < 5: return membership.promoting(dice.pick(learners))
        case 2 where !learners.isEmpty: return membership.demoting(dice.pick(membership.voters)).promoting(dice.pick(learners))
        default:
            // Any of all.
            var voters = membership.members.map(\.id)
            while voters.count > settings.votersLeast, dice.permille(700) { voters.remove(at: dice.below(voters.count)) }
            let demoted = membership.voters.filter { !voters.contains($0) }
            var next = membership
            for id in voters where !next.voters.contains(id) { next = next.promoting(id) }
            for id in demoted { next = next.demoting(id) }
            return next.voters == membership.voters ? nil : next
        }
    }
}
