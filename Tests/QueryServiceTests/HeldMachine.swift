import Core
import Cryptography
import Glibc
import Replica
import Store
import Synchronization

/// A store that applies nothing while it is held: so that what a node has received and not applied is under the test's hand.
final class HeldMachine: StateMachine {
    private let store: StateStore
    private let isHeld = Atomic(false)

    init(_ store: StateStore) { self.store = store }

    /// From the next entries on.
    func hold(_ isHeld: Bool) { self.isHeld.store(isHeld, ordering: .relaxed) }

    func apply(_ entries: [LogEntry]) throws(StoreError) -> [CommandOutcome?] {
        while isHeld.load(ordering: .relaxed) { usleep(500) }
        return try store.apply(entries)
    }

    var applied: AppliedState { store.applied }
    var checkpointed: LogPosition { store.checkpointed }
    var usedBytes: Int { store.usedBytes }
    var fullness: Fullness { store.fullness }
    var writtenBytes: Int { store.writtenBytes }
    var damage: String? { store.damage }
    func markDamaged(_ what: String) throws(StoreError) { try store.markDamaged(what) }
    func membership() throws(StoreError) -> Membership { try (store as any StateMachine).membership() }
    func digest() throws(StoreError) -> Digest { try store.digest() }
    func checkpoint() throws(StoreError) -> LogPosition { try store.checkpoint() }
    func beginSending() throws(StoreError) -> any OutgoingSnapshot { try store.beginSending() }
    func beginReceiving(_ header: SnapshotHeader) throws(StoreError) -> any IncomingSnapshot { try store.beginReceiving(header) }
}
