import Catalogue
import Core
import Foundation
import KhoClient
import NIOCore
import NIOPosix
import QueryService
import Records
import Replica
import SegmentLog
import Store
import Synchronization
import TestSupport
import Testing
import Transport

/// A query service on the loopback interface over a replica of one voter with real files, and a small world of rights.
///
/// The dataset `houses` is shared on request. Its owner `own/sys` sees and writes everything. `stat/sys` sees `name` and `district` of every
/// record; `tax/sys` these two and, in district 219, `capital`; `near/sys` everything but only in district 219. `units` is open.
final class World: Sendable {
    let folder: URL
    let group: MultiThreadedEventLoopGroup
    let replica: Replica
    let store: StateStore
    let partners: Partners
    let server: QueryServer
    let port: Int
    let events = Mutex<[QueryEvent]>([])
    static let cluster = "thu-nghiem"
    static let consumers = ["own", "stat", "tax", "near", "nobody"]

    private final class EventSink: Sendable {
        let world = Mutex<World?>(nil)
        func add(_ event: QueryEvent) { world.withLock { $0 }?.events.withLock { $0.append(event) } }
    }

    /// - Parameters:
    ///   - count: voters beside the one that serves.
    ///   - readMode: with leases, the one that serves asks for them as long as another one leads.
    init(partners count: Int = 0, readMode: ReadMode = .readIndex, settings change: (inout QuerySettings) -> Void = { _ in }) async throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("kho-query-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let certificates = try Certificates.shared.get()
        let clusterID = ClusterID(high: 3, low: 4)
        partners = Partners(count, readMode: readMode)
        (replica, store) = try partners.make(NodeID(1), in: folder.path + "/1", cluster: clusterID)
        try partners.start(in: folder.path, cluster: clusterID)
        replica.start()
        group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        var settings = QuerySettings(node: "n1", version: "0", clusterName: Self.cluster, clusterID: clusterID)
        change(&settings)
        let sink = EventSink()
        server = QueryServer(settings: settings, group: group, replica: replica, store: store, audit: { sink.add($0) })
        port = try await server.start(host: "127.0.0.1", port: 0, identity: try certificates.identity("node"))
        sink.world.withLock { $0 = self }
        try await makeRights()
    }

    func stop() async {
        await server.stop(withinMilliseconds: 200)
        replica.stop()
        partners.stop()
        try? await group.shutdownGracefully()
        try? FileManager.default.removeItem(at: folder)
    }

    func client(_ name: String) async throws -> KhoClient {
        let certificates = try Certificates.shared.get()
        return try await KhoClient.connect(
            endpoints: ["127.0.0.1:\(port)"],
            tls: KhoTLS(certificate: certificates.path("\(name).pem"), key: certificates.path("\(name).key"), authority: certificates.path("authority.pem")))
    }

    // MARK: Rights

    @discardableResult
    func apply(_ command: Command, on other: Replica? = nil) async throws -> CommandOutcome? {
        let replica = other ?? replica
        for _ in 0..<500 {
            let result = await withCheckedContinuation { continuation in replica.propose(command.encoded()) { continuation.resume(returning: $0) } }
            if case let .applied(outcome, _) = result { return outcome }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw InVain("the command was not applied")
    }

    @discardableResult
    func change(
        _ kind: ObjectKind, _ document: Document, _ verb: CatalogueChange.Verb = .apply, on other: Replica? = nil
    ) async throws -> CommandOutcome? {
        let outcome = try await apply(.catalogue(.init(actor: PrincipalID(2), change: .init(verb: verb, kind: kind, document: document))), on: other)
        if case let .rejected(rejection)? = outcome { throw InVain("\(rejection)") }
        return outcome
    }

    private func makeRights() async throws {
        try await apply(.genesis(.init(clusterName: Self.cluster, tokenKey: [UInt8](repeating: 9, count: 32), agency: "ops", system: "admin")))
        for name in Self.consumers {
            try await change(.agency, ["code": .string(name)])
            try await change(.principal, ["code": "sys", "agency": .string(name), "attributes": ["district": "219"]])
        }
        try await change(
            .dataset,
            ["code": "units", "owner": "own", "class": "open", "kind": "codeList", "fields": [["name": "name", "kind": "string", "sensitivity": "public"]]])
        try await change(
            .dataset,
            [
                "code": "houses", "owner": "own", "class": "sharedOnRequest",
                "fields": [
                    ["name": "name", "kind": "string", "sensitivity": "public", "required": true, "maxBytes": 100_000],
                    ["name": "district", "kind": "string", "sensitivity": "public"],
                    ["name": "owner", "kind": "string", "sensitivity": "personal"],
                    ["name": "capital", "kind": "int64", "sensitivity": "internal"],
                ],
            ])
        try await agree("stat-all", "stat/sys", ["name", "district"])
        try await agree("tax-all", "tax/sys", ["name", "district"])
        try await agree("tax-own", "tax/sys", ["name", "district", "capital"], "district = $principal.district")
        try await agree("near-own", "near/sys", ["name", "district", "owner", "capital"], "district = '219'")
    }

    private func agree(_ code: String, _ consumer: String, _ fields: [String], _ condition: String? = nil) async throws {
        var members: [Document.Member] = [
            .init("code", .string(code)), .init("dataset", "houses"), .init("consumer", .string(consumer)),
            .init("actions", ["get", "scan", "count"]), .init("fields", .array(fields.map { .string($0) })), .init("purpose", "test"),
        ]
        if let condition { members.append(.init("where", .string(condition))) }
        try await change(.agreement, .object(members))
    }

    func dataset(_ code: String) throws -> DatasetID {
        let found = try store.withReadView { view throws(StoreError) in view.catalogue.dataset(code: code)?.id }
        return try #require(found)
    }

    /// Records 0 to `count` − 1: every third in district 219.
    func fill(_ count: Int) async throws {
        let client = try await client("own")
        defer { client.close() }
        let houses = try dataset("houses")
        var operations: [WriteOperation] = []
        for i in 0..<count {
            operations.append(
                WriteOperation(
                    kind: .put, dataset: houses, key: Self.key(i),
                    fields: [
                        .init(FieldID(1), .string("house \(i)!")), .init(FieldID(2), .string(i % 3 == 0 ? "219" : "220")),
                        .init(FieldID(3), .string("OWNER-CANARY-\(i)!")), .init(FieldID(4), .int64(Int64(i) + 1_000)),
                    ]))
        }
        for start in stride(from: 0, to: count, by: 500) { _ = try await client.batch(Array(operations[start..<min(count, start + 500)])) }
    }

    static func key(_ i: Int) -> [UInt8] { Array(("h" + String(repeating: "0", count: 6 - String(i).count) + String(i)).utf8) }
}
