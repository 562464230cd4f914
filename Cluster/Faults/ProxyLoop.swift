import Core
import Glibc

/// The proxy's thread: takes connections, finds out who dials, and moves bytes as the links allow. Owned by that thread.
final class ProxyLoop {
    private let shared: Proxy.Shared
    private let listeners: [(node: String, descriptor: Int32)]
    private let ports: [String: Int]
    private var connections: [ProxyConnection] = []

    init(shared: Proxy.Shared, listeners: [(String, Int32)], ports: [String: Int]) {
        self.shared = shared
        self.listeners = listeners.map { (node: $0.0, descriptor: $0.1) }
        self.ports = ports
    }

    func run() {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let (conditions, isOver, resets) = shared.state.withLock { state in
                defer { state.resets = [] }
                return (state.conditions, state.isOver, state.resets)
            }
            if isOver { return end() }
            for connection in connections where !resets.isDisjoint(with: [connection.caller, connection.called]) { connection.reset() }

            var polled = [pollfd(fd: shared.wake.0, events: Int16(POLLIN), revents: 0)]
            for listener in listeners { polled.append(pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0)) }
            let now = MonotonicTime.now()
            var wait: Int32 = 1_000
            for connection in connections { connection.prepare(&polled, conditions, now, &wait) }
            guard poll(&polled, nfds_t(polled.count), wait) >= 0 || errno == EINTR else { return end() }

            if polled[0].revents != 0 { while read(shared.wake.0, &buffer, buffer.count) > 0 {} }
            // Asked again: what is read now may have been sent after a condition was set.
            let after = MonotonicTime.now()
            let current = shared.state.withLock { $0.conditions }
            for connection in connections { connection.move(polled, current, after, &buffer) }
            connections.removeAll { connection in
                guard connection.isOver else { return false }
                connection.close()
                return true
            }
            for (place, listener) in listeners.enumerated() where polled[place + 1].revents != 0 { accept(listener.node, listener.descriptor) }
        }
    }

    private func accept(_ node: String, _ listener: Int32) {
        while let (descriptor, port) = Sockets.accept(listener) {
            let (processes, target) = shared.state.withLock { ($0.processes, $0.targets[node]) }
            let owner = SocketOwner.process(localPort: port, remotePort: ports[node] ?? 0, among: processes.keys.sorted())
            guard let owner, let caller = processes[owner], let target, let other = Sockets.connect(target) else {
                Sockets.reset(descriptor)
                continue
            }
            connections.append(ProxyConnection(caller: caller, called: node, near: descriptor, far: other))
        }
    }

    private func end() {
        for connection in connections { connection.close() }
        for listener in listeners { close(listener.descriptor) }
        connections = []
    }
}

/// One connection through the proxy: the caller's half and the called node's.
final class ProxyConnection {
    let caller: String
    let called: String
    private let near: Int32
    private let far: Int32
    private var there: Stream
    private var back: Stream
    private(set) var isOver = false
    private var isReset = false

    /// Bytes on their way in one direction.
    private struct Stream {
        let link: Link
        let source: Int32
        let sink: Int32
        /// What was read, with the moment from which it may go on.
        var chunks: [(due: MonotonicTime, bytes: ArraySlice<UInt8>)] = []
        var held = 0
        /// The source has ended; told to the sink once everything before has arrived.
        var hasEnded = false
        var endIsTold = false
        /// When the next byte may be sent under a bound of bytes a second.
        var free = MonotonicTime(nanoseconds: 0)
        var sourcePlace = -1
        var sinkPlace = -1
    }

    /// Bytes kept for one direction; as much again waits in the kernel's buffers.
    private static let heldMax = 4 << 20

    init(caller: String, called: String, near: Int32, far: Int32) {
        self.caller = caller
        self.called = called
        self.near = near
        self.far = far
        there = Stream(link: Link(caller, called), source: near, sink: far)
        back = Stream(link: Link(called, caller), source: far, sink: near)
    }

    func reset() {
        isReset = true
        isOver = true
    }

    func close() {
        for descriptor in [near, far] { if isReset { Sockets.reset(descriptor) } else { Glibc.close(descriptor) } }
    }

    /// Adds what must be waited for, and shortens the wait to the next moment at which bytes may go on.
    func prepare(_ polled: inout [pollfd], _ conditions: [Link: LinkCondition], _ now: MonotonicTime, _ wait: inout Int32) {
        Self.prepare(&there, &polled, conditions[there.link] ?? LinkCondition(), now, &wait)
        Self.prepare(&back, &polled, conditions[back.link] ?? LinkCondition(), now, &wait)
    }

    private static func prepare(
        _ stream: inout Stream, _ polled: inout [pollfd], _ condition: LinkCondition, _ now: MonotonicTime, _ wait: inout Int32
    ) {
        stream.sourcePlace = -1
        stream.sinkPlace = -1
        if !condition.isCut, !stream.hasEnded, stream.held < heldMax {
            stream.sourcePlace = polled.count
            polled.append(pollfd(fd: stream.source, events: Int16(POLLIN), revents: 0))
        }
        guard !condition.isCut, let first = stream.chunks.first else { return }
        let due = max(first.due, stream.free)
        if due <= now {
            stream.sinkPlace = polled.count
            polled.append(pollfd(fd: stream.sink, events: Int16(POLLOUT), revents: 0))
        } else {
            wait = min(wait, Int32(clamping: due.nanoseconds(since: now) / 1_000_000 + 1))
        }
    }

    func move(_ polled: [pollfd], _ conditions: [Link: LinkCondition], _ now: MonotonicTime, _ buffer: inout [UInt8]) {
        guard !isOver else { return }
        let isSound =
            Self.move(&there, polled, conditions[there.link] ?? LinkCondition(), now, &buffer)
            && Self.move(&back, polled, conditions[back.link] ?? LinkCondition(), now, &buffer)
        if !isSound || (there.endIsTold && back.endIsTold) { isOver = true }
    }

    /// False if the connection is broken.
    private static func move(
        _ stream: inout Stream, _ polled: [pollfd], _ condition: LinkCondition, _ now: MonotonicTime, _ buffer: inout [UInt8]
    ) -> Bool {
        guard !condition.isCut else { return true }
        if stream.sourcePlace >= 0, polled[stream.sourcePlace].revents != 0 {
            let count = read(stream.source, &buffer, buffer.count)
            if count > 0 {
                stream.chunks.append((now.adding(milliseconds: UInt64(max(0, condition.delayMilliseconds))), ArraySlice(Array(buffer[..<count]))))
                stream.held += count
            } else if count == 0 {
                stream.hasEnded = true
            } else if errno != EAGAIN && errno != EINTR {
                return false
            }
        }
        while let first = stream.chunks.first, max(first.due, stream.free) <= now {
            let most = condition.bytesPerSecond > 0 ? max(1, condition.bytesPerSecond / 50) : first.bytes.count
            let piece = first.bytes.prefix(most)
            let sent = piece.withUnsafeBytes { send(stream.sink, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else {
                if errno == EAGAIN || errno == EINTR || errno == ENOTCONN { break }
                return false
            }
            stream.held -= sent
            if sent == first.bytes.count { stream.chunks.removeFirst() } else { stream.chunks[0].bytes = first.bytes.dropFirst(sent) }
            if condition.bytesPerSecond > 0 {
                stream.free = MonotonicTime(nanoseconds: now.nanoseconds + UInt64(sent) * 1_000_000_000 / UInt64(condition.bytesPerSecond))
            }
        }
        if stream.hasEnded, !stream.endIsTold, stream.chunks.isEmpty {
            stream.endIsTold = true
            shutdown(stream.sink, Int32(SHUT_WR))
        }
        return true
    }
}
