import Core

/// How long a connection has been waited for. A pure value: the time is a parameter.
struct Patience {
    /// Milliseconds for the handshake and HELLO, and for a frame that has begun.
    let milliseconds: UInt64
    /// Milliseconds without a byte taken by a client that has answers waiting.
    let stallMilliseconds: UInt64
    /// Bytes of a frame for which a client has a millisecond more: 64,000 bytes a second.
    static let frameBytesPerMillisecond = 64

    private let began: MonotonicTime
    /// Since when a frame is incomplete; nil between frames.
    private var incompleteSince: MonotonicTime?
    /// Since when nothing of what waits was taken, and how much that is; nil while the client takes what it gets.
    private var stalled: (since: MonotonicTime, bytes: Int)?

    init(milliseconds: UInt64, stallMilliseconds: UInt64, now: MonotonicTime) {
        self.milliseconds = milliseconds
        self.stallMilliseconds = stallMilliseconds
        began = now
    }

    /// Frames were taken out of what has come.
    ///
    /// - Parameters:
    ///   - tookFrames: at least one was whole.
    ///   - isBetweenFrames: nothing is left of another.
    mutating func received(tookFrames: Bool, isBetweenFrames: Bool, now: @autoclosure () -> MonotonicTime) {
        if isBetweenFrames {
            incompleteSince = nil
        } else if tookFrames || incompleteSince == nil {
            // Another frame than before: who sends one after the other is not slow, wherever a read ends.
            incompleteSince = now()
        }
    }

    /// The connection is not read, since the client does not take its answers.
    mutating func paused(now: MonotonicTime) { stalled = (now, .max) }

    /// It is read again. That a frame is incomplete was not the client's doing meanwhile.
    mutating func resumed(now: MonotonicTime) {
        stalled = nil
        if incompleteSince != nil { incompleteSince = now }
    }

    /// Whether the connection is to be closed.
    ///
    /// - Parameters:
    ///   - isGreeted: HELLO has come.
    ///   - receivedBytes: what there is of the frame that is incomplete.
    ///   - outgoingBytes: what waits to be written; looked at while the connection is paused.
    mutating func isOver(isGreeted: Bool, receivedBytes: Int, outgoingBytes: @autoclosure () -> Int, now: MonotonicTime) -> Bool {
        if !isGreeted { return now.milliseconds(since: began) > Double(milliseconds) }
        if let before = stalled {
            let bytes = outgoingBytes()
            if bytes < before.bytes { stalled = (now, bytes) }
            return now.milliseconds(since: stalled?.since ?? now) > Double(stallMilliseconds)
        }
        guard let incompleteSince else { return false }
        return now.milliseconds(since: incompleteSince) > Double(milliseconds) + Double(receivedBytes / Self.frameBytesPerMillisecond)
    }
}
