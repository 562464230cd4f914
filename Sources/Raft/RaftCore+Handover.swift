import Core

/// Leaving office in good order: to one voter that has the whole log, without an election's wait (thesis §3.10).
extension RaftCore {
    /// New entries would keep the target from ever having all, and what a leader takes that is no member any more nobody will tell it.
    /// While leases live nothing can be handed over yet, and nobody needs to wait.
    var takesProposals: Bool { (handover == nil || hasGrants) && membership.isVoter(id) }

    /// `target`: nil for the best there is.
    mutating func transferLeadership(_ proposal: ProposalID, to target: NodeID?) {
        guard role == .leader else { return output.append(.refused(proposal, .notLeader)) }
        guard handover == nil else { return output.append(.refused(proposal, .transferring)) }
        guard let target = target ?? successor, target != id, membership.voters.contains(target),
            let peer = progress.first(where: { $0.id == target }), isActive(peer)
        else { return output.append(.refused(proposal, .targetUnfit)) }
        beginHandover(of: proposal, to: target)
    }

    /// Leases are not renewed from now on, and end before anything else happens.
    mutating func beginHandover(of proposal: ProposalID?, to target: NodeID) {
        let leaseTicks = hasGrants ? Int(withDrift(configuration.leaseNanoseconds) / 1_000_000) / max(1, configuration.tickMilliseconds) + 2 : 0
        handover = Handover(proposal: proposal, target: target, deadline: now + leaseTicks + configuration.electionTicks)
        if let place = progress.firstIndex(where: { $0.id == target }) { replicate(to: place) }
        askSuccessor()
    }

    /// Tells the target to campaign once no lease lives and it has the whole log. Promises made until now are released, and count no more.
    mutating func askSuccessor() {
        guard role == .leader, let handover, !handover.isAsked, !hasGrants,
            progress.contains(where: { $0.id == handover.target && $0.match == log.lastIndex })
        else { return }
        self.handover?.isAsked = true
        releasedStamp = lastStamp
        for place in progress.indices { progress[place].promisedStamp = 0 }
        send(.timeoutNow(released: lastStamp), to: handover.target)
        if !membership.isVoter(id) { becomeFollower(term, leader: .none) }
    }

    /// The active voter with the longest log, one that does not drain if there is any; of equals the one with the lowest number.
    var successor: NodeID? {
        var best: Progress?
        for peer in progress where membership.voters.contains(peer.id) && isActive(peer) && !peer.isDraining {
            if best.map({ peer.match > $0.match }) ?? true { best = peer }
        }
        return best?.id
    }

    /// Who leads is known, or nobody was found in time.
    mutating func endHandover(newLeader: NodeID) {
        guard let handover else { return }
        self.handover = nil
        guard let proposal = handover.proposal else { return }
        output.append(newLeader == handover.target ? .handedOver(proposal, newLeader) : .refused(proposal, .transferFailed))
    }

    /// A target that does not take over in time keeps nobody from writing.
    mutating func expireHandover() {
        guard let handover, handover.deadline <= now else { return }
        endHandover(newLeader: .none)
        if role == .leader, !membership.isVoter(id) { becomeFollower(term, leader: .none) }
    }

    // MARK: Draining

    mutating func drain(_ isDraining: Bool) {
        self.isDraining = isDraining
        drainNotBefore = 0
        if role == .leader { handOverIfDraining() }
    }

    /// A draining leader hands over as soon as somebody can take over, and tries again if that fails.
    mutating func handOverIfDraining() {
        guard isDraining, handover == nil, now >= drainNotBefore, let target = successor else { return }
        drainNotBefore = now + 2 * configuration.electionTicks
        beginHandover(of: nil, to: target)
    }

    /// Ticks without a leader after which this node campaigns. A draining one leaves it to the others for a while, unless it is alone.
    var campaignTicks: Int {
        guard isDraining, membership.voters != [id] else { return electionTimeout }
        return electionTimeout + 4 * configuration.electionTicks
    }
}
