import Admission
import Core

/// A copy of a node's directory, in worlds in which log and state are models.
struct Backup {
    private let disk: ModelLogDisk
    private let truth: LogTruth
    private let storage: ModelStorage
    private let met: MetStarts
    private let isFounder: Bool
    let start: PeerStart

    init(of node: SimulatedNode, _ dice: inout Dice) {
        disk = node.disk.copy()
        disk.cutPower(&dice)
        truth = node.truth.copy()
        storage = node.storage.copy()
        met = node.met
        isFounder = node.isFounder
        start = node.start
    }

    /// The node's own directory is gone from now on.
    func restore(to node: SimulatedNode) {
        copy(to: node)
        node.backup = nil
        node.isPutBack = true
    }

    /// Gives a node without a directory the copy as its own.
    func copy(to node: SimulatedNode) {
        node.disk = disk
        node.truth = truth
        node.storage = storage
        node.met = met
        node.isFounder = isFounder
        node.start = start
        node.isMarked = storage.damage != nil
    }
}
