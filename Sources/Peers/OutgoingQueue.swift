import Dispatch
import NIOCore
import Synchronization

/// Frames that wait for one connection: filled by any thread, emptied by the connection's event loop.
///
/// Frames are written end to end into one buffer, so a message costs one copy and the loop hands everything that has gathered to the
/// socket at once. The loop works off one buffer while senders fill the other.
final class OutgoingQueue: Sendable {
    enum Outcome: Equatable {
        /// Not open, or no room.
        case dropped
        case queued
        /// Queued, and the caller must see to it that the loop drains: nobody else will.
        case queuedFirst
    }

    private struct Waiter {
        let below: Int
        let semaphore: DispatchSemaphore
    }

    private struct State {
        var isOpen = false
        /// Whether the loop is going to drain without being told.
        var isDrainScheduled = false
        /// Where senders append.
        var filling = ByteBuffer()
        /// What the loop hands to the socket, piece by piece.
        var draining = ByteBuffer()
        var waiters: [Waiter] = []

        var bytes: Int { filling.readableBytes + draining.readableBytes }
    }

    /// Capacity of an emptied buffer that is kept for the next round.
    private static let keptBytes = 1 << 20
    private let bytesMax: Int
    private let state = Mutex(State())

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Appends a frame. A ping is taken only if nothing waits, as whatever waits is a sign of life too.
    func append(_ kind: PeerFrameKind, _ body: [UInt8]) -> Outcome {
        state.withLock { state in
            guard state.isOpen, state.bytes + body.count + PeerFrameHeader.bytes <= bytesMax else { return .dropped }
            if kind == .ping && state.bytes > 0 { return .dropped }
            state.filling.writeFrame(kind, body)
            if state.isDrainScheduled { return .queued }
            state.isDrainScheduled = true
            return .queuedFirst
        }
    }

    /// The next piece for the socket, at most so many bytes and not aligned to frames; nil when nothing waits. After nil the next
    /// `append` answers `queuedFirst`.
    func next(bytesMax piece: Int) -> ByteBuffer? {
        let (next, awake): (ByteBuffer?, [Waiter]) = state.withLock { state in
            if state.draining.readableBytes == 0 {
                // The socket has copied what it was given, so the storage is free again.
                if state.draining.capacity > Self.keptBytes { state.draining = ByteBuffer() } else { state.draining.clear() }
                swap(&state.draining, &state.filling)
            }
            guard let next = state.draining.readSlice(length: min(piece, state.draining.readableBytes)), next.readableBytes > 0 else {
                state.isDrainScheduled = false
                return (nil, [])
            }
            guard !state.waiters.isEmpty else { return (next, []) }
            let bytes = state.bytes
            let awake = state.waiters.filter { bytes < $0.below }
            state.waiters.removeAll { bytes < $0.below }
            return (next, awake)
        }
        for waiter in awake { waiter.semaphore.signal() }
        return next
    }

    /// Takes frames from now on.
    func open() {
        state.withLock { $0.isOpen = true }
    }

    /// Takes no more frames and forgets those that wait. Says how many bytes they were.
    func close() -> Int {
        let (lost, waiters) = state.withLock { state in
            let old = state
            state = State()
            return (old.bytes, old.waiters)
        }
        for waiter in waiters { waiter.semaphore.signal() }
        return lost
    }

    /// Bytes that wait.
    var bytes: Int { state.withLock { $0.bytes } }

    /// Blocks this thread until less than `below` bytes wait: true; or until the connection ends or the time is over: false.
    func waitForRoom(below: Int, until deadline: DispatchTime) -> Bool {
        while true {
            let semaphore = DispatchSemaphore(value: 0)
            let ready: Bool? = state.withLock { state in
                guard state.isOpen else { return false }
                if state.bytes < below { return true }
                state.waiters.append(Waiter(below: below, semaphore: semaphore))
                return nil
            }
            if let ready { return ready }
            // Another thread may fill the room that was just made, hence the loop.
            if semaphore.wait(timeout: deadline) == .timedOut {
                state.withLock { state in state.waiters.removeAll { $0.semaphore === semaphore } }
                return false
            }
        }
    }
}
