import Core
import Cryptography
import Replica
import Store

/// Checks what a replica does to its state, and what the state machine makes of it.
///
/// `@unchecked Sendable` because a simulation is used by one thread.
final class WatchedMachine: StateMachine, @unchecked Sendable {
    let machine: any StateMachine
    private let node: NodeID
    private unowned let world: World
    /// The next entries meet a record that does not fit its checksum; or a checkpoint does, if one comes first.
    var isRotten = false
    /// Something was done to it, whether it was noticed or not.
    var isStruck = false
    /// It says of itself what another state would: a comparison with the others' finds that.
    var isStray = false

    init(_ machine: any StateMachine, node: NodeID, world: World) {
        self.machine = machine
        self.node = node
        self.world = world
        compare()
    }

    var applied: AppliedState { machine.applied }
    var checkpointed: LogPosition { machine.checkpointed }
    var usedBytes: Int { machine.usedBytes }
    var fullness: Fullness { machine.fullness }
    var writtenBytes: Int { machine.writtenBytes }
    var damage: String? { machine.damage }
    func markDamaged(_ what: String) throws(StoreError) {
        if !isStruck { world.fail("\(node) takes its state for damaged, and nothing was done to it: \(what)") }
        try machine.markDamaged(what)
    }
    func membership() throws(StoreError) -> Membership { try machine.membership() }

    func digest() throws(StoreError) -> Digest {
        world.counts.digests += 1
        return isStray ? try machine.digest() &+ Digest(words: (0, 0, 0, UInt64(node.rawValue))) : try machine.digest()
    }

    func apply(_ entries: [LogEntry]) throws(StoreError) -> [CommandOutcome?] {
        let before = machine.applied.position.index
        if machine.damage != nil { world.fail("\(node) applies entries to a state that it knows to be damaged") }
        if isRotten {
            isRotten = false
            throw .corruptRecord(dataset: ModelState.dataset)
        }
        if let first = entries.first, first.index != before.next { world.fail("\(node) applies \(first.index) after \(before)") }
        let outcomes = try machine.apply(entries)
        for (entry, outcome) in zip(entries, outcomes) { world.record.applied(entry, outcome, by: node, world) }
        world.counts.applied += entries.count
        if let last = entries.last, machine.applied.position != LogPosition(index: last.index, term: last.term) {
            world.fail("\(node) has applied \(last.index), and its state says \(machine.applied.position.index)")
        }
        if let model = machine as? ModelMachine { world.record.compare(digest: model.state.digest, at: model.applied.position.index, of: node, world) }
        return outcomes
    }

    func checkpoint() throws(StoreError) -> LogPosition {
        // Until the replica has noted it, the state stays what it is.
        if isRotten { throw .corruptRecord(dataset: ModelState.dataset) }
        let position = try machine.checkpoint()
        world.counts.checkpoints += 1
        guard machine.applied.position == position else { return position }
        compare()
        return position
    }

    func beginSending() throws(StoreError) -> any OutgoingSnapshot {
        if isRotten { throw .corruptRecord(dataset: ModelState.dataset) }
        return try machine.beginSending()
    }

    func beginReceiving(_ header: SnapshotHeader) throws(StoreError) -> any IncomingSnapshot {
        Incoming(try machine.beginReceiving(header), into: self)
    }

    /// What the state holds is what the log makes of it, unless it is damaged and does not serve.
    func compare() {
        guard machine.damage == nil else { return }
        let index = machine.applied.position.index
        if let model = machine as? ModelMachine { return world.record.compare(digest: model.state.digest, at: index, of: node, world) }
        guard let store = machine as? StateStore else { return }
        do throws(StoreError) {
            let text = try store.withReadView { view throws(StoreError) in
                try view.figures().filter { $0.figures.records > 0 }.map { "\($0.dataset) \($0.figures.records) \($0.figures.digest)" }
                    .joined(separator: ";")
            }
            world.record.compare(figures: text, at: index, of: node, world)
        } catch { world.fail("the store of \(node) cannot be read: \(error)") }
    }

    private final class Incoming: IncomingSnapshot, @unchecked Sendable {
        private let snapshot: any IncomingSnapshot
        private let owner: WatchedMachine

        init(_ snapshot: any IncomingSnapshot, into owner: WatchedMachine) {
            self.snapshot = snapshot
            self.owner = owner
        }

        var header: SnapshotHeader { snapshot.header }
        var next: UInt32 { snapshot.next }
        func write(_ chunk: [UInt8]) throws(StoreError) { try snapshot.write(chunk) }
        func prepare() throws(StoreError) { try snapshot.prepare() }

        func install() throws(StoreError) {
            let world = owner.world
            if header.applied.index > world.record.appliedIndex { world.fail("\(owner.node) installs a snapshot of \(header.applied.index), which nobody applied") }
            let wasDamaged = owner.machine.damage != nil
            let before = owner.machine.applied.position.index
            try snapshot.install()
            owner.isRotten = false
            owner.isStray = false
            owner.isStruck = false
            world.counts.snapshots += 1
            if wasDamaged { world.counts.rebuilt += 1 }
            if header.applied.index < before { world.fail("\(owner.node) goes back from \(before) to \(header.applied.index)") }
            if owner.machine.damage != nil { world.fail("\(owner.node) installed a state and still knows it to be damaged") }
            if owner.machine.applied.position != header.applied { world.fail("\(owner.node) installed \(header.applied.index) and shows another index") }
            owner.compare()
        }
    }
}
