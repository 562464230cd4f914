import Core
import Cryptography
import Replica
import Store

/// Where a model machine's checkpoint lies: it survives a crash, the state in memory does not.
final class ModelStorage {
    var checkpoint = ModelState()
    /// Why the state must not be used any more.
    var damage: String?

    func copy() -> ModelStorage {
        let copy = ModelStorage()
        copy.checkpoint = checkpoint
        copy.damage = damage
        return copy
    }
}

/// States on their way as snapshots: a chunk carries the number of one, for all nodes live in one process.
final class SnapshotShelf {
    private var states: [UInt64: ModelState] = [:]
    private var last: UInt64 = 0

    func put(_ state: ModelState) -> UInt64 {
        last += 1
        states[last] = state
        // Nobody is so far behind.
        states[last &- 32] = nil
        return last
    }

    func state(_ number: UInt64) -> ModelState? { states[number] }
}

/// The state machine in memory.
///
/// `@unchecked Sendable` because a simulation is used by one thread.
final class ModelMachine: StateMachine, @unchecked Sendable {
    private(set) var state: ModelState
    let storage: ModelStorage
    private let cluster: ClusterID
    private let shelf: SnapshotShelf
    /// Takes some entries for nothing: a defect on purpose.
    var missesEntries = false
    /// Why its snapshots should be given up.
    var obstacle: String?
    /// Bytes of a snapshot's chunk; few, so that a transfer has many.
    private static let chunkBytes = 64

    init(_ storage: ModelStorage, cluster: ClusterID, shelf: SnapshotShelf) {
        self.storage = storage
        self.shelf = shelf
        self.cluster = cluster
        state = storage.checkpoint
        if storage.damage != nil { state.rot() }
    }

    var applied: AppliedState { state.applied }
    var checkpointed: LogPosition { storage.checkpoint.applied.position }
    var usedBytes: Int { state.records.count * 64 }
    var fullness: Fullness { .roomy }
    var writtenBytes: Int { 0 }
    var damage: String? { storage.damage }
    /// From now on it shows something else: whoever is served from it is served wrongly.
    func markDamaged(_ what: String) throws(StoreError) {
        guard storage.damage == nil else { return }
        storage.damage = what
        state.rot()
    }
    func membership() throws(StoreError) -> Membership { state.membership }
    func digest() throws(StoreError) -> Digest { Digest(words: (0, 0, 0, state.digest)) }

    func apply(_ entries: [LogEntry]) throws(StoreError) -> [CommandOutcome?] {
        var outcomes: [CommandOutcome?] = []
        outcomes.reserveCapacity(entries.count)
        for entry in entries {
            let isMissed = missesEntries && entry.index.rawValue % 50 == 0
            outcomes.append(state.apply(isMissed ? LogEntry(index: entry.index, term: entry.term, kind: .empty, time: entry.time) : entry))
        }
        return outcomes
    }

    func checkpoint() throws(StoreError) -> LogPosition {
        storage.checkpoint = state
        return state.applied.position
    }

    func beginSending() throws(StoreError) -> any OutgoingSnapshot {
        if let damage { throw .corrupt(path: "model", what: damage) }
        let count = 2 + state.records.count * 40 / Self.chunkBytes
        return Outgoing(
            SnapshotHeader(
                cluster: cluster, applied: state.applied.position, time: state.applied.time, membership: state.membership,
                membershipIndex: state.applied.membershipIndex, entries: UInt64(count)), chunks: UInt32(count), number: shelf.put(state), of: self)
    }

    func beginReceiving(_ header: SnapshotHeader) throws(StoreError) -> any IncomingSnapshot { Incoming(header, into: self) }

    /// The last chunk carries the number under which the state stands on the shelf.
    private final class Outgoing: OutgoingSnapshot, @unchecked Sendable {
        let header: SnapshotHeader
        var obstacle: String? { machine.obstacle }
        private let machine: ModelMachine
        private let chunks: UInt32
        private var next: UInt32 = 0
        private let number: UInt64

        init(_ header: SnapshotHeader, chunks: UInt32, number: UInt64, of machine: ModelMachine) {
            self.machine = machine
            self.header = header
            self.chunks = chunks
            self.number = number
        }

        func nextChunk() throws(StoreError) -> [UInt8]? {
            guard next < chunks else { return nil }
            var out = ByteWriter(capacity: 32)
            out.write(UInt32(0))
            out.write(next)
            if next == chunks - 1 { out.write(number) }
            out.overwrite(CRC32C.of(Array(out.bytes[4...])), at: 0)
            next += 1
            return out.bytes
        }
    }

    private final class Incoming: IncomingSnapshot, @unchecked Sendable {
        let header: SnapshotHeader
        private(set) var next: UInt32 = 0
        private let machine: ModelMachine
        private var state: ModelState?

        init(_ header: SnapshotHeader, into machine: ModelMachine) {
            self.header = header
            self.machine = machine
        }

        func write(_ chunk: [UInt8]) throws(StoreError) {
            guard chunk.count >= 8, CRC32C.of(Array(chunk[4...])) == chunk[..<4].reduce(UInt32(0), { $0 << 8 | UInt32($1) }) else {
                throw .badSnapshot("a chunk does not fit its checksum")
            }
            let number = chunk[4..<8].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            guard number >= next else { return }
            guard number == next else { throw .badSnapshot("chunk \(number) came where \(next) was due") }
            if chunk.count > 8 {
                guard let read = machine.shelf.state(chunk[8...].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }) else {
                    throw .badSnapshot("it is not on the shelf any more")
                }
                state = read
            }
            next += 1
        }

        func prepare() throws(StoreError) {
            guard let state, UInt64(next) == header.entries else { throw .badSnapshot("\(next) chunks of \(header.entries) came") }
            guard state.applied.position == header.applied else { throw .badSnapshot("it is of another index") }
        }

        func install() throws(StoreError) {
            guard let state else { throw .badSnapshot("it is not whole") }
            machine.state = state
            machine.storage.checkpoint = state
            machine.storage.damage = nil
        }
    }
}
