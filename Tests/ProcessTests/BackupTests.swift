import Console
import Core
import DemoData
import Glibc
import Harness
import KhoClient
import Synchronization
import Testing

@testable import kho

/// A cluster's state goes into a file, and comes out of it on another day in another cluster, by the commands that an administrator uses.
extension ProcessTests {
    /// Nodes `n1` and `n2`, and the query node `n3`, of a cluster with the same name that nothing has begun; `end` removes it.
    @Processes private final class Ruins {
        let cluster: LocalCluster
        let folder: TemporaryFolder

        init(_ name: String = "processes") throws {
            folder = try TemporaryFolder(prefix: "kho-restored")
            cluster = LocalCluster(name: name, folder: folder.path, programs: try World.programs)
            cluster.extraConfiguration = "\n[storage]\nmap_size = \"1GiB\"\nsegment_size = \"16MiB\"\n"
            try cluster.makeAuthority()
            try cluster.makeNodes(storage: 2, query: 1)
            for party in DemoCatalogue.parties { try cluster.makeConsumer(agency: party.agency, system: party.system, name: party.identity) }
        }

        func restore(_ file: String, key: String, to node: String = "n1") throws -> CommandResult {
            try cluster.run(["node", "restore", file, "--key", key, "--config", cluster.node(node)?.configuration ?? "", "-o", "json"])
        }

        func succeed(_ arguments: [String], as identity: String = "admin") async throws -> String {
            var last: CommandResult?
            try await wait(for: "kho \(arguments.joined(separator: " "))", seconds: 40, saying: { last?.errors ?? "" }) {
                last = try self.cluster.run(arguments, as: identity)
                return last?.status == 0
            }
            return last?.output ?? ""
        }

        func address(_ name: String) -> String { cluster.node(name)?.adminAddress ?? "" }

        func end() {
            cluster.killAll()
            folder.remove()
        }
    }

    private static func document(_ text: String) throws -> Document { try JSONReader.document(Array(text.utf8), file: "output") }

    /// Backups under writes, each of which can be restored; the last one comes to life again, and shows what the old cluster shows, and not more.
    @Test func aLostClusterIsRestored() async throws {
        let world = try await World.ready()
        try await Units.imported(world)
        let client = try world.client(DemoCatalogue.publisher.identity)
        let dataset = try await client.dataset(named: DemoCatalogue.households)
        let household = try #require(Array(BusinessHouseholds(count: 1)).first)
        let operation = DemoFailover.operation(household, dataset)
        try await client.put(Array("kept-1".utf8), in: dataset.id, operation.fields)

        // While writes go on: records and digests belong together all the same.
        let isEnough = Atomic(false)
        let writing = Task { @Processes in
            var count = 0
            while !isEnough.load(ordering: .relaxed) {
                try await client.put(Array("under-way-\(count)".utf8), in: dataset.id, operation.fields)
                count += 1
            }
            return count
        }
        let early = world.folder + "/early.backup", late = world.folder + "/late.backup", key = world.folder + "/backup.key"
        let taken = try Self.document(try await world.succeed(["node", "backup", "n2", early, "-o", "json"]))
        #expect(taken["schema"]?.string == "kho.node.backup/1" && (taken["entries"]?.int ?? 0) > 0)
        #expect(taken["bytes"]?.int == Int64(try Files.bytes(early).count))
        let verified = try Self.document(try await world.succeed(["node", "verify", early, "--key", key, "-o", "json"]))
        #expect(verified["appliedIndex"] == taken["appliedIndex"])
        isEnough.store(true, ordering: .relaxed)
        #expect(try await writing.value > 0)

        // Nobody writes now: the digests are the cluster's own.
        let records = try await world.equalRecords(of: DemoCatalogue.households)
        _ = try await world.succeed(["node", "backup", "n3", late])
        let held = try Self.document(try await world.succeed(["node", "verify", late, "--key", key, "-o", "json"]))
        let figures = try #require(await world.ask("cluster.figures").first?.answer["datasets"]?.array)
        #expect(held["datasets"]?.array == figures)
        #expect(figures.contains { $0["dataset"]?.string == DemoCatalogue.households && $0["records"]?.int == Int64(records) })

        let ruins = try Ruins()
        defer { ruins.end() }
        let restored = try ruins.restore(late, key: key)
        #expect(restored.status == 0, "\(restored.errors)")
        let report = try Self.document(restored.output)
        #expect(report["newClusterID"]?.string != report["clusterID"]?.string && report["datasets"]?.array == figures)
        // No index of the old cluster comes again.
        #expect(try #require(report["newIndex"]?.int) > (try #require(report["appliedIndex"]?.int)) + 1_000_000_000)
        try ruins.cluster.start("n1")
        let again = try await ruins.succeed(["cluster", "verify", "--timeout", "20s"])
        #expect(again.contains(DemoCatalogue.households))
        // It takes others, and they follow it.
        for name in ["n2", "n3"] { try ruins.cluster.start(name) }
        _ = try await ruins.succeed(["member", "add", "--learner", ruins.address("n2")])
        _ = try await ruins.succeed(["member", "promote", "n2"])
        _ = try await ruins.succeed(["member", "add", "--learner", ruins.address("n3")])
        _ = try await ruins.succeed(["cluster", "verify", "--timeout", "20s"])
        // Who saw a part sees that part.
        for identity in [DemoCatalogue.publisher.identity, DemoCatalogue.statistics.identity] {
            let old = try await world.succeed(["get", DemoCatalogue.households, "kept-1", "-o", "csv"], as: identity)
            #expect(try await ruins.succeed(["get", DemoCatalogue.households, "kept-1", "-o", "csv"], as: identity) == old)
        }
        // It goes on: writes get places behind those of the old cluster, and survive a restart.
        let other = try KhoClient(
            endpoints: ruins.cluster.queryNodes.map(\.clientAddress),
            tls: KhoTLS(
                certificate: ruins.cluster.certificates + "/\(DemoCatalogue.publisher.identity).crt", key: ruins.cluster.certificates + "/\(DemoCatalogue.publisher.identity).key",
                authority: ruins.cluster.certificates + "/ca.crt"), settings: KhoSettings(deadline: .seconds(30)))
        defer { other.close() }
        try await other.put(Array("after".utf8), in: dataset.id, operation.fields)
        for name in ["n1", "n2", "n3"] { ruins.cluster.kill(name) }
        try ruins.cluster.startAll()
        #expect(try await other.count(dataset.id).value == UInt64(records) + 1)
    }

    /// Who has the file and not the key, or the key and half a file, has nothing; and nothing that is there is overwritten.
    @Test func aBackupIsRefusedByName() async throws {
        let world = try await World.ready()
        let file = world.folder + "/sound.backup", key = world.folder + "/backup.key"
        _ = try await world.succeed(["node", "backup", "n1", file])
        // Not a second time into the same file, and not for one who is no administrator.
        let second = try await world.run(["node", "backup", "n1", file])
        #expect(second.status == 64 && second.errors.contains("is there already"), "\(second.errors)")
        let consumer = try await world.run(["node", "backup", "n1", world.folder + "/none.backup"], as: DemoCatalogue.statistics.identity)
        #expect(consumer.status == 77 || consumer.status == 69, "\(consumer.errors)")
        #expect(!Files.names(in: world.folder).contains { $0.hasPrefix("none.backup") || $0.hasPrefix("sound.backup.part") })
        // It stands in the audit file: when it was begun, and when it was drawn whole.
        let lines = try Files.text((try #require(world.cluster.node("n1"))).dataFolder + "/audit.jsonl").split(separator: "\n")
        #expect(lines.contains { $0.contains("node.backup") && $0.contains("done") } && lines.count { $0.contains("node.backup.piece") } == 1)

        let bytes = try Files.bytes(file)
        // No code, name or text of a record is in it, nor what the catalogue is called.
        for text in [DemoCatalogue.households, "processes", DemoCatalogue.publisher.system] { #expect(bytes.firstRange(of: Array(text.utf8)) == nil) }
        let cut = world.folder + "/cut.backup", altered = world.folder + "/altered.backup", wrong = world.folder + "/wrong.key"
        try Files.write(Array(bytes.dropLast(100)), to: cut)
        var changed = bytes
        changed[bytes.count / 2] ^= 1
        try Files.write(changed, to: altered)
        _ = try await world.run(["node", "backup-key", wrong])
        for (name, with, words) in [(cut, key, "before its last frame"), (altered, key, "was changed"), (file, wrong, "another key"), (key, key, "not a backup")] {
            let verified = try await world.run(["node", "verify", name, "--key", with])
            #expect(verified.status == 2 && verified.errors.contains(words), "\(verified.errors)")
        }
        let noKey = try await world.run(["node", "verify", file, "--key", file])
        #expect(noKey.status == 65 && noKey.errors.contains("64 hexadecimal digits"), "\(noKey.errors)")
        // A key is never overwritten.
        #expect(try await world.run(["node", "backup-key", key]).status == 1)

        let ruins = try Ruins()
        defer { ruins.end() }
        let broken = try ruins.restore(cut, key: key)
        #expect(broken.status == 65 && broken.errors.contains("before its last frame"), "\(broken.errors)")
        // What it had begun is gone, and the same directory takes a sound one.
        let node = try #require(ruins.cluster.node("n1"))
        #expect(!Files.exists(node.dataFolder + "/state") && !Files.exists(node.dataFolder + "/identity"))
        let query = try ruins.restore(file, key: key, to: "n3")
        #expect(query.status == 64 && query.errors.contains("query node"), "\(query.errors)")
        #expect(try ruins.restore(file, key: key).status == 0)
        let again = try ruins.restore(file, key: key)
        #expect(again.status == 64 && again.errors.contains("/identity is there already"), "\(again.errors)")
        let stranger = try Ruins("elsewhere")
        defer { stranger.end() }
        let foreign = try stranger.restore(file, key: key)
        #expect(foreign.status == 64 && foreign.errors.contains("backup of cluster processes"), "\(foreign.errors)")
    }
}
