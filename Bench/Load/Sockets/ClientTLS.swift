import CLoadSockets

/// Who the generator is in TLS, and whom it believes: for all connections of a load. OpenSSL, and not what Kho itself uses: see README.md.
///
/// Sendable because a context is not changed once it is made, and OpenSSL counts its references atomically.
package final class ClientTLS: @unchecked Sendable {
    private let context: OpaquePointer

    /// The oldest version that is spoken; the newest that both sides know is taken.
    package enum OldestVersion: Sendable {
        case tls12, tls13
        fileprivate var number: Int { Int(self == .tls12 ? TLS1_2_VERSION : TLS1_3_VERSION) }
    }

    /// Reads the three PEM files: certificate with its chain, key, the authority of the other side. The other side's certificate must chain to it; which host
    /// it is for is not looked at.
    package init(certificate: String, key: String, authority: String, protocols: [String], oldest: OldestVersion = .tls13) throws(ProtocolFailure) {
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw ProtocolFailure("TLS: \(Self.reason())") }
        self.context = context
        SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, oldest.number, nil)
        // A large answer is written as far as the socket takes it, from a buffer that may have moved.
        SSL_CTX_ctrl(context, SSL_CTRL_MODE, Int(SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER), nil)
        // One system call takes all that a socket has, and not the five bytes of a record's head first.
        SSL_CTX_ctrl(context, SSL_CTRL_SET_READ_AHEAD, 1, nil)
        SSL_CTX_set_default_read_buffer_len(context, Self.readBytes)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        // AES-128 first, as most clients ask for: the other side takes the first that it knows, or its own favourite.
        var isSet = SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1
        isSet = isSet && SSL_CTX_load_verify_locations(context, authority, nil) == 1
        isSet = isSet && SSL_CTX_use_certificate_chain_file(context, certificate) == 1
        isSet = isSet && SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1
        let names = protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        // 0 says that it went well, of this function alone.
        isSet = isSet && (names.isEmpty || SSL_CTX_set_alpn_protos(context, names, UInt32(names.count)) == 0)
        guard isSet else { throw ProtocolFailure("TLS with \(certificate), \(key) and \(authority): \(Self.reason())") }
    }

    deinit { SSL_CTX_free(context) }

    private static let readBytes = 64 << 10

    /// TLS over a connected socket, of which nothing is said yet.
    func session(over descriptor: Int32) throws(ProtocolFailure) -> TLSSession {
        guard let session = SSL_new(context), SSL_set_fd(session, descriptor) == 1 else { throw ProtocolFailure("TLS: \(Self.reason())") }
        SSL_set_connect_state(session)
        return TLSSession(session)
    }

    /// The first thing that OpenSSL complained about on this thread; forgets the others.
    fileprivate static func reason() -> String {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0 else { return "the other side closed the connection" }
        var text = [CChar](repeating: 0, count: 256)
        ERR_error_string_n(code, &text, text.count)
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// TLS on one socket, which it does not own. Used by one thread at a time.
final class TLSSession {
    private let session: OpaquePointer

    fileprivate init(_ session: OpaquePointer) { self.session = session }
    deinit { SSL_free(session) }

    /// What a call came to.
    enum Progress: Equatable {
        case done(Int)
        case wantsRead, wantsWrite
        /// The other side said that it is over.
        case closed
    }

    func handshake() throws(ProtocolFailure) -> Progress { try progress(of: SSL_do_handshake(session)) }

    /// At most a TLS record's content.
    @inline(__always)
    func read(into room: UnsafeMutableRawBufferPointer) throws(ProtocolFailure) -> Progress {
        try progress(of: SSL_read(session, room.baseAddress, Int32(clamping: room.count)))
    }

    /// As much as the socket takes. After `wantsWrite` the same bytes must be written next, and more may follow them.
    @inline(__always)
    func write(_ bytes: UnsafeRawBufferPointer) throws(ProtocolFailure) -> Progress {
        try progress(of: SSL_write(session, bytes.baseAddress, Int32(clamping: bytes.count)))
    }

    /// Whether bytes that were taken from the socket wait to be read; they may be less than a record.
    var holdsMore: Bool { SSL_has_pending(session) == 1 }

    @inline(__always)
    private func progress(of result: Int32) throws(ProtocolFailure) -> Progress {
        if result > 0 { return .done(Int(result)) }
        return try whatElse(result)
    }

    private func whatElse(_ result: Int32) throws(ProtocolFailure) -> Progress {
        switch SSL_get_error(session, result) {
        case SSL_ERROR_WANT_READ: return .wantsRead
        case SSL_ERROR_WANT_WRITE: return .wantsWrite
        case SSL_ERROR_ZERO_RETURN: return .closed
        default: throw ProtocolFailure("TLS: \(ClientTLS.reason())")
        }
    }
}
