import Core
import KhoClient
import Records
import TestSupport
import Testing
import Wire

@testable import QueryService

/// What becomes of connections and requests that are not as they should be, and of writes.
@Suite(.serialized) struct ProtocolTests {
    @Test func whoMisbehavesIsClosedWithANumberAndOthersAreNot() async throws {
        let world = try await World()
        try await world.fill(1)
        let houses = try world.dataset("houses")
        let good = try await world.client("own")
        func expect(_ code: ErrorCode, _ name: String, greets: Bool = true, _ bytes: (UInt32) throws -> [UInt8]) async throws {
            let client = try await RawClient(world, as: "stat")
            let handle = greets ? try await client.greet() : 0
            // Drip-fed: a byte at a time.
            for byte in try bytes(handle) { client.send([byte]) }
            let last = try await client.wait { $0.first { $0.stream == 0 && $0.error != nil } }
            #expect(last.error?.code == code, "\(name)")
            try await client.waitUntilClosed()
            #expect(try await good.get(World.key(0), from: houses).value != nil)
        }
        try await expect(.outOfOrder, "a request before HELLO", greets: false) { _ in try RawClient.frame(Bind(), 1) }
        try await expect(.frameTooLarge, "a large frame before HELLO", greets: false) { _ in [0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] }
        try await expect(.frameTooLarge, "a frame beyond every bound") { _ in [0x7F, 0xFF, 0xFF, 0xFF, 1, 0x10, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0] }
        try await expect(.unsupportedVersion, "another version") { _ in [0, 0, 0, 0, 9, 0x10, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0] }
        try await expect(.badChecksum, "a flipped bit") { handle in
            var frame = try RawClient.frame(Get(preamble: RequestPreamble(handle: handle, dataset: houses), key: [1]), 1)
            frame[20] ^= 4
            return frame
        }
        try await expect(.outOfOrder, "HELLO a second time") { _ in try RawClient.frame(Hello(client: "x", clientVersion: "0"), 0) }
        #expect(world.events.withLock { $0 }.filter { if case .misbehaved = $0 { true } else { false } }.count == 6)
        good.close()
        await world.stop()
    }

    @Test func aBadRequestIsAnsweredAndTheConnectionGoesOn() async throws {
        let world = try await World()
        try await world.fill(1)
        let houses = try world.dataset("houses")
        let client = try await RawClient(world, as: "own")
        let handle = try await client.greet()
        var unknown = ByteWriter()
        let start = unknown.beginFrame(opcodeByte: 0x7A, stream: 1)
        try unknown.endFrame(at: start)
        client.send(unknown.bytes)
        #expect(try await client.answer(1).error?.code == .unknownOpcode)
        try client.send(Get(preamble: RequestPreamble(handle: 77, dataset: houses), key: [1]), 2)
        #expect(try await client.answer(2).error?.code == .unknownHandle)
        try client.send(Bind(token: [1, 2, 3]), 3)
        #expect(try await client.answer(3).error?.code == .unsupported)
        var short = ByteWriter()
        let place = short.beginFrame(.get, stream: 4)
        short.write(UInt16(1))
        try short.endFrame(at: place)
        client.send(short.bytes)
        #expect(try await client.answer(4).error?.code == .badBody)
        try client.send(Get(preamble: RequestPreamble(handle: handle, dataset: houses), key: World.key(0)), 5)
        #expect(try await client.answer(5).opcode == Opcode.record.rawValue)
        client.close()
        await world.stop()
    }

    @Test func aCertificateWithoutAPrincipalIsRefused() async throws {
        let world = try await World()
        let stranger = try await RawClient(world, as: "stranger")
        await #expect(throws: WireError.self) { try await stranger.greet() }
        // Of another cluster, or a node's: told so and closed.
        for name in ["elsewhere", "node"] {
            let client = try await RawClient(world, as: name)
            try await client.waitUntilClosed()
            #expect(client.frames.first?.error?.code == .unauthenticated)
        }
        await world.stop()
    }

    @Test func slowConnectionsAreClosed() async throws {
        let world = try await World { $0.patienceMilliseconds = 300 }
        let silent = try await RawClient(world, as: "stat")
        let slow = try await RawClient(world, as: "stat")
        _ = try await slow.greet()
        slow.send([0, 0, 0])
        try await silent.waitUntilClosed()
        try await slow.waitUntilClosed()
        #expect(silent.frames.last?.error?.code == .tooSlow)
        #expect(slow.frames.last?.error?.code == .tooSlow)
        await world.stop()
    }

    @Test func writesAreCheckedAndAppliedOnce() async throws {
        let world = try await World()
        try await world.fill(2)
        let houses = try world.dataset("houses")
        let owner = try await RawClient(world, as: "own")
        let handle = try await owner.greet()
        try owner.send(OpenSession(handle: handle), 1)
        let session = try SessionOpened(decoding: try await owner.answer(1).body).session
        let put = WriteOperation(kind: .put, dataset: houses, key: Array("new".utf8), condition: .absent, fields: [.init(FieldID(1), .string("x"))])
        let write = Write(put, preamble: RequestPreamble(handle: handle), session: session, sequence: 1)
        try owner.send(write, 2)
        let first = try Written(decoding: try await owner.answer(2).body)
        try owner.send(write, 3)
        #expect(try Written(decoding: try await owner.answer(3).body).index == first.index, "a retry gets the first answer")
        try owner.send(Write(put, preamble: RequestPreamble(handle: handle), session: session, sequence: 2), 4)
        #expect(try await owner.answer(4).error?.code == .conflict)
        let wrong = WriteOperation(kind: .put, dataset: houses, key: Array("new".utf8), fields: [.init(FieldID(4), .int64(1))])
        try owner.send(Write(wrong, preamble: RequestPreamble(handle: handle), session: session, sequence: 3), 5)
        let violation = try await owner.answer(5).error
        #expect(violation?.code == .schemaViolation && violation?.field == FieldID(1) && violation?.rule == .required)

        let stat = try await world.client("stat")
        await #expect(throws: KhoError.self) { try await stat.put(World.key(0), in: houses, [.init(FieldID(1), .string("mine"))]) }
        await #expect(throws: KhoError.self) { try await stat.delete(World.key(0), in: houses) }
        owner.close()
        stat.close()
        await world.stop()
    }

    @Test func anOpenDatasetMayBeReadStaleAndAnotherIsReadNewest() async throws {
        let world = try await World()
        try await world.fill(1)
        let owner = try await world.client("own")
        let units = try world.dataset("units"), houses = try world.dataset("houses")
        try await owner.put(Array("01".utf8), in: units, [.init(FieldID(1), .string("Hà Nội"))])
        let stale = ReadOptions(consistency: .stale(maxAgeMilliseconds: 60_000))
        #expect(try await owner.get(Array("01".utf8), from: units, stale).value != nil)
        let newest = try await owner.get(World.key(0), from: houses, stale)
        #expect(newest.value != nil && newest.info.stalenessMilliseconds == 0)
        await #expect(throws: KhoError.self) {
            try await Task.sleep(for: .milliseconds(20))
            _ = try await owner.get(Array("01".utf8), from: units, ReadOptions(consistency: .stale(maxAgeMilliseconds: 0), deadline: .milliseconds(100)))
        }
        owner.close()
        await world.stop()
    }
}
