import Core
import NIOCore
import NIOSSL

extension CertificateName {
    /// What the certificate says in its subject alternative names, or nil unless exactly one URI there is a name of Kho. Believe
    /// it only of a certificate that the TLS handshake has verified.
    package init?(certificate: NIOSSLCertificate) {
        var found: CertificateName?
        for entry in certificate._subjectAlternativeNames() where entry.nameType == .uri {
            let uri = entry.contents.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
            guard uri.utf8.starts(with: "kho:".utf8) else { continue }
            guard found == nil, let name = CertificateName(uri: uri) else { return nil }
            found = name
        }
        guard let found else { return nil }
        self = found
    }
}

/// Who is at the other end of a connection whose TLS handshake is complete.
package struct TLSPeer: Equatable, Sendable {
    package let name: CertificateName
    /// Seconds since 1970 after which the certificate is worth nothing; a connection must not outlive it.
    package let notAfter: Int64

    /// From the TLS handler of a pipeline, on its event loop; nil where there is none, or the certificate has no name.
    package init?(pipeline: ChannelPipeline.SynchronousOperations) {
        guard let found = try? pipeline.nioSSL_peerCertificate(), let name = CertificateName(certificate: found) else { return nil }
        self.name = name
        notAfter = Int64(found.notValidAfter)
    }
}
