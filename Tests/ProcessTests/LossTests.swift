import Core
import DemoData
import Glibc
import Harness
import KhoClient
import Testing

@testable import kho

/// Nothing that was acknowledged is lost, whatever is killed.
extension ProcessTests {
    /// Writes households one by one, each only if it is absent: one that were written twice would be a conflict.
    final class Writer: Sendable {
        let client: KhoClient
        let dataset: DatasetDescription
        let task: Task<[[UInt8]], any Error>

        init(_ client: KhoClient, _ dataset: DatasetDescription, _ households: [BusinessHouseholds.Household]) {
            self.client = client
            self.dataset = dataset
            task = Task {
                var acknowledged: [[UInt8]] = []
                for household in households {
                    if Task.isCancelled { break }
                    let operation = DemoFailover.operation(household, dataset)
                    do {
                        try await client.put(operation.key, in: dataset.id, operation.fields, if: .absent)
                    } catch {
                        if Task.isCancelled { break }
                        throw error
                    }
                    acknowledged.append(operation.key)
                }
                return acknowledged
            }
        }

        /// The keys that were acknowledged.
        func end() async throws -> [[UInt8]] {
            task.cancel()
            return try await task.value
        }
    }

    func allThere(_ keys: [[UInt8]], _ client: KhoClient, _ dataset: DatasetDescription) async throws {
        guard !keys.isEmpty else { return }
        let records = try await client.multiGet(keys, from: dataset.id).value
        let missing = zip(keys, records).filter { $0.1 == nil }
        #expect(missing.isEmpty, "\(missing.count) of \(keys.count) acknowledged records are lost")
    }

    /// The line behind which nothing of this import is settled, as its state says; 0 before there is one.
    private func settledLine(_ file: String) -> Int {
        guard let text = try? Files.text(file + ".kho-import"), let start = text.firstRange(of: "\"line\": ")?.upperBound else { return 0 }
        return Int(text[start...].prefix { $0.isNumber }) ?? 0
    }

    /// The whole real code list is imported by `kho import`, while the leader is killed every two seconds and started again: each time when more was
    /// acknowledged than at the last time, and sooner where the import is quick.
    @Test func anImportOutlivesItsLeaders() async throws {
        let world = try await World.ready()
        // A dataset of its own, empty at first.
        let code = "units-\(SystemRandom.uint64())"
        let units = try #require(world.catalogue.changes.first { $0.document["code"] == .string(DemoCatalogue.units) }?.document.members)
        try await world.apply("dataset", .object(units.map { $0.name == "code" ? .init("code", .string(code)) : $0 }))
        let file = world.folder + "/import.csv"
        try Files.write(AdministrativeUnits.csv, to: file)
        let command = try world.begin(
            ["import", code, "-f", file, "--batch", "4", "--concurrency", "1", "--timeout", "120s", "-o", "json"], as: DemoCatalogue.home.identity, name: "import")
        var kills = 0
        var line = 0
        // Killed no more than so often: a loaded machine takes its time.
        while command.isRunning, kills < 8 {
            let next = MonotonicTime.now().adding(milliseconds: 2_000)
            try await wait(for: "more that is acknowledged", seconds: 60) {
                let settled = self.settledLine(file)
                let isDue = MonotonicTime.now() > next || settled > AdministrativeUnits.count * (kills + 1) / 6
                return !command.isRunning || (isDue && settled > line)
            }
            guard command.isRunning else { break }
            line = settledLine(file)
            let leader = try await world.leader()
            world.cluster.kill(leader)
            kills += 1
            try await Task.sleep(nanoseconds: 400_000_000)
            try world.start(leader)
        }
        let result = try await command.end(seconds: 240)
        #expect(kills >= 3, "the import was over after \(kills) kills")
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.output.contains("\"written\": \(AdministrativeUnits.count)"), "\(result.output)")
        #expect(!Files.exists(file + ".kho-import"))

        try await world.heal()
        #expect(try await world.equalRecords(of: code) == AdministrativeUnits.count)
        let client = try world.client(DemoCatalogue.home.identity)
        let dataset = try await client.dataset(named: code)
        let name = try dataset.field(named: "full_name")
        var found: [String: String] = [:]
        for try await record in client.scan(dataset.id) { found[String(decoding: record.key, as: UTF8.self)] = record[name.id]?.text }
        let expected = AdministrativeUnits.all.filter { found[$0.code] != $0.name }
        #expect(found.count == AdministrativeUnits.count)
        #expect(expected.isEmpty, "\(expected.count) units are not as in the file")
    }

    /// Written one by one while leaders are killed: each exactly once.
    @Test func writesTakeEffectOnceAcrossLeaders() async throws {
        let world = try await World.ready()
        let client = try world.client(DemoCatalogue.publisher.identity)
        let dataset = try await client.dataset(named: DemoCatalogue.households)
        try await Units.imported(world)
        let writer = Writer(client, dataset, Array(BusinessHouseholds(count: 3_000).dropFirst(1_000)))
        for _ in 0..<2 {
            try await Task.sleep(nanoseconds: 700_000_000)
            let leader = try await world.leader()
            world.cluster.kill(leader)
            try await Task.sleep(nanoseconds: 500_000_000)
            try world.start(leader)
        }
        try await world.heal()
        try await Task.sleep(nanoseconds: 300_000_000)
        let acknowledged = try await writer.end()
        #expect(acknowledged.count > 10)
        try await allThere(acknowledged, client, dataset)
        _ = try await world.equalRecords(of: DemoCatalogue.households)
    }

    /// The power goes: every process at the same moment.
    @Test func everyNodeIsKilledAtOnce() async throws {
        let world = try await World.ready()
        let client = try world.client(DemoCatalogue.publisher.identity)
        let dataset = try await client.dataset(named: DemoCatalogue.households)
        try await Units.imported(world)
        let writer = Writer(client, dataset, Array(BusinessHouseholds(count: 6_000).dropFirst(3_000)))
        try await Task.sleep(nanoseconds: 800_000_000)
        world.cluster.killAll()
        try await world.heal()
        try await Task.sleep(nanoseconds: 300_000_000)
        let acknowledged = try await writer.end()
        #expect(!acknowledged.isEmpty)
        try await allThere(acknowledged, client, dataset)
        let records = try await world.equalRecords(of: DemoCatalogue.households)
        #expect(records >= acknowledged.count)
    }

    /// A query node loses its disk while the log is cut behind it: it is added again and gets everything by a snapshot.
    @Test func aQueryNodeComesBackWholeFromASnapshot() async throws {
        let world = try await World.ready()
        let client = try world.client(DemoCatalogue.publisher.identity)
        let dataset = try await client.dataset(named: DemoCatalogue.households)
        try await Units.imported(world)
        // Two segments of the log and more, so that the first can go.
        let large = String(repeating: "x", count: 400_000)
        let household = try #require(Array(BusinessHouseholds(count: 1)).first)
        let owner = try dataset.field(named: "owner").id
        for place in 0..<50 {
            var operation = DemoFailover.operation(household, dataset)
            operation.fields = operation.fields.map { $0.id == owner ? .init(owner, .string(large + "\(place)")) : $0 }
            try await client.put(Array("zz-\(place)".utf8), in: dataset.id, operation.fields)
        }
        let query = try #require(world.cluster.queryNodes.first)
        world.cluster.kill(query.name)
        Files.removeTree(query.dataFolder)
        try world.start(query.name)
        _ = try await world.succeed(["member", "add", "--learner", query.adminAddress], within: 20)
        try await world.heal()
        #expect(try await world.equalRecords(of: DemoCatalogue.units) == AdministrativeUnits.count)
        let records = try await world.equalRecords(of: DemoCatalogue.households)
        #expect(records >= 50)
        // It has no log from before, so it was a snapshot that brought it here.
        let status = try #require(await world.ask("node.status").first { $0.node == query.name }?.answer)
        #expect((status["logBytes"]?.int ?? 0) < 20_000_000)
        #expect(status["snapshotsInstalled"] == .int(1))
        let again = try await client.get(Array("zz-7".utf8), from: dataset.id)
        #expect(again.value?[owner] == .string(large + "7"))
    }
}

/// The code list that the households' districts must be in.
@Processes enum Units {
    static func imported(_ world: World) async throws {
        let client = try world.client(DemoCatalogue.home.identity)
        let dataset = try await client.dataset(named: DemoCatalogue.units)
        guard try await client.count(dataset.id).value < AdministrativeUnits.count else { return }
        let file = world.folder + "/units.csv"
        try Files.write(AdministrativeUnits.csv, to: file)
        _ = try await world.succeed(["import", DemoCatalogue.units, "-f", file], as: DemoCatalogue.home.identity, within: 60)
    }
}
