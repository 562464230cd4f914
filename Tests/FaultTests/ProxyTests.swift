import Core
import Faults
import Glibc
import Harness
import Testing

/// The proxy between this process, as `a`, and a socket of its own that listens as `b`. Times are bounds to wait within, never claims.
@Suite(.serialized) struct ProxyTests {
    /// Both ends of a connection from `a` to `b` through the proxy.
    private struct Pair {
        let proxy: Proxy
        let near: Int32
        let far: Int32

        init() throws {
            proxy = try Proxy(nodes: ["a", "b"])
            let listener = try #require(TestSocket.listen())
            proxy.setTarget("b", port: listener.port)
            proxy.setProcess("a", pid: getpid())
            let port = try #require(proxy.ports["b"])
            near = try #require(TestSocket.connect(port))
            far = try #require(TestSocket.accept(listener.descriptor))
            close(listener.descriptor)
        }

        func end() {
            close(near)
            close(far)
            proxy.tearDown()
        }
    }

    @Test func bytesPassInBothDirections() throws {
        let pair = try Pair()
        defer { pair.end() }
        TestSocket.write("hello", to: pair.near)
        #expect(TestSocket.read(pair.far, atLeast: 5) == "hello")
        TestSocket.write("world", to: pair.far)
        #expect(TestSocket.read(pair.near, atLeast: 5) == "world")
    }

    @Test func aCutLinkKeepsWhatIsSentUntilItIsSound() throws {
        let pair = try Pair()
        defer { pair.end() }
        pair.proxy.set([Link("a", "b"): LinkCondition(isCut: true)])
        // The other direction shows that the condition has been taken up.
        TestSocket.write("x", to: pair.far)
        #expect(TestSocket.read(pair.near, atLeast: 1) == "x")
        TestSocket.write("held", to: pair.near)
        TestSocket.write("y", to: pair.far)
        #expect(TestSocket.read(pair.near, atLeast: 1) == "y")
        #expect(TestSocket.hasNothing(pair.far, forMilliseconds: 100))
        pair.proxy.set([:])
        #expect(TestSocket.read(pair.far, atLeast: 4) == "held")
    }

    @Test func anEndBehindACutIsNotTold() throws {
        let pair = try Pair()
        defer { pair.proxy.tearDown() }
        pair.proxy.set([Link("a", "b"): LinkCondition(isCut: true)])
        TestSocket.write("x", to: pair.far)
        #expect(TestSocket.read(pair.near, atLeast: 1) == "x")
        close(pair.near)
        #expect(TestSocket.hasNothing(pair.far, forMilliseconds: 100))
        pair.proxy.set([:])
        #expect(TestSocket.read(pair.far, atLeast: 1) == "", "the end arrives")
        close(pair.far)
    }

    @Test func delayAndThrottlingLoseNothing() throws {
        let pair = try Pair()
        defer { pair.end() }
        pair.proxy.set([Link("a", "b"): LinkCondition(delayMilliseconds: 30, bytesPerSecond: 400_000)])
        let text = String(repeating: "0123456789", count: 4_000)
        let begin = MonotonicTime.now()
        TestSocket.write(text, to: pair.near)
        #expect(TestSocket.read(pair.far, atLeast: text.utf8.count) == text)
        #expect(MonotonicTime.now().milliseconds(since: begin) >= 29, "it is never early")
    }

    @Test func aStrangersConnectionIsReset() throws {
        let proxy = try Proxy(nodes: ["a", "b"])
        defer { proxy.tearDown() }
        let listener = try #require(TestSocket.listen())
        defer { close(listener.descriptor) }
        proxy.setTarget("b", port: listener.port)
        let port = try #require(proxy.ports["b"])
        let near = try #require(TestSocket.connect(port))
        defer { close(near) }
        #expect(TestSocket.read(near, atLeast: 1) == "")
    }
}

/// Blocking sockets with a bound on every wait.
enum TestSocket {
    private static let waitMilliseconds: Int32 = 10_000

    static let loopback = "127.0.0.1"

    private static func address(_ port: Int, _ host: String) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        inet_pton(AF_INET, host, &address.sin_addr)
        return address
    }

    static func listen(_ host: String = loopback) -> (descriptor: Int32, port: Int)? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = address(0, host)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0 }
        }
        guard isBound, Glibc.listen(descriptor, 8) == 0 else { return nil }
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }

    static func connect(_ port: Int, _ host: String = loopback) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        return dial(descriptor, port, host) ? descriptor : nil
    }

    private static func dial(_ descriptor: Int32, _ port: Int, _ host: String) -> Bool {
        var address = address(port, host)
        return withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        } == 0
    }

    /// Begins to connect, and does not wait.
    static func begin(_ port: Int, _ host: String) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        return dial(descriptor, port, host) || errno == EINPROGRESS ? descriptor : nil
    }

    static func isConnected(_ descriptor: Int32, withinMilliseconds milliseconds: Int32) -> Bool {
        var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&polled, 1, milliseconds) == 1 && polled.revents & Int16(POLLERR | POLLHUP) == 0
    }

    private static func waitToRead(_ descriptor: Int32, _ milliseconds: Int32) -> Bool {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&polled, 1, milliseconds) == 1
    }

    static func accept(_ listener: Int32) -> Int32? { waitToRead(listener, waitMilliseconds) ? Glibc.accept(listener, nil, nil) : nil }

    static func write(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            let sent = bytes[done...].withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else { return }
            done += sent
        }
    }

    /// Reads until so many bytes are there, or the end; what came.
    static func read(_ descriptor: Int32, atLeast count: Int) -> String {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while all.count < count, waitToRead(descriptor, waitMilliseconds) {
            let n = Glibc.read(descriptor, &buffer, buffer.count)
            guard n > 0 else { break }
            all += buffer[..<n]
        }
        return String(decoding: all, as: UTF8.self)
    }

    static func hasNothing(_ descriptor: Int32, forMilliseconds milliseconds: Int32) -> Bool { !waitToRead(descriptor, milliseconds) }
}
