import Core
import Cryptography
import Store
import Synchronization

@testable import Replica

/// A store that applies an entry otherwise than the others do, on demand: its records are sound, and they are others. Or one that says to be fuller than it is.
final class StrayingMachine: StateMachine {
    private let store: StateStore
    private let strays = Atomic(false)
    private let said = Mutex<Fullness?>(nil)
    private let most = Atomic(0)

    /// The most commands that came together so far.
    var commandsMax: Int { most.load(ordering: .relaxed) }

    init(_ store: StateStore) { self.store = store }

    /// The next write is taken for nothing.
    func stray() { strays.store(true, ordering: .relaxed) }

    /// From now on; nil for what is so.
    func say(_ fullness: Fullness?) { said.withLock { $0 = fullness } }

    func apply(_ entries: [LogEntry]) throws(StoreError) -> [CommandOutcome?] {
        var entries = entries
        most.max(entries.count { $0.kind == .command }, ordering: .relaxed)
        if let place = entries.firstIndex(where: { $0.kind == .command }), strays.exchange(false, ordering: .relaxed) {
            let entry = entries[place]
            entries[place] = LogEntry(index: entry.index, term: entry.term, kind: .empty, time: entry.time)
        }
        return try store.apply(entries)
    }

    var applied: AppliedState { store.applied }
    var checkpointed: LogPosition { store.checkpointed }
    var usedBytes: Int { store.usedBytes }
    var fullness: Fullness { said.withLock { $0 } ?? store.fullness }
    var writtenBytes: Int { store.writtenBytes }
    var damage: String? { store.damage }
    func markDamaged(_ what: String) throws(StoreError) { try store.markDamaged(what) }
    func membership() throws(StoreError) -> Membership { try (store as any StateMachine).membership() }
    func digest() throws(StoreError) -> Digest { try store.digest() }
    func checkpoint() throws(StoreError) -> LogPosition { try store.checkpoint() }
    func beginSending() throws(StoreError) -> any OutgoingSnapshot { try store.beginSending() }
    func beginReceiving(_ header: SnapshotHeader) throws(StoreError) -> any IncomingSnapshot { try store.beginReceiving(header) }
}
