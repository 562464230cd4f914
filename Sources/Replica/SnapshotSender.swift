import Core
import Raft
import Store

/// Streams one snapshot to one node, in a lane of its own: a window of chunks under way, so many bytes a second, sent again when nothing is heard, given up when
/// nothing is heard for long, and when its image takes too much of the room that the state has.
final class SnapshotSender: LaneWork {
    enum Item: Sendable {
        case ack(next: UInt32)
        case done(installed: Bool)
        case cancel
    }

    /// Chunks under way.
    static let window = 8
    private static let resendMilliseconds: UInt64 = 1_000
    private static let giveUpMilliseconds: Double = 30_000

    private struct Stream {
        let source: any OutgoingSnapshot
        let begin: ReplicaMessage
        var underWay: [(number: UInt32, chunk: [UInt8])] = []
        var next: UInt32 = 0
        var isComplete = false
        /// The receiver has every chunk before this one.
        var acknowledged: UInt32 = 0
        /// Everything under way was sent again, and nothing more was acknowledged since.
        var isResent = false
        var heard: MonotonicTime
        /// When what is under way is sent again.
        var resendAt: MonotonicTime
        /// When everything sent so far would have been, at the rate that is allowed.
        var paidUntil: MonotonicTime
    }

    let node: NodeID
    let transfer: UInt64
    /// The receiver asked for it, whoever leads.
    let isWanted: Bool
    private let lane: Lane<Item>
    private let machine: any StateMachine
    private let bytesPerSecond: UInt64
    private let host: ReplicaHost
    private let send: @Sendable (ReplicaMessage) -> Void
    private let damaged: @Sendable (String) -> Void
    private let finished: @Sendable (LogPosition, Bool) -> Void
    private let stream = LaneOwned<Stream?>(nil)

    /// - Parameters:
    ///   - damaged: what is to be sent does not fit its checksums. Called before `finished`.
    ///   - finished: called once after `start`, with the position the snapshot stands for (zero if none could be taken).
    init(
        to node: NodeID, transfer: UInt64, isWanted: Bool, bytesPerSecond: Int, machine: any StateMachine, host: ReplicaHost,
        send: @escaping @Sendable (ReplicaMessage) -> Void, damaged: @escaping @Sendable (String) -> Void,
        finished: @escaping @Sendable (LogPosition, Bool) -> Void
    ) {
        self.node = node
        self.transfer = transfer
        self.isWanted = isWanted
        self.machine = machine
        self.bytesPerSecond = UInt64(max(1, bytesPerSecond))
        self.host = host
        self.send = send
        self.damaged = damaged
        self.finished = finished
        lane = Lane(.snapshotOut, host: host)
    }

    func start() { lane.start(self) }
    func hear(_ item: Item) { lane.post(item) }

    // MARK: The work

    func begin() -> LanePause {
        do throws(StoreError) {
            let source = try machine.beginSending()
            let begin = ReplicaMessage.snapshotBegin(transfer: transfer, header: source.header.encoded())
            let now = host.now()
            stream.value = Stream(source: source, begin: begin, heard: now, resendAt: now.adding(milliseconds: Self.resendMilliseconds), paidUntil: now)
            send(begin)
        } catch { return finish(error) }
        return fill()
    }

    func take(_ items: [Item]) -> LanePause {
        for item in items {
            stream.value?.heard = host.now()
            postponeResending()
            switch item {
            case let .ack(have): guard hear(acknowledged: have) else { return finish(delivered: false) }
            case let .done(installed): return finish(delivered: installed)
            case .cancel: return finish(delivered: false)
            }
        }
        // Or it was only the next chunk's turn.
        if items.isEmpty, let resendAt = stream.value?.resendAt, host.now() >= resendAt {
            guard let stream = stream.value, host.now().milliseconds(since: stream.heard) < Self.giveUpMilliseconds else {
                return finish(delivered: false)
            }
            send(stream.begin)
            for (_, chunk) in stream.underWay { send(.snapshotChunk(transfer: transfer, chunk: chunk)) }
            if stream.isComplete { send(.snapshotEnd(transfer: transfer, chunks: stream.next)) }
            self.stream.value?.isResent = true
            postponeResending()
        }
        return fill()
    }

    private func postponeResending() { stream.value?.resendAt = host.now().adding(milliseconds: Self.resendMilliseconds) }

    /// False if the receiver has less than it once had: it was killed in between, and what it lacks is not kept here. One that asks for it would
    /// keep the transfer alive for ever; another transfer begins at the beginning. Before anything was sent again, it is only an acknowledgement
    /// that was overtaken by a later one.
    private func hear(acknowledged have: UInt32) -> Bool {
        guard var now = stream.value else { return true }
        stream.value = nil
        defer { stream.value = now }
        guard have >= now.acknowledged else { return !now.isResent }
        if have > now.acknowledged { now.isResent = false }
        now.acknowledged = have
        now.underWay.removeAll { $0.number < have }
        return true
    }

    func end() { _ = finish(delivered: false) }

    /// Sends chunks until the window is full, or as many as the rate allows by now.
    private func fill() -> LanePause {
        guard var now = stream.value else { return .ended }
        // Better that the other node waits than that this one's state has no room: what is sent next begins with a newer image.
        if now.source.obstacle != nil { return finish(delivered: false) }
        stream.value = nil
        let time = host.now()
        // A window's worth may go at once.
        let ahead = nanoseconds(for: Self.window * Limits.snapshotChunkBytes)
        var pause = now.resendAt
        while !now.isComplete, now.underWay.count < Self.window {
            let turn = MonotonicTime(nanoseconds: now.paidUntil.nanoseconds - min(now.paidUntil.nanoseconds, ahead))
            guard time >= turn else {
                pause = min(pause, turn)
                break
            }
            do throws(StoreError) {
                if let chunk = try now.source.nextChunk() {
                    now.paidUntil = MonotonicTime(nanoseconds: max(now.paidUntil, time).nanoseconds + nanoseconds(for: chunk.count))
                    now.underWay.append((now.next, chunk))
                    now.next += 1
                    send(.snapshotChunk(transfer: transfer, chunk: chunk))
                } else {
                    now.isComplete = true
                    send(.snapshotEnd(transfer: transfer, chunks: now.next))
                }
            } catch {
                stream.value = now
                return finish(error)
            }
        }
        stream.value = now
        return .until(pause)
    }

    private func nanoseconds(for bytes: Int) -> UInt64 { UInt64(bytes) * 1_000_000_000 / bytesPerSecond }

    private func finish(_ error: StoreError) -> LanePause {
        if error.isDamage { damaged("\(error)") }
        return finish(delivered: false)
    }

    private func finish(delivered: Bool) -> LanePause {
        let position = stream.value?.source.header.applied ?? .zero
        stream.value = nil
        finished(position, delivered)
        return .ended
    }
}
