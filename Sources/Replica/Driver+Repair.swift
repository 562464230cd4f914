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

    /// Whether the message brings entries that cannot be applied, and there are so many of these already that the log, which cannot be cut before the state is
    /// rebuilt, would grow without end. Then it is as if it were lost: the leader cuts its own log, and sends a snapshot. It can only if it knows as much as this
    /// node's state showed to be committed; before that, it may need this node's word to commit it.
    func isTooMuch(_ message: RaftMessage) -> Bool {
        guard repair.isUnderWay, case let .append(_, entries, commit) = message.body, let last = entries.last, last.index > core.status.lastIndex,
            commit >= surroundings.applyLane.appliedIndex
        else { return false }
        return core.logWeight > Compaction.keptForFollowers(options.retainedLogBytes)
    }

    func mend(_ now: MonotonicTime) {
        guard repair.isUnderWay else { return }
        // A snapshot that came for another reason may have been installed before the damage was heard of here.
        takeBackIntoService()
        let others = core.membership.members.map(\.id).filter { $0 != options.node }
        guard let node = repair.whom(now, heardAt: surroundings.heardSnapshotAt(), leader: core.status.leader, others: others) else { return }
        surroundings.send(.snapshotWanted(atLeast: surroundings.applyLane.appliedIndex), node)
    }
}
