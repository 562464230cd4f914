import Core
import KhoClient
import NIOCore
import NIOPosix
import Records
import TestSupport
import Testing
import Wire

@testable import QueryService

/// How connections end that take too long or have lost their right, and which do not.
@Suite(.serialized) struct EndTests {
    @Test func whoSaysNothingIsClosedInTime() async throws {
        let clock = TestClock()
        let world = try await World { clock.set(&$0) }
        let plain = try await ClientBootstrap(group: world.group).connect(host: "127.0.0.1", port: world.port).get()
        let silent = try await RawClient(world, as: "stat")
        let half = try await RawClient(world, as: "stat")
        half.send(Array(try RawClient.frame(Hello(client: "test", clientVersion: "0"), 0).prefix(20)))
        let greeted = try await RawClient(world, as: "stat")
        _ = try await greeted.greet()
        for _ in 0..<10_000 {
            let load = await world.server.load()
            if load.connections == 4, load.receivedBytes == 20 { break }
            try await Task.sleep(nanoseconds: 1_000_000)
        }
        clock.advance(milliseconds: 5_000)
        await world.server.sweep()
        #expect(world.server.connections == 4)
        clock.advance(milliseconds: 5_001)
        await world.server.sweep()
        try await until("it is closed before TLS") { !plain.isActive }
        for client in [silent, half] {
            try await client.waitUntilClosed()
            #expect(client.frames.map { $0.error?.code } == [.tooSlow])
            #expect(client.frames.first?.stream == 0)
        }
        #expect(!greeted.isClosed, "a client that has greeted may be silent")
        greeted.close()
        await world.stop()
    }

    /// A read ends where it likes. Whose frames go on is not slow, though there is always one that is incomplete.
    @Test func aFrameHasItsOwnTime() async throws {
        let clock = TestClock()
        let world = try await World { clock.set(&$0) }
        try await world.fill(1)
        let client = try await RawClient(world, as: "stat")
        let preamble = RequestPreamble(handle: try await client.greet(), dataset: try world.dataset("houses"))
        func arrived() async throws {
            for _ in 0..<10_000 {
                if await world.server.load().receivedBytes == 10 { return }
                try await Task.sleep(nanoseconds: 1_000_000)
            }
        }
        var rest: [UInt8] = []
        for stream in UInt32(1)...4 {
            let frame = try RawClient.frame(Get(preamble: preamble, key: World.key(0)), stream)
            client.send(rest + frame.prefix(10))
            if stream > 1 { #expect(try await client.answer(stream - 1).opcode == Opcode.record.rawValue) }
            rest = Array(frame.dropFirst(10))
            try await arrived()
            clock.advance(milliseconds: 6_000)
            await world.server.sweep()
            #expect(!client.isClosed)
        }
        clock.advance(milliseconds: 4_100)
        await world.server.sweep()
        try await client.waitUntilClosed()
        #expect(client.frames.last?.error?.code == .tooSlow)
        await world.stop()
    }

    @Test func goodRequestsMayComeByteByByte() async throws {
        let world = try await World()
        try await world.fill(1)
        let client = try await RawClient(world, as: "stat")
        for byte in try RawClient.frame(Hello(client: "test", clientVersion: "0"), 0) + RawClient.frame(Bind(), 1) { client.send([byte]) }
        let handle = try Bound(decoding: try await client.answer(1).body).handle
        let preamble = RequestPreamble(handle: handle, dataset: try world.dataset("houses"))
        for byte in try RawClient.frame(Get(preamble: preamble, key: World.key(0)), 2) + RawClient.frame(Ping(number: 3), 0) { client.send([byte]) }
        #expect(try await client.answer(2).opcode == Opcode.record.rawValue)
        _ = try await client.wait { $0.first { $0.opcode == Opcode.pong.rawValue } }
        client.close()
        await world.stop()
    }

    @Test func aConnectionEndsWithItsCertificate() async throws {
        let clock = TestClock()
        let world = try await World { clock.set(&$0) }
        try await world.fill(20)
        let houses = try world.dataset("houses")
        // Both are the same consumer; the one's certificate holds for a day, the other's for two.
        let brief = try await RawClient(world, as: "brief")
        let long = try await RawClient(world, as: "stat")
        let preamble = RequestPreamble(handle: try await brief.greet(), dataset: houses)
        let other = RequestPreamble(handle: try await long.greet(), dataset: houses)
        try brief.send(Scan(preamble: preamble, selection: Selection(), batchRecords: 5, credit: 1), 1)
        _ = try await brief.answer(1)
        await world.server.sweep()
        #expect(!brief.isClosed)
        clock.advance(milliseconds: 25 * 3_600_000)
        await world.server.sweep()
        try await brief.waitUntilClosed()
        #expect(brief.frames.last?.stream == 0 && brief.frames.last?.error?.code == .unauthenticated)
        // Nor does a new connection serve with it, though TLS has let it in.
        let again = try await RawClient(world, as: "brief")
        try again.send(Hello(client: "test", clientVersion: "0"), 0)
        try again.send(Bind(), 1)
        try await again.waitUntilClosed()
        #expect(again.frames.allSatisfy { $0.stream == 0 && $0.error?.code == .unauthenticated })
        try long.send(Get(preamble: other, key: World.key(0)), 1)
        #expect(try await long.answer(1).opcode == Opcode.record.rawValue)
        try await until("only the other is left") { world.server.connections == 1 }
        #expect(await world.server.load().scans == 0)
        long.close()
        await world.stop()
    }

    @Test func whatIsNotAllowedNowIsRefusedAsTheProtocolSays() async throws {
        let world = try await World()
        try await world.fill(1)
        let houses = try world.dataset("houses")
        let client = try await RawClient(world, as: "stat")
        try client.send(Hello(client: "test", clientVersion: "0"), 0)
        // Before BIND there is no handle.
        for (stream, handle) in [(UInt32(1), UInt32(0)), (2, 1), (3, .max)] {
            try client.send(Get(preamble: RequestPreamble(handle: handle, dataset: houses), key: World.key(0)), stream)
            #expect(try await client.answer(stream).error?.code == .unknownHandle)
        }
        try client.send(Bind(), 4)
        let preamble = RequestPreamble(handle: try Bound(decoding: try await client.answer(4).body).handle, dataset: houses)
        // A flag that must be understood, and one that need not be.
        for (stream, flags) in [(UInt32(5), UInt16(0x0001)), (6, 0x8000)] {
            var out = ByteWriter()
            let start = out.beginFrame(.get, stream: stream, flags: flags)
            Get(preamble: preamble, key: World.key(0)).encode(into: &out)
            try out.endFrame(at: start)
            client.send(out.bytes)
        }
        #expect(try await client.answer(5).error?.code == .unsupportedFlag)
        #expect(try await client.answer(6).opcode == Opcode.record.rawValue)
        // Answers and reserved requests are not for a node.
        var answer = ByteWriter()
        let start = answer.beginFrame(.record, stream: 7)
        try answer.endFrame(at: start)
        client.send(answer.bytes)
        #expect(try await client.answer(7).error?.code == .unknownOpcode)
        // On stream 0 the connection ends with it.
        var unknown = ByteWriter()
        let place = unknown.beginFrame(opcodeByte: 0x7A, stream: 0)
        try unknown.endFrame(at: place)
        client.send(unknown.bytes)
        try await client.waitUntilClosed()
        #expect(client.frames.last?.stream == 0 && client.frames.last?.error?.code == .unknownOpcode)
        // So it does when a stream is used twice.
        let twice = try await RawClient(world, as: "stat")
        let handle = try await twice.greet()
        let get = Get(preamble: RequestPreamble(handle: handle, dataset: houses), key: World.key(0))
        twice.send(try RawClient.frame(get, 1) + RawClient.frame(get, 1))
        try await twice.waitUntilClosed()
        #expect(twice.frames.last?.error?.code == .streamInUse)
        await world.stop()
    }
}
