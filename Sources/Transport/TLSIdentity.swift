import Core
import Glibc
import NIOCore
import NIOSSL

/// Where a program's TLS identity stands: PEM files.
package struct TLSFiles: Equatable, Sendable {
    /// The own certificate, followed by intermediate ones if there are any.
    package var certificate: String
    /// The own private key, without a passphrase.
    package var key: String
    /// The certificates of the authority that everybody else's must chain to.
    package var authority: String

    package init(certificate: String, key: String, authority: String) {
        self.certificate = certificate
        self.key = key
        self.authority = authority
    }
}

/// Who this program is in TLS, and whom it believes: certificate, key and authority, read once and checked.
package struct TLSIdentity: Sendable {
    /// What the own certificate says.
    package let name: CertificateName
    /// Seconds since 1970 after which the own certificate is worth nothing.
    package let notAfter: Int64
    private let files: TLSFiles
    private let chain: [NIOSSLCertificate]
    private let key: NIOSSLPrivateKey
    private let authority: [NIOSSLCertificate]

    /// Reads the three files and checks that they fit together at this time (milliseconds since 1970). Blocks on the disk.
    package init(files: TLSFiles, now: Int64 = WallClock.now()) throws(TransportError) {
        chain = try Self.certificates(files.certificate, now: now)
        authority = try Self.certificates(files.authority, now: now)
        let bytes = try Self.bytes(files.key)
        guard !bytes.isEmpty, let key = try? NIOSSLPrivateKey(bytes: bytes, format: .pem) else {
            throw .notPEM(path: files.key, expected: "a private key")
        }
        guard let name = CertificateName(certificate: chain[0]) else { throw .nameless(path: files.certificate) }
        self.key = key
        self.name = name
        self.files = files
        notAfter = Int64(chain[0].notValidAfter)
        // The library compares the two when a context is made.
        do { _ = try NIOSSLContext(configuration: configuration(server: false, protocols: [])) } catch {
            throw .keyDoesNotFit(key: files.key, certificate: files.certificate)
        }
    }

    /// A context for accepting connections: TLS 1.3, a certificate of the authority is demanded. Expensive; make it once.
    ///
    /// `protocols` are the ALPN names offered. The handshake also completes without a common one: who uses the context compares what was
    /// negotiated.
    package func serverContext(protocols: [String]) throws(TransportError) -> NIOSSLContext {
        try context(server: true, protocols: protocols)
    }

    /// A context for making connections: TLS 1.3, the other side's certificate must be of the authority. Which host it was issued for
    /// is looked at with `verifiesHost` only; who uses the context checks the certificate's `CertificateName` in any case.
    package func clientContext(protocols: [String], verifiesHost: Bool = false) throws(TransportError) -> NIOSSLContext {
        try context(server: false, protocols: protocols, verifiesHost: verifiesHost)
    }

    private func context(server: Bool, protocols: [String], verifiesHost: Bool = false) throws(TransportError) -> NIOSSLContext {
        var settings = configuration(server: server, protocols: protocols)
        if verifiesHost { settings.certificateVerification = .fullVerification }
        do { return try NIOSSLContext(configuration: settings) } catch {
            throw .refused(path: files.certificate, reason: "\(error)")
        }
    }

    private func configuration(server: Bool, protocols: [String]) -> TLSConfiguration {
        let chain = chain.map { NIOSSLCertificateSource.certificate($0) }
        var configuration = TLSConfiguration.makeClientConfiguration()
        if server {
            configuration = .makeServerConfigurationWithMTLS(
                certificateChain: chain, privateKey: .privateKey(key), trustRoots: .certificates(authority))
        } else {
            configuration.certificateChain = chain
            configuration.privateKey = .privateKey(key)
            configuration.trustRoots = .certificates(authority)
            configuration.certificateVerification = .noHostnameVerification
        }
        configuration.minimumTLSVersion = .tlsv13
        configuration.applicationProtocols = protocols
        // A dead peer answers no farewell, and nobody should wait for it long.
        configuration.shutdownTimeout = .milliseconds(500)
        return configuration
    }

    /// At least one certificate, all of them valid now.
    private static func certificates(_ path: String, now: Int64) throws(TransportError) -> [NIOSSLCertificate] {
        let bytes = try bytes(path)
        guard !bytes.isEmpty, let all = try? NIOSSLCertificate.fromPEMBytes(bytes), !all.isEmpty else {
            throw .notPEM(path: path, expected: "a certificate")
        }
        for certificate in all {
            if Int64(certificate.notValidAfter) <= now / 1_000 {
                throw .expired(path: path, since: time(certificate.notValidAfter))
            }
            if Int64(certificate.notValidBefore) > now / 1_000 {
                throw .notYetValid(path: path, before: time(certificate.notValidBefore))
            }
        }
        return all
    }

    private static func time(_ seconds: time_t) -> String {
        var seconds = seconds
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 32)
        let count = strftime(&text, text.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
        return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The whole file, of a mebibyte at most.
    private static func bytes(_ path: String) throws(TransportError) -> [UInt8] {
        func failed(_ code: Int32) -> TransportError { .unreadable(path: path, reason: String(cString: strerror(code))) }
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failed(errno) }
        defer { close(file) }
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 14)
        while true {
            let count = read(file, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw failed(errno) }
            if count == 0 { return all }
            all += buffer[..<count]
            guard all.count <= 1 << 20 else { throw failed(EFBIG) }
        }
    }
}
