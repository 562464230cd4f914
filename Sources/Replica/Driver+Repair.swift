import Core
import Raft

/// A damaged state, out of service until another replica's takes its place.
extension Driver {
    /// Until it is rebuilt, the state serves nobody, and the node leads only if nobody else can.
    func takeOutOfService(_ what: String) {
        surroundings.standing.damage = what
        repair.begin()
        step(.drain(true))
        surroundings.repair(.damaged(what))
    }

    func takeBackIntoService() {
        guard surroundings.machine.damage == nil else { return }
        surroundings.standing.damage = nil
        guard repair.isUnderWay else { return }
        repair.end()
        step(.drain(isDraining))
        surroundings.repair(.rebuilt(surroundings.machine.applied.position))
    }

    func mend(_ now: MonotonicTime) {
        guard repair.isUnderWay else { return }
        // A snapshot that came for another reason may have been installed before the damage was heard of here.
        takeBackIntoService()
        let others = core.membership.members.map(\.id).filter { $0 != options.node }
        guard let node = repair.whom(now, heardAt: surroundings.heardSnapshotAt(), leader: core.status.leader, others: others) else { return }
        surroundings.send(.snapshotWanted(atLeast: surroundings.applyLane.appliedIndex), node)
    }

    /// Why the membership is not changed so while the state is damaged: who is to go may have the only good copy of it.
    func refusal(of next: Membership) -> ProposalRefusal? {
        guard repair.isUnderWay, core.status.role == .leader else { return nil }
        return core.membership.members.allSatisfy { next.contains($0.id) } ? nil : .stateDamaged
    }

    // MARK: States that differ

    /// Between two words of a dispute that lasts.
    private static let disputePauseMilliseconds: UInt64 = 3_600_000

    func compare(own digest: StateDigest) {
        guard !repair.isUnderWay else { return }
        comparison.note(digest)
        let message = ReplicaMessage.stateDigest(scheme: StateDigest.scheme, digest)
        if core.membership.isVoter(options.node) {
            for member in core.membership.members where member.id != options.node { surroundings.send(message, member.id) }
        }
        judge()
    }

    func compare(_ digest: StateDigest, scheme: UInt8, from node: NodeID) {
        guard scheme == StateDigest.scheme, core.membership.isVoter(node) else { return }
        comparison.hear(digest, from: node)
        judge()
    }

    private func judge() {
        guard !repair.isUnderWay else { return }
        switch comparison.finding(on: options.node, in: core.membership) {
        case nil: break
        case let .isWrong(index): _ = surroundings.reportDamage("at log index \(index) it is not what a majority of the voters has")
        case let .isDisputed(index):
            let now = host.now()
            guard comparison.toldOfDispute.map({ now >= $0.adding(milliseconds: Self.disputePauseMilliseconds) }) ?? true else { return }
            comparison.toldOfDispute = now
            surroundings.repair(.disputed(index))
        }
    }
}
