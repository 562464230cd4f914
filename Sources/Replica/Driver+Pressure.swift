import Core
import Raft
import Store

/// How large the log may grow: what a node does not take, since it could only keep it, and what it lets go.
extension Driver {
    /// Whether the message is about entries behind the log's end, and the log cannot be cut for those that it has. Then it is as if it were lost, whether it brings them or
    /// only asks whether they came: the leader has a window of them under way and sends no more, until an answer says where to go on.
    func isTooMuch(_ message: RaftMessage) -> Bool {
        guard case let .append(previous, entries, commit) = message.body, (entries.last?.index ?? previous.index) > core.status.lastIndex else { return false }
        // What is committed can be applied, however long that takes; what is not may need this node's word to become so.
        if core.unappliedWeight > options.unappliedBytesMax { return true }
        // A damaged state applies nothing before it is rebuilt: the leader cuts its own log, and sends a snapshot. It can only if it knows as much as this node's
        // state showed to be committed; before that, it may need this node's word to commit it.
        return repair.isUnderWay && commit >= surroundings.applyLane.appliedIndex && core.logWeight > Compaction.keptForFollowers(options.retainedLogBytes)
    }

    /// Whether the command is refused because the log's disk or the state's map is nearly full: then only what makes room, and what takes a right away, is taken, and some sessions are
    /// opened for it. Where next to nothing is left, no session, and the rest not before a checkpoint has let go what was removed before.
    func isRefusedForSpace(_ payload: [UInt8]) -> Bool {
        let machine = surroundings.machine
        let fullness = machine.fullness
        if fullness == .roomy, !surroundings.logLane.figuresNow.isLowOnSpace { return false }
        switch Command.need(payload) {
        case .urgent: return fullness == .full && machine.checkpointed != machine.applied.position
        case let .session(principal): return fullness == .full || !scarceSessions.take(principal, since: machine.checkpointed)
        case .patient: return true
        }
    }

    /// A checkpoint is durable: what of the log may go, goes.
    func compact(behind checkpoint: LogIndex) {
        receivers = Compaction.remaining(receivers, core: core, retainedBytes: options.retainedLogBytes)
        // Where the disk has little room left the log gets none for those who have not even the state.
        let kept = surroundings.logLane.figuresNow.isLowOnSpace ? [] : receivers
        guard let through = Compaction.index(checkpoint: checkpoint, core: core, retainedBytes: options.retainedLogBytes, receivers: kept) else { return }
        surroundings.logLane.post(.compact(through: through))
    }
}
