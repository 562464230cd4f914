import Admission
import Core

/// A directory that runs twice at once: a copy of a node's, on another machine, under the same identity. The others have met a later start of it, so they
/// refuse the copy; and from then on the node itself too, since nobody can tell any more which of the two is which. Both live, with clocks of their own; what is
/// sent to the node may come to either.
extension World {
    /// The node at this place: behind all others, the twin.
    func node(at place: Int) -> SimulatedNode {
        guard place == nodes.count, let twin else { return nodes[place] }
        return twin
    }

    /// Who answers at the address of the node at this place. When all is calm it is the node's own.
    func reached(at place: Int) -> SimulatedNode {
        guard let twin, twin.isUp, !isCalm, twin.id == nodes[place].id, dice.permille(300) else { return nodes[place] }
        return twin
    }

    /// The copy of the node's directory is started on a machine of its own.
    func runTwice(_ node: SimulatedNode) {
        guard let backup = node.backup else { return }
        let copy = SimulatedNode(twinOf: node, place: nodes.count, dice: &dice)
        // What was to happen to an earlier twin is not for this one.
        copy.life = (twin?.life ?? 0) + 1
        backup.copy(to: copy)
        twin = copy
        node.backup = nil
        node.isCopied = true
        counts.twins += 1
        trace.line("\(moment) a copy of \(node.id)'s directory, of its start \(backup.start.number), runs beside it")
        start(copy)
    }

    /// Somebody finds the copy, and ends it for good.
    func endTwin() {
        guard let twin, twin.isUp else { return }
        crash(twin)
        // It is not started again.
        twin.life += 1
    }
}
