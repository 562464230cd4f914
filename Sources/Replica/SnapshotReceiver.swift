import Core
import Store
import Synchronization

/// Receives snapshots, one at a time, beside the state; a lane of its own, since it writes. The newest transfer takes the place of an
/// older one.
final class SnapshotReceiver: LaneWork {
    typealias Item = (NodeID, ReplicaMessage)

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

    private let lane: Lane<Item>
    private let machine: any StateMachine
    private let calls: Calls
    private let current = LaneOwned<Transfer?>(nil)

    init(machine: any StateMachine, host: ReplicaHost, calls: Calls) {
        self.machine = machine
        self.calls = calls
        lane = Lane(.snapshotIn, host: host)
    }

    func start() { lane.start(self) }
    func stop() { lane.stop() }

    /// A message of a transfer has come.
    func hear(_ message: ReplicaMessage, from node: NodeID) { lane.post((node, message)) }

    // MARK: The work

    func begin() -> LanePause { .untilPosted }

    func take(_ items: [Item]) -> LanePause {
        for (node, message) in items {
            do throws(StoreError) { try take(message, from: node, &current.value) } catch {
                let transfer = current.value
                current.value = nil
                guard case .badSnapshot = error else {
                    calls.failed(error)
                    return .ended
                }
                if let transfer { calls.send(.snapshotDone(transfer: transfer.number, installed: false), transfer.from) }
            }
        }
        return .untilPosted
    }

    func end() { current.value = nil }

    private func take(_ message: ReplicaMessage, from node: NodeID, _ current: inout Transfer?) throws(StoreError) {
        switch message {
        case let .snapshotBegin(number, bytes):
            if let current, current.from == node, current.number == number {
                return calls.send(.snapshotAck(transfer: number, next: current.sink.next), node)
            }
            // One that is being installed is waited for; the sender tries again.
            if let current, current.isInstalling, machine.applied.position.index < current.sink.header.applied.index { return }
            let header: SnapshotHeader
            do throws(DecodingError) { header = try SnapshotHeader(decoding: bytes) } catch {
                return calls.send(.snapshotDone(transfer: number, installed: false), node)
            }
            guard header.applied.index > machine.applied.position.index else {
                return calls.send(.snapshotDone(transfer: number, installed: true), node)
            }
            // The one before goes first: both would lie in the same folder.
            current = nil
            current = Transfer(from: node, number: number, sink: try machine.beginReceiving(header))
            calls.send(.snapshotAck(transfer: number, next: 0), node)
        case let .snapshotChunk(number, chunk):
            guard let current, current.from == node, current.number == number, !current.isInstalling else { return }
            guard chunk.count >= 8, chunk[4..<8].reduce(UInt32(0), { $0 << 8 | UInt32($1) }) <= current.sink.next else { return }
            try current.sink.write(chunk)
            calls.send(.snapshotAck(transfer: number, next: current.sink.next), node)
        case let .snapshotEnd(number, chunks):
            guard let transfer = current, transfer.from == node, transfer.number == number, !transfer.isInstalling else { return }
            guard transfer.sink.next == chunks else { return calls.send(.snapshotAck(transfer: number, next: transfer.sink.next), node) }
            current?.isInstalling = true
            let send = calls.send
            try transfer.sink.prepare()
            calls.received(transfer.sink) { installed in send(.snapshotDone(transfer: number, installed: installed), node) }
        default: break
        }
    }
}
