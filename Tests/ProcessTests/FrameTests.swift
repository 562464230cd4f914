import Core
import DemoData
import Harness
import KhoClient
import TestSupport
import Testing
import Wire

@testable import kho

/// A query node's port takes anything, and only who sent it notices.
extension ProcessTests {
    /// What is sent after the greeting, and the error that ends the connection; nil: nothing is answered, or the connection stays.
    private func malformed(_ handle: UInt32) throws -> [(name: String, bytes: [UInt8], error: ErrorCode?)] {
        let get = try RawClient.frame(Get(preamble: RequestPreamble(handle: handle, dataset: DatasetID(1)), key: [1]), 1)
        func changed(_ place: Int, _ byte: UInt8) -> [UInt8] {
            var bytes = get
            bytes[place] = byte
            return bytes
        }
        var unknown = ByteWriter()
        let start = unknown.beginFrame(opcodeByte: 0x7E, stream: 0)
        try unknown.endFrame(at: start)
        var broken = ByteWriter()
        let place = broken.beginFrame(.get, stream: 7)
        broken.write(UInt32(9))
        try broken.endFrame(at: place)
        return [
            ("a body that is corrupted", changed(get.count - 1, 0xEE), .badChecksum), ("a checksum that is corrupted", changed(13, 0xEE), .badChecksum),
            ("another version", changed(4, 9), .unsupportedVersion), ("a length of a gigabyte", changed(0, 0x40), .frameTooLarge),
            ("HELLO again", try RawClient.frame(Hello(client: "x", clientVersion: "1"), 0), .outOfOrder),
            ("a request on stream 0", try RawClient.frame(Get(preamble: RequestPreamble(handle: handle, dataset: DatasetID(1)), key: [1]), 0), .outOfOrder),
            ("an unknown frame on stream 0", unknown.bytes, .unknownOpcode), ("a body that is cut short", broken.bytes, .badBody),
            ("the first half of a frame", Array(get.prefix(get.count / 2)), nil), ("noise", SystemRandom.bytes(3_000).map { $0 | 0x80 }, nil),
        ]
    }

    @Test func whatIsNoRequestHarmsNobodyElse() async throws {
        let world = try await World.ready()
        let query = try #require(world.cluster.queryNodes.first)
        let tls = world.tls(DemoCatalogue.tax.identity)
        let other = try await RawClient(query.clientAddress, tls)
        let handle = try await other.greet()
        let units = try await world.client(DemoCatalogue.tax.identity).dataset(named: DemoCatalogue.units).id
        var asked: UInt32 = 0
        func otherWorks() async throws {
            asked += 1
            try other.send(Get(preamble: RequestPreamble(handle: handle, dataset: units), key: Array("01".utf8)), asked)
            #expect(try await other.answer(asked).opcode == Opcode.record.rawValue)
        }
        try await otherWorks()

        for (place, example) in try malformed(1).enumerated() {
            let client = try await RawClient(query.clientAddress, tls)
            let handle = try await client.greet()
            let (name, bytes, error) = try malformed(handle)[place]
            // Byte by byte, with the other connection at work in between.
            for (count, byte) in bytes.prefix(64).enumerated() {
                client.send([byte])
                if count % 16 == 0 { try await otherWorks() }
            }
            client.send(Array(bytes.dropFirst(64)))
            if let error {
                if error == .badBody {
                    #expect(try await client.answer(7).error?.code == error, "\(name)")
                } else {
                    try await client.waitUntilClosed()
                    #expect(client.frames.last { $0.stream == 0 }?.error?.code == error, "\(name): \(client.frames.last?.error?.description ?? "nothing")")
                }
            }
            client.close()
            try await otherWorks()
            _ = example
        }
        // Before any greeting.
        for bytes in [Array("GET / HTTP/1.1\r\n\r\n".utf8), SystemRandom.bytes(500), try RawClient.frame(Bind(), 1)] {
            let client = try await RawClient(query.clientAddress, tls)
            for byte in bytes.prefix(40) { client.send([byte]) }
            client.send(Array(bytes.dropFirst(40)))
            try await client.waitUntilClosed()
            try await otherWorks()
        }
        #expect(!other.isClosed)
        #expect(world.cluster.isRunning(query.name))
        other.close()
    }
}
