import KhoClient
import TestSupport
import Transport

extension RawClient {
    /// A raw connection to a node of the cluster, with the identity of a client's settings.
    convenience init(_ address: String, _ tls: KhoTLS) async throws {
        let identity = try TLSIdentity(files: TLSFiles(certificate: tls.certificate, key: tls.key, authority: tls.authority))
        try await self.init(port: Int(address.split(separator: ":").last ?? "") ?? 0, identity: identity)
    }
}
