import Core
import KhoClient
import Records
import TestSupport
import Testing
import Wire

@testable import QueryService

/// What many connections may occupy together: an event loop's turns, places, memory.
@Suite(.serialized) struct FairnessTests {
    @Test func eachOwnerHasItsTurn() {
        let lanes = (0..<3).map { _ in FairLane<String>() }
        var queue = FairQueue<String>()
        #expect(queue.next() == nil)
        for i in 1...4 { queue.add("a\(i)", to: lanes[0]) }
        for i in 1...2 { queue.add("b\(i)", to: lanes[1]) }
        #expect(queue.next() == "a1")
        queue.add("c1", to: lanes[2])
        var order: [String] = []
        while let next = queue.next() { order.append(next) }
        #expect(order == ["b1", "a2", "c1", "b2", "a3", "a4"])
        #expect(queue.isEmpty && queue.count == 0)
        queue.add("a5", to: lanes[0])
        #expect(queue.next() == "a5")
    }

    /// Twelve connections of the consumer with the fewest rights ask for 600 scans each, in one write each, which find nothing.
    @Test func manyScansOfManyConnectionsLeaveTheOthersTheirTurn() async throws {
        let world = try await World {
            $0.examinedMax = 10
            $0.stepMilliseconds = 600_000
            $0.turnMilliseconds = 0
        }
        try await world.fill(300)
        let houses = try world.dataset("houses")
        let good = try await RawClient(world, as: "own")
        let mine = RequestPreamble(handle: try await good.greet(), dataset: houses)
        var bad: [RawClient] = []
        for _ in 0..<12 {
            let client = try await RawClient(world, as: "stat")
            let preamble = RequestPreamble(handle: try await client.greet(), dataset: houses)
            var all: [UInt8] = []
            for stream in UInt32(1)...600 {
                all += try RawClient.frame(Scan(preamble: preamble, selection: Selection(filter: "name = 'none'"), credit: 9), stream)
            }
            client.send(all)
            bad.append(client)
        }
        // 30 steps to a scan: 216,000 steps in all.
        var load = QueryLoad()
        for _ in 0..<10_000 where load.scans < 12 * 300 { load = await world.server.load() }
        #expect(load.scans >= 12 * 300)
        for stream in UInt32(1)...50 {
            try good.send(Get(preamble: mine, key: World.key(Int(stream))), stream)
            #expect(try await good.answer(stream).opcode == Opcode.record.rawValue)
        }
        load = await world.server.load()
        #expect(load.scans > 12 * 100, "fifty answers came before the scans were done: \(load)")
        #expect(load.outgoingBytes < 1 << 20 && load.heldBytes == 0, "\(load)")
        #expect(load.requestsKeptBack >= load.scans - 12 * (RequestQueue.longMax + 1), "few of a connection's scans have begun: \(load)")
        for figures in await world.server.turns() {
            #expect(figures.longMax <= 1, "one step a turn: \(figures)")
            #expect(figures.shortWaitMax <= 2, "a short request is answered in the next turn: \(figures)")
        }
        for client in bad { client.close() }
        good.close()
        try await until("they are gone") { world.server.connections == 0 }
        #expect(await world.server.load() == QueryLoad())
        await world.stop()
    }

    @Test func onePrincipalLeavesTheOthersTheirPlaces() async throws {
        let world = try await World { $0.connectionsPerPrincipalMax = 2 }
        try await world.fill(1)
        let houses = try world.dataset("houses")
        try await until("the place is free") { world.server.connections == 0 }
        let first = try await RawClient(world, as: "stat"), second = try await RawClient(world, as: "stat")
        _ = try await first.greet()
        let preamble = RequestPreamble(handle: try await second.greet(), dataset: houses)
        let third = try await RawClient(world, as: "stat")
        try await third.waitUntilClosed()
        #expect(third.frames.map { $0.error?.code } == [.throttled] && third.frames.first?.stream == 0)
        let other = try await RawClient(world, as: "tax")
        _ = try await other.greet()
        try second.send(Get(preamble: preamble, key: World.key(0)), 1)
        #expect(try await second.answer(1).opcode == Opcode.record.rawValue)
        first.close()
        try await until("the place is free") { world.server.connections == 2 }
        let again = try await RawClient(world, as: "stat")
        _ = try await again.greet()
        for client in [second, other, again] { client.close() }
        await world.stop()
    }

    @Test func framesThatAreNotCompleteFillABoundedMemory() async throws {
        let world = try await World {
            $0.receivedBytesMax = 300_000
            $0.receivedBytesPerPrincipalMax = 200_000
        }
        try await world.fill(1)
        let houses = try world.dataset("houses")
        let large = Selection(filter: String(repeating: "x", count: 8_000))
        // The head of a frame of a megabyte, and some of it.
        func begin(_ name: String, _ bytes: Int) async throws -> RawClient {
            let client = try await RawClient(world, as: name)
            _ = try await client.greet()
            client.send([0, 16, 0, 0, 1, Opcode.batch.rawValue, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0] + [UInt8](repeating: 0, count: bytes - 16))
            return client
        }
        func held(_ bytes: Int) async throws {
            for _ in 0..<10_000 {
                if await world.server.load().heldBytes == bytes { return }
                try await Task.sleep(nanoseconds: 1_000_000)
            }
            #expect(await world.server.load().heldBytes == bytes)
        }
        let free = Limits.receivedBytesFree
        let one = try await begin("stat", 150_000)
        try await held(150_000 - free)
        // The same principal may hold no more; another may, up to what all may.
        let two = try await begin("stat", 150_000)
        try await two.waitUntilClosed()
        #expect(two.frames.last?.error?.code == .throttled && two.frames.last?.stream == 0)
        try await held(150_000 - free)
        let three = try await begin("tax", 150_000)
        try await held(2 * (150_000 - free))
        let four = try await begin("near", 150_000)
        try await four.waitUntilClosed()
        // A whole request that is large has no room either, and the connection goes on.
        let own = try await RawClient(world, as: "own")
        let preamble = RequestPreamble(handle: try await own.greet(), dataset: houses)
        try own.send(MultiGet(preamble: preamble, keys: (0..<600).map { World.key($0) + [UInt8](repeating: 0x61, count: 60) }), 1)
        #expect(try await own.answer(1).error?.code == .throttled)
        try own.send(Scan(preamble: preamble, selection: large, credit: 1), 2)
        #expect(try await own.answer(2).error?.code == .invalidCondition)
        try own.send(Get(preamble: preamble, key: World.key(0)), 100)
        #expect(try await own.answer(100).opcode == Opcode.record.rawValue)
        one.close()
        three.close()
        try await held(0)
        own.close()
        await world.stop()
    }

    @Test func noAnswerIsLargerThanTheClientTakesWhateverItTakes() async throws {
        let world = try await World()
        let houses = try world.dataset("houses")
        let owner = try await world.client("own")
        for i in 0..<40 {
            try await owner.put(World.key(i), in: houses, [.init(FieldID(1), .string(String(repeating: "a", count: 14_000)))])
        }
        let client = try await RawClient(world, as: "stat")
        let handle = try await client.greet(frameBytes: 65_536)
        let preamble = RequestPreamble(handle: handle, dataset: houses)
        try client.send(Scan(preamble: preamble, selection: Selection(), credit: 100), 1)
        _ = try await client.wait { $0.first { $0.stream == 1 && ($0.error != nil || (try? ScanBatch(decoding: $0.body))?.progress == .complete) } }
        #expect(try client.frames.filter { $0.stream == 1 }.flatMap { try ScanBatch(decoding: $0.body).rows }.count == 40)
        try client.send(MultiGet(preamble: preamble, keys: (0..<40).map(World.key)), 2)
        let some = try RecordsReply(decoding: try await client.answer(2).body).records.count
        #expect(some > 0 && some < 40)
        try client.send(Count(preamble: preamble, selection: Selection()), 3)
        #expect(try Counted(decoding: try await client.answer(3).body).records == 40)
        try client.send(Describe(preamble: preamble), 4)
        #expect(try Description(decoding: try await client.answer(4).body).datasets.count == 1)
        #expect(client.frames.allSatisfy { $0.bytes.count <= 65_536 })
        owner.close()
        client.close()
        await world.stop()
    }
}
