import Core
import Raft

/// Snapshots that this node sends, and what its log keeps for their receivers.
extension Driver {
    /// One at a time to a node: when it has ended, the core hears of it, whoever asked for it.
    func sendSnapshot(to node: NodeID, isWanted: Bool = false) {
        if !isWanted { noteReceiver(node) }
        guard !senders.contains(where: { $0.node == node }) else { return }
        guard !repair.isUnderWay else { return loop.report(.snapshotFinished(node, .zero, delivered: false)) }
        let send = surroundings.send
        let loop = loop
        let sender = SnapshotSender(
            to: node, transfer: number(), isWanted: isWanted, bytesPerSecond: options.snapshotBytesPerSecond, machine: surroundings.machine, host: host, send: { send($0, node) },
            damaged: { [report = surroundings.reportDamage] in _ = report($0) },
            finished: { position, delivered in loop.report(.snapshotFinished(node, position, delivered: delivered)) })
        senders.append(sender)
        sender.start()
    }

    /// The follower is to be sent a snapshot of what is applied by now, or more.
    private func noteReceiver(_ node: NodeID) {
        receivers.removeAll { $0.node == node }
        #if !KHO_BUG_RECEIVER_FORGOTTEN
        // Without it: what comes behind a snapshot that is on its way is kept for nobody.
        receivers.append(Compaction.Receiver(node: node, from: surroundings.applyLane.appliedIndex))
        #endif
    }
}
