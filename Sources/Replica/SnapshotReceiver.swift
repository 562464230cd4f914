import Core
import Store
import Synchronization

/// Receives snapshots, one at a time, beside the state; a lane of its own, since it writes. The newest transfer takes the place of an
/// older one.
final class SnapshotReceiver: LaneWork {
    enum Item: Sendable {
        case message(ReplicaMessage, from: NodeID)
        /// What became of a snapshot that had come whole.
        case ended(NodeID, transfer: UInt64, installed: Bool)
    }

    struct Calls: Sendable {
        var send: @Sendable (ReplicaMessage, NodeID) -> Void
        /// The snapshot has come whole and is sound: install it if it is needed, and say whether its position is reached.
        var received: @Sendable (any IncomingSnapshot, @escaping @Sendable (Bool) -> Void) -> Void
        var failed: @Sendable (StoreError) -> Void
    }

    private struct Transfer {
        let from: NodeID
        let number: UInt64
        let sink: any IncomingSnapshot
        var isInstalling = false
    }

    private struct Owned {
        var current: Transfer?
        /// How the last transfer ended: the word of it may have been lost, and is said again when it is asked for.
        var ended: (from: NodeID, number: UInt64, installed: Bool)?
    }

    private let lane: Lane<Item>
    private let machine: any StateMachine
    private let calls: Calls
    private let owned = LaneOwned(Owned())
    private let host: ReplicaHost
    private let heardNanoseconds = Atomic<UInt64>(0)
    /// Chunks that wait to be written.
    private let waiting = Atomic<Int>(0)
    /// At most: twice what a sender has under way, since it sends it again while the disk stands still. One more is as if it had been lost.
    static let waitingMax = 2 * SnapshotSender.window

    init(machine: any StateMachine, host: ReplicaHost, calls: Calls) {
        self.machine = machine
        self.calls = calls
        self.host = host
        lane = Lane(.snapshotIn, host: host)
    }

    func start() { lane.start(self) }
    func stop() { lane.stop() }

    /// When a part of a transfer came last, for any thread.
    var heardAt: MonotonicTime { MonotonicTime(nanoseconds: heardNanoseconds.load(ordering: .relaxed)) }

    /// A message of a transfer has come.
    func hear(_ message: ReplicaMessage, from node: NodeID) {
        if case .snapshotChunk = message, waiting.wrappingAdd(1, ordering: .relaxed).newValue > Self.waitingMax {
            waiting.wrappingSubtract(1, ordering: .relaxed)
            return
        }
        lane.post(.message(message, from: node))
    }

    /// Chunks that wait now, for any thread.
    var waitingNow: Int { waiting.load(ordering: .relaxed) }

    // MARK: The work

    func begin() -> LanePause { .untilPosted }

    func take(_ items: [Item]) -> LanePause {
        for item in items {
            if case .message(.snapshotChunk, _) = item { waiting.wrappingSubtract(1, ordering: .relaxed) }
            do throws(StoreError) {
                switch item {
                case let .message(message, node): try take(message, from: node)
                case let .ended(node, transfer, installed): end(node, transfer, installed: installed)
                }
            } catch {
                let transfer = owned.value.current
                owned.value.current = nil
                guard case .badSnapshot = error else {
                    calls.failed(error)
                    return .ended
                }
                if let transfer { end(transfer.from, transfer.number, installed: false) }
            }
        }
        return .untilPosted
    }

    func end() { owned.value = Owned() }

    private func end(_ node: NodeID, _ transfer: UInt64, installed: Bool) {
        owned.value.ended = (node, transfer, installed)
        if let current = owned.value.current, current.from == node, current.number == transfer { owned.value.current = nil }
        calls.send(.snapshotDone(transfer: transfer, installed: installed), node)
    }

    private func take(_ message: ReplicaMessage, from node: NodeID) throws(StoreError) {
        switch message {
        case let .snapshotBegin(number, bytes):
            if isEnded(node, number) { return }
            if let current = current(node, number) { return calls.send(.snapshotAck(transfer: number, next: current.sink.next), node) }
            // One that is being installed is waited for; the sender tries again.
            if let current = owned.value.current, current.isInstalling, machine.applied.position.index < current.sink.header.applied.index { return }
            let header: SnapshotHeader
            do throws(DecodingError) { header = try SnapshotHeader(decoding: bytes) } catch {
                return calls.send(.snapshotDone(transfer: number, installed: false), node)
            }
            let applied = machine.applied.position.index
            // In the place of a damaged state also one that shows as much.
            guard header.applied.index > applied || header.applied.index == applied && machine.damage != nil else {
                return calls.send(.snapshotDone(transfer: number, installed: true), node)
            }
            // The one before goes first: both would lie in the same folder.
            owned.value.current = nil
            owned.value.current = Transfer(from: node, number: number, sink: try machine.beginReceiving(header))
            heard()
            calls.send(.snapshotAck(transfer: number, next: 0), node)
        case let .snapshotChunk(number, chunk):
            guard let current = current(node, number), !current.isInstalling else { return }
            guard chunk.count >= 8, chunk[4..<8].reduce(UInt32(0), { $0 << 8 | UInt32($1) }) <= current.sink.next else { return }
            try current.sink.write(chunk)
            heard()
            calls.send(.snapshotAck(transfer: number, next: current.sink.next), node)
        case let .snapshotEnd(number, chunks):
            if isEnded(node, number) { return }
            guard let transfer = current(node, number), !transfer.isInstalling else { return }
            guard transfer.sink.next == chunks else { return calls.send(.snapshotAck(transfer: number, next: transfer.sink.next), node) }
            owned.value.current?.isInstalling = true
            let lane = lane
            try transfer.sink.prepare()
            calls.received(transfer.sink) { installed in lane.post(.ended(node, transfer: number, installed: installed)) }
        default: break
        }
    }

    private func heard() { heardNanoseconds.store(host.now().nanoseconds, ordering: .relaxed) }

    private func current(_ node: NodeID, _ number: UInt64) -> Transfer? {
        owned.value.current.flatMap { $0.from == node && $0.number == number ? $0 : nil }
    }

    /// Whether this transfer is over; says again how it ended.
    private func isEnded(_ node: NodeID, _ number: UInt64) -> Bool {
        guard let ended = owned.value.ended, ended.from == node, ended.number == number else { return false }
        calls.send(.snapshotDone(transfer: number, installed: ended.installed), node)
        return true
    }
}
