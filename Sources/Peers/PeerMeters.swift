import Synchronization

/// The counters behind `PeerCounters`: atomics where messages pass, a lock for what is rare.
final class PeerMeters: Sendable {
    private let sent = Atomic<UInt64>(0)
    private let sentBytes = Atomic<UInt64>(0)
    private let received = Atomic<UInt64>(0)
    private let receivedBytes = Atomic<UInt64>(0)
    private let dropped = Atomic<UInt64>(0)
    private let rare = Mutex(PeerCounters())

    func countSent(bytes: Int) {
        sent.add(1, ordering: .relaxed)
        sentBytes.add(UInt64(bytes), ordering: .relaxed)
    }

    func countReceived(messages: Int, bytes: Int) {
        received.add(UInt64(messages), ordering: .relaxed)
        receivedBytes.add(UInt64(bytes), ordering: .relaxed)
    }

    func countDropped() { dropped.add(1, ordering: .relaxed) }
    func countLost(bytes: Int) { rare.withLock { $0.lostBytes += UInt64(bytes) } }
    func countMisbehaved() { rare.withLock { $0.misbehaved += 1 } }
    func countSilent() { rare.withLock { $0.silent += 1 } }
    func countEnded() { rare.withLock { $0.ended += 1 } }
    func countRefused(_ reason: PeerRefusal) { rare.withLock { $0.refused[reason, default: 0] += 1 } }

    var counters: PeerCounters {
        var all = rare.withLock { $0 }
        all.sent = sent.load(ordering: .relaxed)
        all.sentBytes = sentBytes.load(ordering: .relaxed)
        all.received = received.load(ordering: .relaxed)
        all.receivedBytes = receivedBytes.load(ordering: .relaxed)
        all.dropped = dropped.load(ordering: .relaxed)
        return all
    }
}
