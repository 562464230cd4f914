import Core
import KhoClient
import Records
import TestSupport
import Testing
import Wire

@testable import QueryService

/// PING, CANCEL, and what is left of a request that was cancelled: nothing.
@Suite(.serialized) struct CancelTests {
    private func batches(_ client: RawClient, _ stream: UInt32) throws -> [ScanBatch] {
        try client.frames.filter { $0.stream == stream && $0.opcode == Opcode.scanBatch.rawValue }.map { try ScanBatch(decoding: $0.body) }
    }

    @Test func aPingIsAnsweredWithItsNumberWhateverElseIsUnderWay() async throws {
        let world = try await World()
        try await world.fill(20)
        let client = try await RawClient(world, as: "stat")
        let preamble = RequestPreamble(handle: try await client.greet(), dataset: try world.dataset("houses"))
        try client.send(Scan(preamble: preamble, selection: Selection(), batchRecords: 5, credit: 1), 1)
        for number in [0, 7, UInt64.max] { try client.send(Ping(number: number), 0) }
        _ = try await client.wait { frames in frames.filter { $0.opcode == Opcode.pong.rawValue }.count == 3 ? frames.last : nil }
        let numbers = try client.frames.filter { $0.opcode == Opcode.pong.rawValue }.map { try Pong(decoding: $0.body).number }
        #expect(numbers == [0, 7, UInt64.max])
        #expect(client.frames.filter { $0.opcode == Opcode.pong.rawValue }.allSatisfy { $0.stream == 0 })
        client.close()
        await world.stop()
    }

    @Test func aScanThatWaitsForCreditEndsAtOnceAndTheOthersGoOn() async throws {
        let world = try await World()
        try await world.fill(30)
        let houses = try world.dataset("houses")
        let client = try await RawClient(world, as: "stat")
        let preamble = RequestPreamble(handle: try await client.greet(), dataset: houses)
        for stream in [UInt32(1), 2] { try client.send(Scan(preamble: preamble, selection: Selection(), batchRecords: 10, credit: 1), stream) }
        for stream in [UInt32(1), 2] { _ = try await client.answer(stream) }
        var load = await world.server.load()
        #expect(load.scans == 2 && load.requestsUnderWay == 2)
        try client.send(Cancel(), 1)
        let last = try await client.wait { $0.first { $0.stream == 1 && $0.error != nil } }
        #expect(last.error?.code == .cancelled)
        // CANCEL of what has ended, and of what never was, is nothing.
        for stream in [UInt32(1), 0, 9, 4_096, .max] { try client.send(Cancel(), stream) }
        // The number can be used again, and the other scan goes on to its end.
        try client.send(Get(preamble: preamble, key: World.key(0)), 1)
        _ = try await client.wait { $0.first { $0.stream == 1 && $0.opcode == Opcode.record.rawValue } }
        try client.send(ScanCredit(batches: 5), 2)
        _ = try await client.wait { _ in try? batches(client, 2).last?.progress == .complete ? client.frames.last : nil }
        #expect(try batches(client, 2).flatMap { $0.rows.map(\.key) } == (0..<30).map(World.key))
        #expect(try batches(client, 1).count == 1)
        load = await world.server.load()
        #expect(load.scans == 0 && load.requestsUnderWay == 0 && load.requestsKeptBack == 0)
        #expect(world.store.openReadViews == 0)
        client.close()
        await world.stop()
    }

    /// In one piece with its request, so that it comes before the request had its first turn.
    @Test func aRequestThatHasNotBegunIsCancelled() async throws {
        let world = try await World()
        try await world.fill(10)
        let houses = try world.dataset("houses")
        let client = try await RawClient(world, as: "own")
        let handle = try await client.greet()
        let preamble = RequestPreamble(handle: handle, dataset: houses)
        let cancel = { (stream: UInt32) in try RawClient.frame(Cancel(), stream) }
        client.send(
            try RawClient.frame(Scan(preamble: preamble, selection: Selection(), batchRecords: 2, credit: 1), 1) + cancel(1)
                + RawClient.frame(Count(preamble: preamble, selection: Selection()), 2) + cancel(2)
                + RawClient.frame(Get(preamble: preamble, key: World.key(0)), 3) + cancel(3)
                + RawClient.frame(Get(preamble: preamble, key: World.key(1)), 4))
        for stream in UInt32(1)...3 { #expect(try await client.answer(stream).error?.code == .cancelled, "\(stream)") }
        #expect(try await client.answer(4).opcode == Opcode.record.rawValue)
        // A write that is on its way is answered with what became of it.
        let put = WriteOperation(kind: .put, dataset: houses, key: Array("new".utf8), fields: [.init(FieldID(1), .string("x"))])
        client.send(try RawClient.frame(Write(put, preamble: RequestPreamble(handle: handle), session: SessionID(0), sequence: 0), 5) + cancel(5))
        #expect(try await client.answer(5).opcode == Opcode.written.rawValue)
        // Each stream got one frame.
        #expect(client.frames.filter { (1...5).contains($0.stream) }.count == 5)
        let load = await world.server.load()
        #expect(load.scans == 0 && load.requestsUnderWay == 0 && load.requestsKeptBack == 0)
        client.close()
        await world.stop()
    }

    @Test func aScanThatIsSteppingEndsAtItsNextStep() async throws {
        // A step for each record, and no batch before a minute: the filter lets nothing through.
        let world = try await World {
            $0.examinedMax = 1
            $0.stepMilliseconds = 60_000
        }
        try await world.fill(2_000)
        let client = try await RawClient(world, as: "stat")
        let preamble = RequestPreamble(handle: try await client.greet(), dataset: try world.dataset("houses"))
        var cancelled = 0
        for stream in UInt32(1)...20 {
            if stream % 2 == 0 {
                try client.send(Scan(preamble: preamble, selection: Selection(filter: "name = 'none'")), stream)
            } else {
                try client.send(Count(preamble: preamble, selection: Selection(filter: "name = 'none'")), stream)
            }
            // Once it steps; it may be quicker than the CANCEL.
            try client.send(Get(preamble: preamble, key: World.key(0)), 1_000 + stream)
            _ = try await client.answer(1_000 + stream)
            try client.send(Cancel(), stream)
            let answer = try await client.answer(stream)
            if let error = answer.error {
                #expect(error.code == .cancelled)
                cancelled += 1
            }
        }
        #expect(cancelled > 0)
        #expect(client.frames.filter { (1...20).contains($0.stream) }.count == 20)
        let load = await world.server.load()
        #expect(load.scans == 0 && load.requestsUnderWay == 0 && load.requestsKeptBack == 0)
        #expect(world.store.openReadViews == 0)
        client.close()
        await world.stop()
    }

    @Test func creditThatComesRightBehindTheScanCounts() async throws {
        let world = try await World()
        try await world.fill(10)
        let client = try await RawClient(world, as: "stat")
        let preamble = RequestPreamble(handle: try await client.greet(), dataset: try world.dataset("houses"))
        client.send(
            try RawClient.frame(Scan(preamble: preamble, selection: Selection(), batchRecords: 1, credit: 1), 1)
                + RawClient.frame(ScanCredit(batches: 20), 1))
        _ = try await client.wait { _ in try? batches(client, 1).last?.progress == .complete ? client.frames.last : nil }
        #expect(try batches(client, 1).flatMap(\.rows).count == 10)
        client.close()
        await world.stop()
    }

    /// A connection that ends takes what it has under way with it.
    @Test func aConnectionThatEndsLeavesNothing() async throws {
        let world = try await World { $0.examinedMax = 1 }
        try await world.fill(200)
        let client = try await RawClient(world, as: "stat")
        let preamble = RequestPreamble(handle: try await client.greet(), dataset: try world.dataset("houses"))
        for stream in UInt32(1)...40 { try client.send(Scan(preamble: preamble, selection: Selection(), batchRecords: 1, credit: 1), stream) }
        _ = try await client.answer(1)
        client.close()
        try await until("the connection is gone") { world.server.connections == 0 }
        #expect(await world.server.load() == QueryLoad())
        try await until("nothing looks at a snapshot") { world.store.openReadViews == 0 }
        await world.stop()
    }
}
