import Backup
import Configuration
import Core
import Cryptography
import Glibc
import Harness
import Logging
import NIOPosix
import Synchronization
import TestSupport
import Testing
import Transport
import Wire

@testable import Node

/// Who is answered on the administrators' port, by one node in this process.
@Suite(.serialized) struct AdministrationTests {
    static let certificates = Result {
        let all = try TestCertificates()
        try all.issue("n1", "URI:kho://thu/node/-/n1", "IP:127.0.0.1")
        try all.issue("admin", "URI:kho://thu/administrator/ops/admin")
        return all
    }

    private struct World {
        let runtime: NodeRuntime
        let group: MultiThreadedEventLoopGroup
        var service: AdminService { AdminService(runtime: runtime) }

        static func admin(_ system: String) throws -> CertificateName {
            try #require(CertificateName(cluster: "thu", role: "administrator", agency: "ops", system: system))
        }

        func answer(_ method: String, _ body: Document = .null, as system: String = "admin") async throws -> Result<Document, WireError> {
            await service.answer(method, body, caller: try Self.admin(system), remote: "test").map(\.body)
        }

        func reply(_ method: String, _ body: Document) async throws -> AdminReply {
            try await service.answer(method, body, caller: try Self.admin("admin"), remote: "test").get()
        }

        func succeed(_ method: String, _ body: Document) async throws {
            var answer = try await answer(method, body)
            // Until the node leads.
            for _ in 0..<100 {
                guard case let .failure(error) = answer, error.code == .unavailable else { break }
                try await Task.sleep(nanoseconds: 50_000_000)
                answer = try await self.answer(method, body)
            }
            _ = try answer.get()
        }

        /// What is refused with, if it is.
        func code(_ method: String, _ body: Document = .null, as system: String = "admin") async throws -> ErrorCode? {
            if case let .failure(error) = try await answer(method, body, as: system) { error.code } else { nil }
        }
    }

    /// A node that is one of so many voters, the others of which are not there.
    private func with(voters: Int, backupKey: String? = nil, _ body: (World) async throws -> Void) async throws {
        let certificates = try Self.certificates.get()
        let folder = "/tmp/kho-node-\(SystemRandom.uint64())"
        defer { Files.removeTree(folder) }
        let ports = HeldPort.forGood(2)
        let text = """
            role = "storage"
            name = "n1"
            data = "\(folder)"
            [listen]
            peer = "127.0.0.1:\(ports[0])"
            admin = "127.0.0.1:\(ports[1])"
            [storage]
            map_size = "64 MiB"
            segment_size = "16 MiB"
            [tls]
            certificate = "\(certificates.path("n1.pem"))"
            key = "\(certificates.path("n1.key"))"
            ca = "\(certificates.path("authority.pem"))"
            """ + (backupKey.map { "\n[backup]\nkey = \"\($0)\"\n" } ?? "")
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let runtime = try NodeRuntime(
            NodeConfiguration(TOMLFile(parsing: text, name: "khod.toml")), loops: NodeLoops(clients: group, peers: group), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            failed: { Issue.record("\($0)") })
        let members = (1...voters).map { number in
            Membership.Member(
                id: NodeID(UInt32(number)), name: "n\(number)", peerAddress: "127.0.0.1:\(ports[0])", adminAddress: "127.0.0.1:\(ports[1])",
                incarnation: number == 1 ? runtime.identity.incarnation : Incarnation(UInt64(number)))
        }
        try await runtime.take(
            NodeIdentity.Place(
                cluster: ClusterID(high: 5, low: 6), node: NodeID(1), firstMembership: Membership(members: members, voters: members.map(\.id))))
        var problem: (any Error)?
        do { try await body(World(runtime: runtime, group: group)) } catch { problem = error }
        await runtime.stop()
        try await group.shutdownGracefully()
        if let problem { throw problem }
    }

    private static let looks: [(method: String, body: Document)] = [
        ("node.status", .null), ("cluster.figures", .null), ("cluster.rescan", ["begin": true]), ("member.list", .null), ("catalogue.list", ["kind": "agency"]),
        ("catalogue.show", ["kind": "agency", "code": "ops"]), ("access.explain", ["as": "ops/sys", "dataset": "d"]),
    ]

    /// What is not taken of other nodes is counted and shown: here the node dials the second voter and finds itself.
    @Test func refusedConnectionsAreShown() async throws {
        try await with(voters: 2) { world in
            let stack = try #require(world.runtime.stack)
            var shown = AdminService.peers(stack)
            for _ in 0..<200 where shown["refused"]?.array?.isEmpty != false {
                try await Task.sleep(nanoseconds: 20_000_000)
                shown = AdminService.peers(stack)
            }
            #expect(shown["refused"]?.array?.contains { $0["reason"] == "not the node expected" && ($0["count"]?.int ?? 0) > 0 } == true, "\(shown)")
            // Nobody was there to take a message.
            #expect(shown["sent"] == 0 && shown["received"] == 0 && shown["unreadable"] == 0)
        }
    }

    /// A node that was given no key gives no backup, rather than one that anybody can read; one that has a key gives each piece once more, and no other out of its order.
    @Test func aBackupComesPieceByPiece() async throws {
        let key = "/tmp/kho-key-\(SystemRandom.uint64())"
        defer { unlink(key) }
        try Files.write(BackupKey().text, to: key)
        try await with(voters: 1) { (world: World) async throws in
            try await world.succeed("cluster.genesis", .null)
            #expect(try await world.code("node.backup") == .refused)
        }
        try await with(voters: 1, backupKey: key) { (world: World) async throws in
            #expect(try await world.code("node.backup") == .refused)
            try await world.succeed("cluster.genesis", .null)
            #expect(try await world.code("node.backup.piece", ["backup": 1, "piece": 0]) == .refused)
            let begun = try await world.answer("node.backup").get()
            let number = try #require(begun["backup"])
            #expect(try await world.code("node.backup") == .throttled)
            let first = try await world.reply("node.backup.piece", ["backup": number, "piece": 0])
            #expect(first.attachment.starts(with: Array("KHOBACK1".utf8)) && first.body["bytes"]?.int == Int64(first.attachment.count))
            #expect(first.body["sha256"]?.string == SHA256.digest(of: first.attachment).description)
            #expect(first.body["entries"] == begun["entries"])
            // The answer may have been lost.
            #expect(try await world.reply("node.backup.piece", ["backup": number, "piece": 0]) == first)
            for place in [1, 2, -1] { #expect(try await world.code("node.backup.piece", ["backup": number, "piece": .int(Int64(place))]) == .invalidRequest) }
            #expect(try await world.code("node.backup.piece", ["backup": 9, "piece": 0]) == .refused)
            // It was whole: another one may begin, and the old one is over.
            let second = try #require(try await world.answer("node.backup").get()["backup"])
            #expect(second != number)
            #expect(try await world.code("node.backup.piece", ["backup": number, "piece": 0]) == .refused)
            try await world.succeed("catalogue.apply", ["kind": "principal", "document": ["agency": "ops", "code": "other", "role": "administrator", "active": true]])
            // Another administrator's backup is his.
            #expect(try await world.code("node.backup.piece", ["backup": second, "piece": 0], as: "other") == .refused)
            try await world.succeed("catalogue.apply", ["kind": "principal", "document": ["agency": "ops", "code": "other", "role": "administrator", "active": false]])
            #expect(try await world.code("node.backup", as: "other") == .denied)
            #expect(try await world.code("node.backup.piece", ["backup": second, "piece": 0], as: "other") == .denied)
        }
    }

    private static let acts: [(method: String, body: Document)] = [
        ("member.add", ["name": "q9", "peer": "127.0.0.1:1", "admin": "127.0.0.1:2", "incarnation": "0000000000000009"]),
        ("catalogue.apply", ["kind": "agency", "document": ["code": "x"]]),
    ]

    /// An administrator whose right has gone is answered nothing and changes nothing.
    @Test func aFormerAdministratorIsRefusedEverything() async throws {
        try await with(voters: 1) { (world: World) async throws in
            try await world.succeed("cluster.genesis", .null)
            func other(isActive: Bool) -> Document {
                ["kind": "principal", "document": ["agency": "ops", "code": "other", "role": "administrator", "active": .bool(isActive)]]
            }
            try await world.succeed("catalogue.apply", other(isActive: true))
            try await world.succeed("catalogue.apply", ["kind": "principal", "document": ["agency": "ops", "code": "sys"]])
            try await world.succeed(
                "catalogue.apply",
                [
                    "kind": "dataset",
                    "document": ["code": "d", "owner": "ops", "class": "open", "fields": [["name": "x", "kind": "string", "sensitivity": "public"]]],
                ])
            for (method, body) in Self.looks { #expect(try await world.code(method, body, as: "other") == nil, "\(method)") }
            try await world.succeed("catalogue.apply", other(isActive: false))
            for (method, body) in Self.looks + Self.acts { #expect(try await world.code(method, body, as: "other") == .denied, "\(method)") }
            for (method, body) in Self.looks { #expect(try await world.code(method, body) == nil, "\(method)") }
            #expect(try await world.code("node.rebuild", as: "other") == .denied)
            // Alone there is nobody to rebuild it from.
            #expect(try await world.code("node.rebuild") == .refused)
            #expect(try await world.answer("node.status").get()["damage"] == .null)
            #expect(try await world.code("catalogue.show", ["kind": "agency", "code": "x"]) == .notFound)
            #expect(try await world.answer("member.list").get().array?.count == 1)
        }
    }

    /// Without a quorum nothing is said of the catalogue, which may have changed; what tells of the node itself is answered.
    @Test func withoutAQuorumTheNodeTellsOfItselfAlone() async throws {
        try await with(voters: 3) { (world: World) async throws in
            for method in ["node.identify", "node.status", "cluster.figures", "cluster.rescan", "member.list"] {
                #expect(try await world.code(method) == nil, "\(method)")
            }
            for (method, body) in Self.looks.suffix(3) + Self.acts { #expect(try await world.code(method, body) == .unavailable, "\(method)") }
        }
    }

    @Test func aConnectionEndsWithItsCertificate() async throws {
        try await with(voters: 1) { (world: World) async throws in
            let port = HeldPort.forGood(1)[0]
            let ahead = Atomic<Int64>(0)
            let server = AdminServer(service: world.service, group: world.group) { WallClock.now() + ahead.load(ordering: .relaxed) }
            let certificates = try Self.certificates.get()
            try await server.start(address: "127.0.0.1:\(port)", identity: try certificates.identity("n1"), clusterName: "thu")
            let client = try await RawClient(port: port, identity: try certificates.identity("admin"))
            try client.send(Hello(frameBytes: UInt32(Limits.frameBytes), client: "test", clientVersion: "0"), 0)
            try client.send(AdminRequest(method: "node.identify", body: .null), 1)
            #expect(try await client.answer(1).error == nil)
            ahead.store(3 * 86_400_000, ordering: .relaxed)
            try await client.waitUntilClosed()
            #expect(client.frames.last?.error?.code == .unauthenticated)
            await server.stop()
        }
    }
}
