import Core
import Cryptography
import Store

/// The replicated state, as a replica uses it. `apply`, `checkpoint` and a snapshot's `install` are each called by one lane; what only
/// looks, by any. Deterministic: the same entries make the same state, however they are batched.
package protocol StateMachine: Sendable {
    var applied: AppliedState { get }
    /// What survives any stop.
    var checkpointed: LogPosition { get }
    /// Bytes in use.
    var usedBytes: Int { get }
    /// Whether there is room for more. Asked often: cheap as long as there is.
    var fullness: Fullness { get }
    /// Bytes that applying has written since the machine was opened, as far as known: what checkpoints have to make durable.
    var writtenBytes: Int { get }
    /// Why the state must not be used any more; nil if nothing is known against it. Survives any stop.
    var damage: String? { get }
    /// Notes that durably, until a snapshot is installed. By the lane that applies.
    func markDamaged(_ what: String) throws(StoreError)
    /// The membership as applied; empty if there was none yet.
    func membership() throws(StoreError) -> Membership
    /// A digest of the state as it is, the same on every node whose machine is at this index. By the lane that applies, some times a minute.
    func digest() throws(StoreError) -> Digest
    /// Applies entries that follow the last one, together with how far they go. An outcome for each; nil for those without one.
    func apply(_ entries: [LogEntry]) throws(StoreError) -> [CommandOutcome?]
    /// Makes what is applied survive any stop.
    func checkpoint() throws(StoreError) -> LogPosition
    /// A consistent image of what is applied now; throws if that is known to be damaged.
    func beginSending() throws(StoreError) -> any OutgoingSnapshot
    /// Begins to receive an image beside the state. Nothing changes before `install`.
    func beginReceiving(_ header: SnapshotHeader) throws(StoreError) -> any IncomingSnapshot
}

/// An image of a state, on its way to another node. Used by one lane.
package protocol OutgoingSnapshot: AnyObject, Sendable {
    var header: SnapshotHeader { get }
    /// Why it should be given up; nil if it may go on. Asked before each stretch of chunks.
    var obstacle: String? { get }
    /// The next chunk; nil after the last. Bytes 4 to 7 are its number, from 0.
    func nextChunk() throws(StoreError) -> [UInt8]?
}

/// An image of another node's state that is being received. Its owner moves with the transfer.
package protocol IncomingSnapshot: AnyObject, Sendable {
    var header: SnapshotHeader { get }
    /// The number of the chunk that is wanted next.
    var next: UInt32 { get }
    /// Takes a chunk. One taken before is passed over; one out of order or damaged throws `badSnapshot` and changes nothing.
    func write(_ chunk: [UInt8]) throws(StoreError)
    /// Checks the whole and makes it durable, so that `install` is quick.
    func prepare() throws(StoreError)
    /// Puts it in the state's place. A stop at any step leaves the old state or the new one.
    func install() throws(StoreError)
}

extension StateStore: StateMachine {
    package func membership() throws(StoreError) -> Membership {
        try withReadView { view throws(StoreError) in try view.membership() }
    }

    package func beginSending() throws(StoreError) -> any OutgoingSnapshot {
        if let damage { throw .corrupt(path: directory, what: damage) }
        return try exportSnapshot()
    }

    package func beginReceiving(_ header: SnapshotHeader) throws(StoreError) -> any IncomingSnapshot {
        StoreSnapshot(store: self, sink: try beginInstall(header))
    }
}

extension SnapshotSource: OutgoingSnapshot {}

/// A snapshot that is being received into a store.
final class StoreSnapshot: IncomingSnapshot {
    private let store: StateStore
    private let sink: SnapshotSink

    init(store: StateStore, sink: SnapshotSink) {
        self.store = store
        self.sink = sink
    }

    var header: SnapshotHeader { sink.header }
    var next: UInt32 { sink.next }
    func write(_ chunk: [UInt8]) throws(StoreError) { try sink.write(chunk) }
    func prepare() throws(StoreError) { try sink.prepare() }
    func install() throws(StoreError) { try store.install(sink) }
}
