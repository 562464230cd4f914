import Core
import NIOCore
import Wire

/// The large writes of one loop, and when the next of them may begin.
struct LargeWrites {
    /// One that waits, with a copy of its body.
    struct Held {
        let connection: ClientConnection
        let opcode: Opcode
        let stream: UInt32
        let body: [UInt8]
    }

    var pace: WritePace
    /// In the order in which they came, whosoever they are. Their bytes are counted as those of requests under way.
    var held = CircularBuffer<Held>()
    /// The next may not begin before.
    var nextAt = MonotonicTime(nanoseconds: 0)
    /// The last came then.
    var cameAt = MonotonicTime(nanoseconds: 0)
    var isBellSet = false
    /// A task is set that begins the next.
    var isNextSet = false
    /// Reads that were answered before the last bell.
    var readsAtBell = 0

    init(pace: WritePace) { self.pace = pace }
}

/// An import stands back where readers would wait for it: a large write costs every node of the cluster milliseconds, and many at once take the processors from those that answer.
extension LoopWorker {
    /// Large writes without which the bell is not rung any more, for so long.
    private static let quietMilliseconds: UInt64 = 1_000

    /// Whether a large write that has come must wait for its turn (`hold`); otherwise it is begun now.
    func mustHoldLargeWrite() -> Bool {
        let now = MonotonicTime.now()
        largeWrites.cameAt = now
        if !largeWrites.isBellSet { setBell() }
        guard largeWrites.held.isEmpty, largeWrites.nextAt <= now else { return true }
        largeWrites.nextAt = now.adding(nanoseconds: largeWrites.pace.gap(waiting: 1))
        return false
    }

    /// `body`: of a write that is begun when it is its turn, by `ClientConnection.beginHeld`.
    func hold(_ opcode: Opcode, stream: UInt32, body: RawSpan, from connection: ClientConnection) {
        figures.largeWritesHeld += 1
        let copy = body.withUnsafeBytes { [UInt8]($0) }
        largeWrites.held.append(LargeWrites.Held(connection: connection, opcode: opcode, stream: stream, body: copy))
        beginLater()
    }

    private func beginLater() {
        guard !largeWrites.isNextSet else { return }
        largeWrites.isNextSet = true
        let wait = largeWrites.nextAt.nanoseconds(since: MonotonicTime.now())
        eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(wait))) { [self] in beginNext() }
    }

    /// Begins one, and the next after the gap.
    private func beginNext() {
        largeWrites.isNextSet = false
        guard let write = largeWrites.held.popFirst() else { return }
        largeWrites.nextAt = MonotonicTime.now().adding(nanoseconds: largeWrites.pace.gap(waiting: largeWrites.held.count))
        write.connection.beginHeld(write)
        if !largeWrites.held.isEmpty { beginLater() }
    }

    /// Those of a connection that has ended are not begun.
    func dropLargeWrites(of connection: ClientConnection) {
        if !largeWrites.held.isEmpty { largeWrites.held.removeAll { $0.connection === connection } }
    }

    // MARK: The bell

    private func setBell() {
        largeWrites.isBellSet = true
        let due = MonotonicTime.now().adding(nanoseconds: WritePace.bell)
        eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(WritePace.bell))) { [self] in hear(due) }
    }

    private func hear(_ due: MonotonicTime) {
        let now = MonotonicTime.now()
        let reads = figures.leased + figures.behindBarrier
        largeWrites.pace.heard(late: now.nanoseconds(since: due), hasReaders: reads > largeWrites.readsAtBell || hasArriving)
        largeWrites.readsAtBell = reads
        if largeWrites.held.isEmpty, !largeWrites.isNextSet, now.milliseconds(since: largeWrites.cameAt) >= Double(Self.quietMilliseconds) {
            largeWrites = LargeWrites(pace: settings.writePace)
        } else {
            setBell()
        }
    }
}
