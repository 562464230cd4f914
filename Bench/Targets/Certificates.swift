import BenchLoad
import Core
import Harness

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

    /// For the load. `oldest`: for servers that do not know TLS 1.3.
    func clientTLS(_ protocols: [String], oldest: ClientTLS.OldestVersion = .tls13) throws -> ClientTLS {
        try ClientTLS(certificate: loadCertificate, key: loadKey, authority: authority, protocols: protocols, oldest: oldest)
    }
}
