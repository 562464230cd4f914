import KhoClient
import NIOCore
import TestSupport

/// The certificates of these tests.
enum Certificates {
    static let shared = Result { try make() }

    private static func make() throws -> TestCertificates {
        let all = try TestCertificates()
        try all.issue("node", "URI:kho://\(World.cluster)/node/-/n1", "IP:127.0.0.1")
        for name in World.consumers + ["stranger"] { try all.issue(name, "URI:kho://\(World.cluster)/consumer/\(name)/sys") }
        try all.issue("elsewhere", "URI:kho://khac/consumer/stat/sys")
        try all.issue("brief", "URI:kho://\(World.cluster)/consumer/stat/sys", days: 1)
        return all
    }
}

extension RawClient {
    /// A raw connection to the world's query service.
    convenience init(_ world: World, as name: String, receiveBufferBytes: Int? = nil) async throws {
        try await self.init(
            port: world.port, identity: try Certificates.shared.get().identity(name), group: world.group, receiveBufferBytes: receiveBufferBytes)
    }
}
