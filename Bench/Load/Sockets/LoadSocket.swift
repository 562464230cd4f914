import Core
import Glibc

/// A TCP connection, with TLS or without, that never blocks. One belongs to one thread.
final class LoadSocket {
    let descriptor: Int32
    private var tls: TLSSession?

    /// What a read or a write came to.
    enum Progress: Equatable {
        case bytes(Int)
        /// Nothing more for now; `forWrite`: go on when the socket takes bytes.
        case later(forWrite: Bool)
        case closed
    }

    /// Begins to connect. Looks the name up, which may block.
    init(to endpoint: Endpoint) throws(ProtocolFailure) {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(endpoint.host, "\(endpoint.port)", &hints, &found)
        guard code == 0, let address = found else { throw ProtocolFailure("\(endpoint): \(String(cString: gai_strerror(code)))") }
        defer { freeaddrinfo(found) }
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        descriptor = socket(address.pointee.ai_family, kind, 0)
        guard descriptor >= 0 else { throw ProtocolFailure("\(endpoint): no socket, errno \(errno)") }
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        guard connect(descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0 || errno == EINPROGRESS else {
            throw ProtocolFailure("\(endpoint): \(Self.text(errno))")
        }
    }

    deinit {
        tls = nil
        close(descriptor)
    }

    /// Once the socket takes bytes: whether the connection was made.
    func checkConnected() throws(ProtocolFailure) {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        if code != 0 { throw ProtocolFailure(Self.text(code)) }
    }

    /// From here on what is read and written goes through TLS; `handshake` comes first.
    func start(_ tls: ClientTLS) throws(ProtocolFailure) { self.tls = try tls.session(over: descriptor) }

    /// `bytes(0)` when it is done.
    func handshake() throws(ProtocolFailure) -> Progress {
        guard let tls else { return .bytes(0) }
        let progress = progress(try tls.handshake())
        if case .bytes = progress { return .bytes(0) }
        return progress
    }

    @inline(__always)
    func read(into room: UnsafeMutableRawBufferPointer) throws(ProtocolFailure) -> Progress {
        if let tls { return progress(try tls.read(into: room)) }
        let count = Glibc.read(descriptor, room.baseAddress, room.count)
        return count > 0 ? .bytes(count) : count == 0 ? .closed : try later(forWrite: false)
    }

    /// As much of them as the socket takes. After `later` the same bytes must come next, and more may follow them.
    @inline(__always)
    func write(_ bytes: UnsafeRawBufferPointer) throws(ProtocolFailure) -> Progress {
        if let tls { return progress(try tls.write(bytes)) }
        let count = Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        return count >= 0 ? .bytes(count) : try later(forWrite: true)
    }

    /// Whether bytes that were taken from the socket wait to be read, so that the kernel does not tell of them.
    @inline(__always)
    var holdsMore: Bool { tls?.holdsMore ?? false }

    @inline(__always)
    private func progress(_ progress: TLSSession.Progress) -> Progress {
        switch progress {
        case let .done(count): .bytes(count)
        case .wantsRead: .later(forWrite: false)
        case .wantsWrite: .later(forWrite: true)
        case .closed: .closed
        }
    }

    private func later(forWrite: Bool) throws(ProtocolFailure) -> Progress {
        let code = errno
        guard code == EAGAIN || code == EINTR else { throw ProtocolFailure(Self.text(code)) }
        return .later(forWrite: forWrite)
    }

    private static func text(_ code: Int32) -> String { String(cString: strerror(code)) }
}
