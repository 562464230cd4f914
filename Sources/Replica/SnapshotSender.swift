import Core
import Raft
import Store

/// Streams one snapshot to one node, on a thread of its own: a window of chunks under way, sent again when nothing is heard, given up
/// when nothing is heard for long.
final class SnapshotSender: Sendable {
    enum Word: Sendable {
        case ack(next: UInt32)
        case done(installed: Bool)
        case cancel
    }

    /// Chunks under way.
    private static let window = 8
    private static let resendNanoseconds: UInt64 = 1_000_000_000
    private static let giveUpMilliseconds: Double = 30_000

    let node: NodeID
    let transfer: UInt64
    private let mailbox = Mailbox<Word>()
    private let send: @Sendable (ReplicaMessage) -> Void

    /// Begins. `finished` is called once, with the position the snapshot stands for (zero if none could be taken).
    init(
        to node: NodeID, transfer: UInt64, store: StateStore, send: @escaping @Sendable (ReplicaMessage) -> Void,
        finished: @escaping @Sendable (LogPosition, Bool) -> Void
    ) {
        self.node = node
        self.transfer = transfer
        self.send = send
        _ = LaneThread("kho-snapshot-to") { [self] in
            var position = LogPosition.zero
            var delivered = false
            do throws(StoreError) {
                let source = try store.exportSnapshot()
                position = source.header.applied
                delivered = try stream(source)
            } catch { delivered = false }
            finished(position, delivered)
        }
    }

    func hear(_ word: Word) { mailbox.post(word) }

    private func stream(_ source: SnapshotSource) throws(StoreError) -> Bool {
        let begin = ReplicaMessage.snapshotBegin(transfer: transfer, header: source.header.encoded())
        var underWay: [(number: UInt32, chunk: [UInt8])] = []
        var next: UInt32 = 0
        var isComplete = false
        var heard = MonotonicTime.now()
        send(begin)
        while true {
            while !isComplete, underWay.count < Self.window {
                guard let chunk = try source.nextChunk() else {
                    isComplete = true
                    send(.snapshotEnd(transfer: transfer, chunks: next))
                    break
                }
                underWay.append((next, chunk))
                next += 1
                send(.snapshotChunk(transfer: transfer, chunk: chunk))
            }
            guard let words = mailbox.take(atMostNanoseconds: Self.resendNanoseconds) else { return false }
            for word in words {
                heard = MonotonicTime.now()
                switch word {
                case let .ack(have): underWay.removeAll { $0.number < have }
                case let .done(installed): return installed
                case .cancel: return false
                }
            }
            if words.isEmpty {
                guard MonotonicTime.now().milliseconds(since: heard) < Self.giveUpMilliseconds else { return false }
                send(begin)
                for (_, chunk) in underWay { send(.snapshotChunk(transfer: transfer, chunk: chunk)) }
                if isComplete { send(.snapshotEnd(transfer: transfer, chunks: next)) }
            }
        }
    }
}
