import Core
import Harness
import NIOSSL
import Transport

/// Certificates of an authority of the harness's own, made by `kho cert`: for servers that are not Kho, and for the load.
final class Certificates {
    private let cluster: LocalCluster
    let folder: String

    init(in folder: String, programs: String) throws {
        cluster = LocalCluster(name: "bench", folder: folder, programs: programs)
        self.folder = cluster.certificates
        try cluster.makeAuthority()
        try cluster.issue(.node(name: "server", host: "127.0.0.1"))
        try cluster.makeConsumer(agency: "bench", system: "load", name: "load")
    }

    var authority: String { folder + "/ca.crt" }
    var serverCertificate: String { folder + "/server.crt" }
    var serverKey: String { folder + "/server.key" }
    var loadCertificate: String { folder + "/load.crt" }
    var loadKey: String { folder + "/load.key" }

    func clientContext(_ protocols: [String]) throws -> NIOSSLContext {
        try TLSIdentity(files: TLSFiles(certificate: loadCertificate, key: loadKey, authority: authority)).clientContext(protocols: protocols)
    }

    /// For servers that do not know TLS 1.3.
    func oldClientContext(_ protocols: [String]) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(loadCertificate).map { .certificate($0) }
        configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: loadKey, format: .pem))
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authority))
        configuration.certificateVerification = .noHostnameVerification
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = protocols
        return try NIOSSLContext(configuration: configuration)
    }
}
