import CLoadSockets
import Core
import Glibc

/// Waits for sockets: epoll, level-triggered. One belongs to one thread.
final class Poller {
    /// What a socket is ready for. An error makes it readable: a read tells which.
    struct Event {
        var token: UInt64
        var isReadable: Bool
        var isWritable: Bool
    }

    private let descriptor: Int32
    private let events: UnsafeMutableBufferPointer<epoll_event>
    private static let eventsMax = 256

    init() throws(ProtocolFailure) {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard descriptor >= 0 else { throw ProtocolFailure("epoll: errno \(errno)") }
        events = .allocate(capacity: Self.eventsMax)
        events.initialize(repeating: epoll_event())
    }

    deinit {
        close(descriptor)
        events.deallocate()
    }

    /// `token` comes back with what happens to the socket. A socket that is closed is forgotten.
    func add(_ socket: Int32, token: UInt64, writing: Bool) { control(EPOLL_CTL_ADD, socket, token, writing) }

    /// Whether it is to be told when the socket takes bytes; that it has bytes is told always.
    func change(_ socket: Int32, token: UInt64, writing: Bool) { control(EPOLL_CTL_MOD, socket, token, writing) }

    private func control(_ operation: Int32, _ socket: Int32, _ token: UInt64, _ writing: Bool) {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue | (writing ? EPOLLOUT.rawValue : 0)
        event.data.u64 = token
        let result = epoll_ctl(descriptor, operation, socket, &event)
        invariant(result == 0, "epoll_ctl of descriptor \(socket): errno \(errno)")
    }

    /// Waits until a socket is ready or so many nanoseconds have passed, at most an hour, and gives what is ready in turn.
    func wait(atMost nanoseconds: UInt64, _ body: (Event) -> Void) {
        let limited = min(nanoseconds, 3_600_000_000_000)
        var time = timespec(tv_sec: Int(limited / 1_000_000_000), tv_nsec: Int(limited % 1_000_000_000))
        let count = epoll_pwait2(descriptor, events.baseAddress, Int32(Self.eventsMax), &time, nil)
        // Interrupted by a signal: as if the time were over.
        guard count > 0 else { return invariant(count == 0 || errno == EINTR, "epoll_pwait2: errno \(errno)") }
        for place in 0..<Int(count) {
            let event = events[place]
            body(
                Event(
                    token: event.data.u64, isReadable: event.events & (EPOLLIN.rawValue | EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0,
                    isWritable: event.events & EPOLLOUT.rawValue != 0))
        }
    }
}
