import Core
import DemoData
import Glibc
import Harness
import KhoClient
import Testing

@testable import kho

/// A node that is asked to stop does so in order, and begins again where it was.
extension ProcessTests {
    @Test(arguments: [SIGTERM, SIGINT]) func aNodeStopsAsAsked(signal: Int32) async throws {
        let world = try await World.ready()
        let client = try world.client(DemoCatalogue.publisher.identity)
        let dataset = try await client.dataset(named: DemoCatalogue.households)
        try await Units.imported(world)
        let first = signal == SIGTERM ? 10_000 : 20_000
        let writer = Writer(client, dataset, Array(BusinessHouseholds(count: first + 8_000).dropFirst(first)))

        let leader = try await world.leader()
        let follower = try #require(world.cluster.storageNodes.first { $0.name != leader }?.name)
        let query = try #require(world.cluster.queryNodes.first?.name)
        for name in [follower, leader, query] {
            let node = try #require(world.cluster.node(name))
            // Writes are under way: what they change is newer than the checkpoint that is made from time to time.
            let start = try await applied(world, name)
            try await wait(for: "writes", seconds: 20) { try await self.applied(world, name) > start + 50 }
            let before = try Files.bytes(node.logFile).count
            let index = try await applied(world, name)
            node.process?.signal(signal)
            #expect(node.process?.wait(atMostMilliseconds: 10_000) == 0, "\(name) after signal \(signal)")
            let words = try lines(node.logFile, from: before)
            #expect(words.last?.contains("stopped") == true, "\(name): \(words.suffix(3))")
            let stopping = try #require(words.firstIndex { $0.contains("stopping") }, "\(name): \(words)")
            // Nothing goes wrong between them, and nobody is told of an error.
            #expect(!words[stopping...].contains { $0.contains("error") || $0.contains("a second signal") }, "\(name): \(words[stopping...])")

            let stopped = try Files.bytes(node.logFile).count
            try world.start(name)
            try await world.heal()
            let opened = try #require(try lines(node.logFile, from: stopped).first { $0.contains("files opened") })
            let checkpoint = try #require(number("applied", in: opened)), after = try #require(number("after it", in: opened))
            #expect(checkpoint >= index, "\(name): the last checkpoint is at \(checkpoint), though entry \(index) was applied before the signal")
            // At most what was written and not yet committed when the node stopped: one writer waits for each of its writes.
            #expect(after <= 4, "\(name) applies \(after) entries again")
        }
        let acknowledged = try await writer.end()
        #expect(acknowledged.count > 150)
        try await allThere(acknowledged, client, dataset)
        _ = try await world.equalRecords(of: DemoCatalogue.households)
    }

    /// The node's own applied index.
    private func applied(_ world: World, _ name: String) async throws -> Int64 {
        var index: Int64?
        try await wait(for: "the status of \(name)", seconds: 10) {
            index = await world.ask("node.status").first { $0.node == name }?.answer["appliedIndex"]?.int
            return index != nil
        }
        return index ?? 0
    }

    /// The whole lines of a file behind an offset.
    private func lines(_ path: String, from offset: Int) throws -> [String] {
        String(decoding: try Files.bytes(path).dropFirst(offset), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// The number behind `name=` in a line of the log.
    private func number(_ name: String, in line: String) -> Int64? {
        guard let range = line.firstRange(of: name + "=") else { return nil }
        return Int64(line[range.upperBound...].prefix { $0.isNumber })
    }
}
