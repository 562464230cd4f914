import Core
import KhoClient
import Records
import TestSupport
import Testing
import Wire

@testable import QueryService

/// What one client may occupy: connections, requests, bytes of requests and of answers.
@Suite(.serialized) struct BoundTests {
    @Test func oneConnectionMoreIsClosedAndAFreePlaceIsUsedAgain() async throws {
        let world = try await World { $0.connectionsMax = 3 }
        try await world.fill(1)
        let houses = try world.dataset("houses")
        try await until("the place is free") { world.server.connections == 0 }
        var clients: [(client: RawClient, handle: UInt32)] = []
        for _ in 0..<3 {
            let client = try await RawClient(world, as: "stat")
            clients.append((client, try await client.greet()))
        }
        func othersWork(_ stream: UInt32) async throws {
            for (client, handle) in clients {
                try client.send(Get(preamble: RequestPreamble(handle: handle, dataset: houses), key: World.key(0)), stream)
                #expect(try await client.answer(stream).opcode == Opcode.record.rawValue)
            }
        }
        for place in UInt32(1)...3 {
            let more = try await RawClient(world, as: "stat")
            try await more.waitUntilClosed()
            #expect(more.received.isEmpty)
            try await othersWork(place)
        }
        #expect(world.server.connections == 3)
        clients.removeLast().client.close()
        try await until("the place is free") { world.server.connections == 2 }
        let next = try await RawClient(world, as: "stat")
        clients.append((next, try await next.greet()))
        try await othersWork(9)
        for (client, _) in clients { client.close() }
        await world.stop()
    }

    @Test func asManyRequestsAsStreamsAreTakenAndOneBeyondIsThrottled() async throws {
        let world = try await World()
        try await world.fill(1)
        let client = try await RawClient(world, as: "stat")
        let preamble = RequestPreamble(handle: try await client.greet(), dataset: try world.dataset("houses"))
        let most = UInt32(Limits.requestsInFlight)
        var all: [UInt8] = []
        for stream in 1...most + 2 { all += try RawClient.frame(Get(preamble: preamble, key: World.key(0)), stream) }
        client.send(all)
        // One of them was BIND's answer.
        _ = try await client.wait { $0.count == Int(most) + 4 ? $0.last : nil }
        for frame in client.frames.dropFirst(2) {
            #expect(frame.error?.code == (frame.stream > most ? .throttled : nil), "stream \(frame.stream)")
        }
        #expect(client.frames.filter { $0.error?.code == .throttled }.map(\.stream).sorted() == [most + 1, most + 2])
        try client.send(Get(preamble: preamble, key: World.key(0)), 1)
        _ = try await client.wait { $0.count == Int(most) + 5 ? $0.last : nil }
        #expect(client.frames.last?.opcode == Opcode.record.rawValue)
        client.close()
        await world.stop()
    }

    @Test func requestsOfManyBytesAreThrottledBeforeTheyFillTheMemory() async throws {
        let world = try await World { $0.requestBytesMax = 20_000 }
        try await world.fill(9)
        let client = try await RawClient(world, as: "stat")
        let preamble = RequestPreamble(handle: try await client.greet(), dataset: try world.dataset("houses"))
        // Scans that wait for credit keep their filters.
        let large = Selection(filter: "name <> '" + String(repeating: "x", count: 8_000) + "'")
        func scan(_ stream: UInt32) throws { try client.send(Scan(preamble: preamble, selection: large, batchRecords: 1, credit: 1), stream) }
        for stream in UInt32(1)...3 { try scan(stream) }
        for stream in UInt32(1)...2 { #expect(try await client.answer(stream).opcode == Opcode.scanBatch.rawValue) }
        #expect(try await client.answer(3).error?.code == .throttled)
        try client.send(Get(preamble: preamble, key: World.key(0)), 4)
        #expect(try await client.answer(4).opcode == Opcode.record.rawValue, "small requests go on")
        try client.send(Cancel(), 1)
        try scan(5)
        #expect(try await client.answer(5).opcode == Opcode.scanBatch.rawValue)
        client.close()
        await world.stop()
    }

    /// Ten records of 60,000 bytes, which is more than a connection's buffers take in hundreds.
    private func fillLarge(_ world: World) async throws {
        let client = try await world.client("own")
        defer { client.close() }
        let houses = try world.dataset("houses")
        for i in 0..<10 {
            try await client.put(
                World.key(i), in: houses,
                [.init(FieldID(1), .string(String(repeating: "a", count: 60_000))), .init(FieldID(2), .string("219"))])
        }
    }

    @Test func whoDoesNotReadIsNotReadAndGoesOnLater() async throws {
        let most = 256 << 10
        let world = try await World {
            $0.outgoingBytesMax = most
            $0.batchBytes = 100_000
        }
        try await fillLarge(world)
        let houses = try world.dataset("houses")
        let lazy = try await RawClient(world, as: "stat", receiveBufferBytes: 8_192)
        let preamble = RequestPreamble(handle: try await lazy.greet(), dataset: houses)
        try await lazy.setReading(false)
        // 24 MB of answers in 300 GETs and scans of ten records.
        var first: [UInt8] = []
        for stream in UInt32(1)...300 { first += try RawClient.frame(Get(preamble: preamble, key: World.key(Int(stream) % 10)), stream) }
        for stream in UInt32(301)...310 { first += try RawClient.frame(Scan(preamble: preamble, selection: Selection(), credit: 100), stream) }
        lazy.send(first)
        var load = QueryLoad()
        for _ in 0..<10_000 where load.paused == 0 {
            load = await world.server.load()
            #expect(load.outgoingBytes < most + (1 << 20), "answers pile up: \(load)")
            try await Task.sleep(nanoseconds: 1_000_000)
        }
        #expect(load.paused == 1 && load.requestsUnderWay > 100, "\(load)")
        // Others are served; what the lazy one sends now is not even read.
        let other = try await world.client("stat")
        var second: [UInt8] = []
        for stream in UInt32(401)...800 { second += try RawClient.frame(Get(preamble: preamble, key: World.key(0)), stream) }
        lazy.send(second)
        for i in 0..<50 { #expect(try await other.get(World.key(i % 10), from: houses).value != nil) }
        let later = await world.server.load()
        #expect(later.paused == 1 && later.requestsUnderWay <= load.requestsUnderWay && later.requestsUnderWay > 100, "\(later)")
        #expect(later.outgoingBytes < most + (1 << 20), "\(later)")
        #expect(world.store.openReadViews == 0, "a connection that waits keeps a snapshot")
        // It reads again: everything is answered.
        try await lazy.setReading(true)
        _ = try await lazy.wait(for: "every answer") { frames in
            frames.filter { $0.opcode == Opcode.record.rawValue }.count == 700
                && frames.filter { $0.opcode == Opcode.scanBatch.rawValue }.map { try? ScanBatch(decoding: $0.body).progress }
                    .filter { $0 == .complete }.count == 10 ? frames.last : nil
        }
        #expect(lazy.frames.allSatisfy { $0.error == nil })
        load = await world.server.load()
        #expect(load.requestsUnderWay == 0 && load.scans == 0 && load.requestsKeptBack == 0 && load.paused == 0)
        lazy.close()
        other.close()
        await world.stop()
    }

    @Test func whoNeverReadsIsClosed() async throws {
        let clock = TestClock()
        let world = try await World {
            $0.outgoingBytesMax = 64 << 10
            clock.set(&$0)
        }
        try await fillLarge(world)
        let lazy = try await RawClient(world, as: "stat", receiveBufferBytes: 8_192)
        let preamble = RequestPreamble(handle: try await lazy.greet(), dataset: try world.dataset("houses"))
        try await lazy.setReading(false)
        for stream in UInt32(1)...300 { try lazy.send(Get(preamble: preamble, key: World.key(0)), stream) }
        for _ in 0..<10_000 {
            if await world.server.load().paused == 1 { break }
            try await Task.sleep(nanoseconds: 1_000_000)
        }
        // What waits is looked at first, then for a minute.
        await world.server.sweep()
        clock.advance(milliseconds: 50_000)
        await world.server.sweep()
        #expect(await world.server.load().paused == 1)
        clock.advance(milliseconds: 61_000)
        await world.server.sweep()
        try await until("it is closed") { world.server.connections == 0 }
        #expect(await world.server.load() == QueryLoad())
        #expect(world.events.withLock { $0 }.contains { if case .misbehaved(_, ErrorCode.tooSlow.rawValue, _) = $0 { true } else { false } })
        lazy.close()
        await world.stop()
    }

    @Test func noFrameIsLargerThanTheClientTakes() async throws {
        let world = try await World()
        try await world.fill(60)
        for i in 0..<30 {
            let name = "a list with a long name " + String(repeating: "x", count: 150)
            try await world.change(.dataset, ["code": .string("list-\(i)"), "name": .string(name), "owner": "own", "class": "open", "fields": [
                ["name": "name", "kind": "string", "sensitivity": "public"],
            ]])
        }
        let owner = try await world.client("own")
        let houses = try world.dataset("houses")
        try await owner.put(Array("large".utf8), in: houses, [.init(FieldID(1), .string(String(repeating: "a", count: 5_000)))])
        let client = try await RawClient(world, as: "own")
        let handle = try await client.greet(frameBytes: 4_096)
        let preamble = RequestPreamble(handle: handle, dataset: houses)
        try client.send(Get(preamble: preamble, key: Array("large".utf8)), 1)
        #expect(try await client.answer(1).error?.code == .tooLarge)
        try client.send(Scan(preamble: preamble, selection: Selection(prefix: Array("h".utf8)), credit: 100), 2)
        _ = try await client.wait { $0.first { $0.stream == 2 && (try? ScanBatch(decoding: $0.body))?.progress == .complete } }
        #expect(try client.frames.filter { $0.stream == 2 }.flatMap { try ScanBatch(decoding: $0.body).rows }.count == 60)
        try client.send(MultiGet(preamble: preamble, keys: (0..<60).map(World.key)), 3)
        let some = try RecordsReply(decoding: try await client.answer(3).body).records.count
        #expect(some > 0 && some < 60)
        var after = DatasetID(0), seen = 0, stream = UInt32(10)
        while true {
            try client.send(Describe(preamble: RequestPreamble(handle: handle), after: after), stream)
            let page = try Description(decoding: try await client.answer(stream).body)
            seen += page.datasets.count
            guard page.more, let last = page.datasets.last else { break }
            (after, stream) = (last.id, stream + 1)
        }
        #expect(seen == 32 && stream > 10)
        #expect(client.frames.allSatisfy { $0.bytes.count <= 4_096 })
        owner.close()
        client.close()
        await world.stop()
    }

    @Test func theLongestKeysAreScannedOverBatches() async throws {
        let world = try await World()
        let houses = try world.dataset("houses")
        let owner = try await world.client("own")
        let keys = (1...3).map { [UInt8](repeating: 0x61, count: Limits.recordKeyBytes - 1) + [0x61 + UInt8($0)] }
        for key in keys { try await owner.put(key, in: houses, [.init(FieldID(1), .string("x"))]) }
        let client = try await RawClient(world, as: "stat")
        let preamble = RequestPreamble(handle: try await client.greet(), dataset: houses)
        try client.send(Scan(preamble: preamble, selection: Selection(), batchRecords: 1, credit: 10), 1)
        _ = try await client.wait { $0.first { $0.stream == 1 && ($0.error != nil || (try? ScanBatch(decoding: $0.body))?.progress == .complete) } }
        let batches = client.frames.filter { $0.stream == 1 }
        #expect(batches.allSatisfy { $0.error == nil })
        #expect(batches.flatMap { (try? ScanBatch(decoding: $0.body))?.rows.map(\.key) ?? [] } == keys)
        owner.close()
        client.close()
        await world.stop()
    }
}
