import Core
import Glibc
import Harness
import Synchronization

/// A proxy in front of each node's peer port, for partitions, delays and bounds on bytes without any right of the system's administrator.
///
/// Each node advertises its proxy's port, so the others dial the proxy. Who dials is asked of the kernel (`SocketOwner`), and so every link
/// has its own condition. A cut link keeps its bytes, and an end of the connection too, until it is sound again: as with a broken cable, nobody is told.
///
/// One thread moves all bytes; its owner talks to it through a lock.
package final class Proxy: FaultyNetwork {
    private let shared: Shared
    private var thread = pthread_t()
    private var isUp = true

    /// The port that stands for each node.
    package let ports: [String: Int]

    /// What both threads see.
    final class Shared: Sendable {
        struct State {
            var conditions: [Link: LinkCondition] = [:]
            var targets: [String: Int] = [:]
            var processes: [pid_t: String] = [:]
            var isOver = false
            var resets = Set<String>()
        }
        let state = Mutex(State())
        /// The reading and the writing end of a pipe that wakes the thread.
        let wake: (Int32, Int32)
        init(wake: (Int32, Int32)) { self.wake = wake }
        func ring() {
            var byte: UInt8 = 0
            write(wake.1, &byte, 1)
        }
    }

    /// Listens for nodes of these names.
    package init(nodes: [String]) throws(FaultError) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw .system("pipe", errno: errno) }
        for end in ends { Sockets.setFlags(end) }
        shared = Shared(wake: (ends[0], ends[1]))
        var ports: [String: Int] = [:]
        var listeners: [(String, Int32)] = []
        for node in nodes {
            let (listener, port) = try Sockets.listen()
            ports[node] = port
            listeners.append((node, listener))
        }
        self.ports = ports
        let start = Start(ProxyLoop(shared: shared, listeners: listeners, ports: ports))
        let pointer = Unmanaged.passRetained(start).toOpaque()
        let code = pthread_create(
            &thread, nil,
            { pointer in
                guard let pointer else { return nil }
                Unmanaged<Start>.fromOpaque(pointer).takeRetainedValue().loop.run()
                return nil
            }, pointer)
        guard code == 0 else { throw .system("thread", errno: code) }
    }

    private final class Start {
        let loop: ProxyLoop
        init(_ loop: ProxyLoop) { self.loop = loop }
    }

    deinit { tearDown() }

    /// Where the node itself listens.
    package func setTarget(_ node: String, port: Int) { shared.state.withLock { $0.targets[node] = port } }

    /// The process that is a node now. Before it is known, its connections are refused, and dialled again soon.
    package func setProcess(_ node: String, pid: pid_t) {
        shared.state.withLock { state in
            state.processes = state.processes.filter { $0.value != node }
            state.processes[pid] = node
        }
    }

    package func set(_ conditions: [Link: LinkCondition]) {
        shared.state.withLock { $0.conditions = conditions }
        shared.ring()
    }

    /// Resets every connection of the node.
    package func reset(_ node: String) {
        shared.state.withLock { _ = $0.resets.insert(node) }
        shared.ring()
    }

    package func tearDown() {
        guard isUp else { return }
        isUp = false
        shared.state.withLock { $0.isOver = true }
        shared.ring()
        pthread_join(thread, nil)
        close(shared.wake.0)
        close(shared.wake.1)
    }
}

/// The few calls on sockets.
enum Sockets {
    /// A listening socket on a port of the loopback interface that the system chooses.
    static func listen() throws(FaultError) -> (Int32, Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .system("socket", errno: errno) }
        var address = loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0 }
        }
        guard isBound, Glibc.listen(descriptor, 64) == 0 else { throw .system("listen", errno: errno) }
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }

    /// A connection whose descriptor does not block, and the port at its other end; nil if none waits.
    static func accept(_ listener: Int32) -> (Int32, port: Int)? {
        ChildProcess.inheritance.withLock { _ in
            var address = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let descriptor = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.accept(listener, $0, &length) }
            }
            guard descriptor >= 0 else { return nil }
            setFlags(descriptor)
            noDelay(descriptor)
            return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
        }
    }

    static func setFlags(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    /// Begins a connection to a port of the loopback interface; nil if it is refused at once.
    static func connect(_ port: Int) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        var address = loopback(port)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard result == 0 || errno == EINPROGRESS else {
            close(descriptor)
            return nil
        }
        noDelay(descriptor)
        return descriptor
    }

    /// Closes with a reset instead of an end.
    static func reset(_ descriptor: Int32) {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close(descriptor)
    }

    private static func noDelay(_ descriptor: Int32) {
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    private static func loopback(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
