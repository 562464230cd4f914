import Core
@testable import QueryService
import Records
import Store
import TestSupport
import Testing
import Wire

/// Large writes stand back where readers would wait for them.
@Suite struct LargeWriteTests {
    // MARK: The pace

    @Test func lateBellsMoveWritesApartUpToABound() {
        var pace = WritePace()
        #expect(pace.gap == 0)
        pace.heard(late: WritePace.late, hasReaders: true)
        #expect(pace.gap == 0, "in time")
        pace.heard(late: WritePace.late + 1, hasReaders: true)
        #expect(pace.gap == WritePace.step)
        for _ in 0..<1_000 { pace.heard(late: 1 << 40, hasReaders: true) }
        #expect(pace.gap == WritePace.gapMax)
        #expect(WritePace(gap: .max).gap == WritePace.gapMax)
    }

    @Test func bellsInTimeAndBellsWithoutReadersBringThemTogether() {
        for (late, hasReaders) in [(0, true), (WritePace.late, true), (1 << 40, false)] as [(UInt64, Bool)] {
            var pace = WritePace(gap: WritePace.gapMax)
            var bells = 0
            while pace.gap > 0, bells < 10_000 {
                pace.heard(late: late, hasReaders: hasReaders)
                bells += 1
            }
            #expect(bells == Int(WritePace.gapMax / WritePace.stepBack), "late by \(late)")
        }
    }

    /// Where one in fifty is late the gap stays; with fewer it shrinks, with more it grows.
    @Test func itRestsWhereOneBellInFiftyIsLate() {
        func gap(oneIn count: Int) -> UInt64 {
            var pace = WritePace(gap: WritePace.gapMax / 2)
            for bell in 1...5_000 { pace.heard(late: bell.isMultiple(of: count) ? 1 << 30 : 0, hasReaders: true) }
            return pace.gap
        }
        let half = WritePace.gapMax / 2
        #expect(half - WritePace.step...half + 2 * WritePace.step ~= gap(oneIn: 50))
        #expect(gap(oneIn: 100) == 0 + WritePace.step && gap(oneIn: 25) == WritePace.gapMax)
    }

    @Test func nobodyWaitsLongHoweverManyWait() {
        let pace = WritePace(gap: WritePace.gapMax)
        #expect(pace.gap(waiting: 0) == WritePace.gapMax && pace.gap(waiting: 1) == WritePace.gapMax)
        for waiting in [100, 1_000, 100_000] { #expect(pace.gap(waiting: waiting) * UInt64(waiting) <= WritePace.waitMax) }
        #expect(WritePace().gap(waiting: 5) == 0)
    }

    // MARK: The loop

    private func large(_ number: Int, _ houses: DatasetID) -> WriteOperation {
        let name = String(repeating: "n", count: Limits.lightRequestBytes) + "\(number)"
        return WriteOperation(kind: .put, dataset: houses, key: World.key(number), fields: [.init(FieldID(1), .string(name)), .init(FieldID(2), .string("219"))])
    }

    /// So many large writes in one piece, on the streams from 11 on, then what else there is.
    private func send(_ count: Int, _ client: RawClient, _ handle: UInt32, _ houses: DatasetID, then more: [UInt8] = []) async throws {
        try client.send(OpenSession(handle: handle), 5)
        let session = try SessionOpened(decoding: try await client.answer(5).body).session
        var bytes: [UInt8] = []
        for number in 0..<count {
            let write = Write(large(number, houses), preamble: RequestPreamble(handle: handle), session: session, sequence: UInt64(number) + 1)
            bytes += try RawClient.frame(write, UInt32(11 + number))
        }
        client.send(bytes + more)
    }

    private func held(_ world: World) async -> Int { await world.server.turns().reduce(0) { $0 + $1.largeWritesHeld } }

    /// In their order, each once; what is small passes them.
    @Test func whatIsHeldIsBegunLater() async throws {
        let world = try await World { $0.writePace = WritePace(gap: WritePace.gapMax) }
        let houses = try world.dataset("houses")
        let client = try await RawClient(world, as: "own")
        let handle = try await client.greet()
        let small = Write(
            WriteOperation(kind: .put, dataset: houses, key: World.key(900), fields: [.init(FieldID(1), .string("small"))]), preamble: RequestPreamble(handle: handle),
            session: SessionID(0), sequence: 0)
        try await send(20, client, handle, houses, then: RawClient.frame(small, 900))
        var indexes: [LogIndex] = []
        for number in 0..<20 {
            let answer = try await client.answer(UInt32(11 + number))
            #expect(answer.opcode == Opcode.written.rawValue, "\(answer)")
            indexes.append(try Written(decoding: answer.body).index)
        }
        #expect(indexes == indexes.sorted() && Set(indexes).count == 20)
        #expect(try await Written(decoding: client.answer(900).body).index < indexes[19])
        #expect(await held(world) > 0)
        let reader = try await world.client("own")
        for number in 0..<20 { #expect(try await reader.get(World.key(number), from: houses).value?[FieldID(1)] == large(number, houses).fields[0].value) }
        let load = await world.server.load()
        #expect(load.heldBytes == 0 && load.requestsKeptBack == 0)
        reader.close()
        client.close()
        await world.stop()
    }

    @Test func whereNobodyWaitsNothingIsHeld() async throws {
        let world = try await World()
        let houses = try world.dataset("houses")
        let client = try await RawClient(world, as: "own")
        try await send(20, client, try await client.greet(), houses)
        for number in 0..<20 { #expect(try await client.answer(UInt32(11 + number)).opcode == Opcode.written.rawValue) }
        #expect(await held(world) == 0)
        client.close()
        await world.stop()
    }

    @Test func aCancelledOneIsNotBegun() async throws {
        let world = try await World { $0.writePace = WritePace(gap: WritePace.gapMax) }
        let houses = try world.dataset("houses")
        let client = try await RawClient(world, as: "own")
        try await send(20, client, try await client.greet(), houses, then: RawClient.frame(Cancel(), 30))
        #expect(try await client.answer(30).error?.code == .cancelled)
        for number in 0..<19 { #expect(try await client.answer(UInt32(11 + number)).opcode == Opcode.written.rawValue) }
        let reader = try await world.client("own")
        #expect(try await reader.get(World.key(19), from: houses).value == nil)
        reader.close()
        client.close()
        await world.stop()
    }

    /// Neither what it holds, nor what it would have written.
    @Test func aConnectionThatEndsTakesThemWithIt() async throws {
        let world = try await World { $0.writePace = WritePace(gap: WritePace.gapMax) }
        let houses = try world.dataset("houses")
        let client = try await RawClient(world, as: "own")
        try await send(50, client, try await client.greet(), houses)
        _ = try await client.answer(11)
        client.close()
        try await until("the connection is gone") { world.server.connections == 0 }
        #expect(await world.server.load() == QueryLoad())
        let reader = try await world.client("own")
        #expect(try await reader.get(World.key(49), from: houses).value == nil)
        reader.close()
        await world.stop()
    }
}
