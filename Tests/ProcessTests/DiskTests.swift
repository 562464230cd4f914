import Core
import DemoData
import Glibc
import Harness
import KhoClient
import Testing

@testable import kho

/// Disks without room, shown without the right to mount one: a node that takes its disk for full, and one whose files may not grow.
extension ProcessTests {
    private func put(_ household: BusinessHouseholds.Household, _ client: KhoClient, _ dataset: DatasetDescription) async throws -> [UInt8] {
        let operation = DemoFailover.operation(household, dataset)
        try await client.put(operation.key, in: dataset.id, operation.fields)
        return operation.key
    }

    /// Starts every storage node again with other words in its configuration.
    private func restart(_ world: World, replacing old: String, with new: String) async throws {
        for node in world.cluster.storageNodes {
            let text = try Files.text(node.configuration)
            try #require(text.contains(old))
            world.cluster.kill(node.name)
            try Files.write(text.replacing(old, with: new), to: node.configuration)
            try await world.heal()
        }
    }

    /// Below `low_space` the leader takes deletions alone; reads go on, the alarm is shown, and with room everything goes on.
    @Test func aDiskThatIsNearlyFullRefusesWritesInTime() async throws {
        let world = try await World.ready()
        try await Units.imported(world)
        let client = try world.client(DemoCatalogue.publisher.identity)
        let dataset = try await client.dataset(named: DemoCatalogue.households)
        let households = Array(BusinessHouseholds(count: 30_020).dropFirst(30_000))
        let first = try await put(households[0], client, dataset), second = try await put(households[1], client, dataset)
        let third = try await put(households[5], client, dataset)

        // No disk has so much free.
        let (enough, scarce) = ("low_space = \"1MiB\"", "low_space = \"1024TiB\"")
        try await restart(world, replacing: enough, with: scarce)
        let hasty = try KhoClient(
            endpoints: world.cluster.queryNodes.map(\.clientAddress), tls: world.tls(DemoCatalogue.publisher.identity),
            settings: KhoSettings(deadline: .seconds(2)))
        defer { hasty.close() }
        for household in households[2...3] {
            do {
                _ = try await put(household, hasty, dataset)
                Issue.record("a write was taken though the leader's disk is nearly full")
            } catch let error as KhoError {
                guard case let .node(refusal) = error else { return #expect(Bool(false), "a refused write is known to be none: \(error)") }
                #expect(refusal.code == .lowSpace, "\(refusal)")
            }
        }
        // A client that comes only now can delete: it opens a session of its own.
        let late = try KhoClient(endpoints: world.cluster.queryNodes.map(\.clientAddress), tls: world.tls(DemoCatalogue.publisher.identity))
        defer { late.close() }
        try await late.delete(third, in: dataset.id)
        #expect(try await late.get(third, from: dataset.id).value == nil)
        let command = try await world.run(["dataset", "list"])
        #expect(command.status == 0, "\(command.errors)")
        #expect(try await client.get(first, from: dataset.id).value != nil)
        try await client.delete(second, in: dataset.id)
        #expect(try await client.get(second, from: dataset.id).value == nil)
        let alarms = await world.ask("node.status").filter { $0.answer["alarms"]?.array?.contains("LOW_SPACE") == true }.map(\.node)
        #expect(alarms == world.cluster.storageNodes.map(\.name))

        try await restart(world, replacing: scarce, with: enough)
        for household in households[6...] { _ = try await put(household, client, dataset) }
        #expect(try await client.get(first, from: dataset.id).value != nil)
        #expect(try await client.get(DemoFailover.operation(households[2], dataset).key, from: dataset.id).value == nil, "what was refused is not there")
        _ = try await world.equalRecords(of: DemoCatalogue.households)
    }

    /// The files of a storage node may not grow, as on a full disk: it ends with the disk's exit code and says what to do, the others go on, and
    /// when they may it has everything.
    @Test func aNodeWhoseFilesCannotGrowEndsInOrder() async throws {
        let world = try await World.ready()
        try await Units.imported(world)
        let client = try world.client(DemoCatalogue.publisher.identity)
        let dataset = try await client.dataset(named: DemoCatalogue.households)
        let node = try #require(world.cluster.storageNodes.last)
        world.cluster.kill(node.name)
        // In blocks of 512 bytes: files end at 1 MiB.
        let limited = try world.begin(
            program: "/bin/sh", ["-c", "ulimit -f 2048; exec \"$0\" \"$@\"", world.cluster.khod, "--config", node.configuration], name: "limited")
        var acknowledged: [[UInt8]] = []
        for household in BusinessHouseholds(count: 40_000).dropFirst(31_000) {
            guard limited.isRunning || acknowledged.count < 100 else { break }
            acknowledged.append(try await put(household, client, dataset))
        }
        let result = try await limited.end(seconds: 10)
        #expect(result.status == 74, "\(result.errors)")
        #expect(result.errors.contains("File too large") && result.errors.contains("ulimit -f"), "\(result.errors)")
        try await world.heal()
        try await allThere(acknowledged, client, dataset)
        _ = try await world.equalRecords(of: DemoCatalogue.households)
    }

    /// The unmodified program's calls fail at the disk, by a tracer: the node ends with the disk's exit code at once, whatever it had under way; nothing that was acknowledged
    /// is missing afterwards.
    @Test(arguments: [("fdatasync", "EIO", 12), ("pwrite64", "EIO", 40), ("pwrite64", "ENOSPC", 80)])
    func aNodeWhoseDiskFailsEndsInOrder(call: String, error: String, after count: Int) async throws {
        let world = try await World.ready()
        try await Units.imported(world)
        let client = try world.client(DemoCatalogue.publisher.identity)
        let dataset = try await client.dataset(named: DemoCatalogue.households)
        let node = try #require(world.cluster.storageNodes.last)
        world.cluster.kill(node.name)
        // From this call of each thread on.
        let failing = try world.begin(
            program: "/usr/bin/strace",
            ["-f", "-qq", "-o", "/dev/null", "-e", "trace=\(call)", "-e", "inject=\(call):error=\(error):when=\(count)+", world.cluster.khod, "--config", node.configuration],
            name: "failing")
        var acknowledged: [[UInt8]] = []
        for household in BusinessHouseholds(count: 60_000).dropFirst(45_000) {
            guard failing.isRunning || acknowledged.count < 20 else { break }
            acknowledged.append(try await put(household, client, dataset))
        }
        let result = try await failing.end(seconds: 20)
        #expect(result.status == 74, "\(result.errors)")
        #expect(result.errors.contains(error == "EIO" ? "Input/output error" : "No space left on device"), "\(result.errors)")
        // Which file it was, and the number to look up.
        #expect(result.errors.contains(node.dataFolder + "/") && result.errors.contains("(errno "), "\(result.errors)")
        #expect(acknowledged.count > 10)
        try await world.heal()
        try await allThere(acknowledged, client, dataset)
        _ = try await world.equalRecords(of: DemoCatalogue.households)
    }
}
