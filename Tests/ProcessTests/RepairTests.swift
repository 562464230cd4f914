import Core
import DemoData
import Glibc
import Harness
import KhoClient
import Testing

@testable import kho

/// Records that rot on a disk: no client sees one, and the node makes itself whole.
extension ProcessTests {
    /// Turns one bit of every copy of the text in the data files of the node's state, while it runs, as a bad sector would.
    private func rot(_ text: String, at node: LocalCluster.Node) throws -> Int {
        let wanted = Array(text.utf8)
        var count = 0
        for (path, bytes) in try dataFiles(of: node) {
            let file = open(path, O_WRONLY | O_CLOEXEC)
            defer { close(file) }
            for place in places(of: wanted, in: bytes) {
                var byte = bytes[place] ^ 1
                count += pwrite(file, &byte, 1, off_t(place))
            }
        }
        return count
    }

    private func isInState(_ text: String, of node: LocalCluster.Node) throws -> Bool {
        try dataFiles(of: node).contains { !places(of: Array(text.utf8), in: $0.bytes).isEmpty }
    }

    private func dataFiles(of node: LocalCluster.Node) throws -> [(path: String, bytes: [UInt8])] {
        try Files.names(in: node.dataFolder + "/state").filter { $0.hasPrefix("g-") }.map {
            let path = "\(node.dataFolder)/state/\($0)/data.mdb"
            return (path, try Files.bytes(path))
        }
    }

    private func places(of wanted: [UInt8], in bytes: [UInt8]) -> [Int] {
        // By the system's search for a byte: a file may have hundreds of megabytes.
        bytes.withUnsafeBytes { all in
            var places: [Int] = []
            var place = 0
            while place + wanted.count <= all.count, let start = all.baseAddress, let found = memchr(start + place, Int32(wanted[0]), all.count - wanted.count - place + 1) {
                place = found - UnsafeMutableRawPointer(mutating: start)
                if memcmp(found, wanted, wanted.count) == 0 { places.append(place) }
                place += 1
            }
            return places
        }
    }

    private func audit(_ node: LocalCluster.Node, _ event: String) -> Int {
        let lines = ((try? Files.text(node.dataFolder + "/audit.jsonl")) ?? "").split(separator: "\n")
        return lines.count { $0.contains("\"event\":\"\(event)\"") || $0.contains("\"event\": \"\(event)\"") }
    }

    /// Records with a text in them that is found on the disk.
    private func write(_ count: Int, _ mark: String, _ client: KhoClient, _ dataset: DatasetDescription, _ owner: FieldID) async throws {
        let household = try #require(Array(BusinessHouseholds(count: 1)).first)
        for place in 0..<count {
            var operation = DemoFailover.operation(household, dataset)
            operation.fields = operation.fields.map { $0.id == owner ? .init(owner, .string("\(mark)-\(place)-\(mark)")) : $0 }
            try await client.put(Array("\(mark)-\(place)".utf8), in: dataset.id, operation.fields)
        }
    }

    private func isServing(_ name: String, _ world: World) async -> Bool {
        await world.ask("node.status").contains { $0.node == name && $0.answer["damage"] == .null }
    }

    @Test func aQueryNodeWhoseRecordsRotIsRebuiltWhileClientsRead() async throws {
        let world = try await World.ready()
        let client = try world.client(DemoCatalogue.publisher.identity)
        let dataset = try await client.dataset(named: DemoCatalogue.households)
        try await Units.imported(world)
        let owner = try dataset.field(named: "owner").id
        let mark = "rotten\(SystemRandom.uint64())"
        try await write(50, mark, client, dataset, owner)
        let query = try #require(world.cluster.queryNodes.first)
        let rebuilt = audit(query, "rebuilt")
        #expect(try rot("\(mark)-7-\(mark)", at: query) > 0)

        // Whoever reads is answered rightly, later perhaps: never with a wrong value, and with no error.
        var reads = 0
        let end = MonotonicTime.now().adding(milliseconds: 60_000)
        while audit(query, "rebuilt") == rebuilt || reads < 100 {
            guard MonotonicTime.now() < end else { throw Failure("\(query.name) was not rebuilt") }
            let place = reads % 50
            let found = try await client.get(Array("\(mark)-\(place)".utf8), from: dataset.id)
            #expect(found.value?[owner] == .string("\(mark)-\(place)-\(mark)"))
            reads += 1
        }
        #expect(audit(query, "damagedRecord") > 0 && audit(query, "damaged") > 0)
        #expect(world.cluster.isRunning(query.name))
        try await wait(for: "\(query.name) to serve", seconds: 20) { await self.isServing(query.name, world) }
        _ = try await world.succeed(["cluster", "verify", "--timeout", "30s"], within: 60)
        try await write(1, mark + "after", client, dataset, owner)
        _ = try await world.equalRecords(of: DemoCatalogue.households)
    }

    /// Nodes whose log never stands still are compared at a mark that all have passed.
    @Test func aClusterIsComparedWhileWritesGoOn() async throws {
        let world = try await World.ready()
        let client = try world.client(DemoCatalogue.publisher.identity)
        let dataset = try await client.dataset(named: DemoCatalogue.households)
        try await Units.imported(world)
        let owner = try dataset.field(named: "owner").id
        let mark = "busy\(SystemRandom.uint64())"
        let writers = (0..<8).map { writer in
            Task { @Processes in
                var written = 0
                while !Task.isCancelled {
                    // A write that is cancelled has an unknown end: this one is let come to its own.
                    written += try await Task { @Processes in
                        try await self.write(5, "\(mark)-\(writer)", client, dataset, owner)
                        return 5
                    }.value
                }
                return written
            }
        }
        let before = await world.ask("node.status").compactMap { $0.answer["appliedIndex"]?.int }.max() ?? 0
        try await wait(for: "each writer to have written", seconds: 30) {
            await world.ask("node.status").contains { ($0.answer["appliedIndex"]?.int ?? 0) >= before + 200 }
        }
        let verify = try await world.run(["cluster", "verify", "--quick", "--timeout", "60s", "-o", "json"], seconds: 90)
        for writer in writers {
            writer.cancel()
            #expect(try await writer.value > 0)
        }
        #expect(verify.status == 0, "\(verify.errors)")
        _ = try await world.equalRecords(of: DemoCatalogue.households)
    }

    /// The leader's records, which nobody reads: the rescan finds the rot and names the node, which hands over and rebuilds itself.
    @Test func aStorageNodeWhoseRecordsRotIsFoundByVerifyAndRebuilt() async throws {
        let world = try await World.ready()
        let client = try world.client(DemoCatalogue.publisher.identity)
        let dataset = try await client.dataset(named: DemoCatalogue.households)
        try await Units.imported(world)
        let owner = try dataset.field(named: "owner").id
        let mark = "mouldy\(SystemRandom.uint64())"
        try await write(10, mark, client, dataset, owner)
        let leader = try await world.leader()
        let node = try #require(world.cluster.node(leader))
        // A storage node applies what nobody waits for a moment later, and while it does so the page may be written again elsewhere.
        try await wait(for: "the last record in \(leader)'s state", seconds: 10) { try isInState("\(mark)-9-\(mark)", of: node) }
        #expect(try rot("\(mark)-3-\(mark)", at: node) > 0)
        let verify = try await world.run(["cluster", "verify", "--timeout", "30s"], seconds: 60)
        #expect(verify.status == 2 && verify.errors.contains(leader), "\(verify.errors)")
        try await wait(for: "\(leader) to be rebuilt", seconds: 60) { await self.isServing(leader, world) }
        #expect(audit(node, "rebuilt") > 0)
        _ = try await world.succeed(["cluster", "verify", "--timeout", "30s"], within: 60)
        try await write(1, mark + "after", client, dataset, owner)
    }

    /// A storage node and a query node whose states cannot be opened any more, for want of a checkpoint or of LMDB's file, start all the same and are rebuilt.
    @Test func aStateThatCannotBeOpenedIsRebuilt() async throws {
        let world = try await World.ready()
        let client = try world.client(DemoCatalogue.publisher.identity)
        let dataset = try await client.dataset(named: DemoCatalogue.households)
        try await Units.imported(world)
        let owner = try dataset.field(named: "owner").id
        for (node, file) in [(try #require(world.cluster.storageNodes.last), "checkpoint"), (try #require(world.cluster.queryNodes.first), "data.mdb")] {
            let (damaged, rebuilt) = (audit(node, "damaged"), audit(node, "rebuilt"))
            // In order, so that there is a checkpoint.
            #expect(world.cluster.stop(node.name) == 0)
            for folder in Files.names(in: node.dataFolder + "/state") where folder.hasPrefix("g-") {
                #expect(unlink("\(node.dataFolder)/state/\(folder)/\(file)") == 0)
            }
            try world.start(node.name)
            try await wait(for: "\(node.name) to be rebuilt", seconds: 60) { self.audit(node, "rebuilt") > rebuilt }
            #expect(audit(node, "damaged") == damaged + 1)
            try await wait(for: "\(node.name) to serve", seconds: 20) { await self.isServing(node.name, world) }
            try await write(1, "after-" + node.name, client, dataset, owner)
            _ = try await world.succeed(["cluster", "verify", "--timeout", "30s"], within: 60)
        }
    }

    /// A data file that is cut while a query node reads it ends the process, since a page that is not there cannot be read. It leaves a mark and says what it was;
    /// the next start looks through the state, finds the damage, and has it rebuilt.
    @Test func aPageThatEndsTheProcessIsMended() async throws {
        let world = try await World.ready()
        let client = try world.client(DemoCatalogue.publisher.identity)
        let dataset = try await client.dataset(named: DemoCatalogue.households)
        try await Units.imported(world)
        let owner = try dataset.field(named: "owner").id
        let query = try #require(world.cluster.queryNodes.first)
        let rebuilt = audit(query, "rebuilt")
        // Nothing is being applied any more, which would give the file its length again.
        _ = try await world.succeed(["cluster", "verify", "--timeout", "30s"], within: 60)
        for (path, _) in try dataFiles(of: query) { #expect(truncate(path, 2 * 4_096) == 0) }
        // Whatever the node reads now.
        _ = try? await write(1, "unreadable", client, dataset, owner)
        let process = try #require(world.cluster.node(query.name)?.process)
        #expect(process.wait(atMostMilliseconds: 20_000) == 74)
        let marked = Files.names(in: query.dataFolder + "/state").filter { $0.hasPrefix("g-") && Files.exists("\(query.dataFolder)/state/\($0)/unreadable") }
        #expect(marked.count == 1)
        #expect(try Files.text(query.logFile).contains("cannot be read: SIGBUS at page "))
        try world.start(query.name)
        try await wait(for: "\(query.name) to be rebuilt", seconds: 60) { self.audit(query, "rebuilt") > rebuilt }
        try await wait(for: "\(query.name) to serve", seconds: 20) { await self.isServing(query.name, world) }
        try await write(1, "unreadable-after", client, dataset, owner)
        _ = try await world.succeed(["cluster", "verify", "--timeout", "30s"], within: 60)
    }

    /// While nobody can rebuild it, a node whose state could not be opened knows no rights, and so shows nobody more than that.
    @Test func aNodeWithoutAStateAnswersNobody() async throws {
        let world = try await World.ready()
        let query = try #require(world.cluster.queryNodes.first)
        for node in world.cluster.storageNodes { world.cluster.kill(node.name) }
        #expect(world.cluster.stop(query.name) == 0)
        for folder in Files.names(in: query.dataFolder + "/state") where folder.hasPrefix("g-") {
            #expect(unlink("\(query.dataFolder)/state/\(folder)/checkpoint") == 0)
        }
        try world.start(query.name)
        try await wait(for: "\(query.name) to answer", seconds: 20) { await world.ask("node.status").contains { $0.node == query.name } }
        let status = try #require(await world.ask("node.status").first { $0.node == query.name }?.answer)
        #expect(status["alarms"]?.array?.compactMap(\.string) == ["DAMAGED"] && status["members"] == nil && status["appliedIndex"] == nil, "\(status)")
        for method in ["cluster.figures", "member.list"] { #expect(await world.ask(method).isEmpty, "\(method)") }
        for node in world.cluster.storageNodes { try world.start(node.name) }
        try await world.heal()
        try await wait(for: "\(query.name) to serve", seconds: 60) { await self.isServing(query.name, world) }
        _ = try await world.succeed(["cluster", "verify", "--timeout", "30s"], within: 60)
    }

    /// By hand, for a node that only differs from the others.
    @Test func anAdministratorHasANodeRebuilt() async throws {
        let world = try await World.ready()
        let query = try #require(world.cluster.queryNodes.first)
        let asked = try await world.run(["node", "rebuild", query.name])
        #expect(asked.status == 64 && asked.errors.contains("kho node rebuild \(query.name) --yes"), "\(asked.errors)")
        #expect(await isServing(query.name, world))
        let done = try await world.run(["node", "rebuild", query.name, "--yes", "--timeout", "60s", "-o", "json"], seconds: 90)
        #expect(done.status == 0 && done.output.contains("\"rebuilt\": true"), "\(done.errors)")
        _ = try await world.succeed(["cluster", "verify", "--timeout", "30s"], within: 60)
    }
}
