import Admission
import Core
import Dispatch
import NIOCore
import Testing

@testable import Peers

@Suite struct FrameTests {
    @Test func framesComeThroughHoweverTheyAreCut() throws {
        let seed = SystemRandom.uint64()
        var random = SeededRandom(seed: seed)
        for _ in 0..<50 {
            var stream = ByteBuffer()
            var bodies: [[UInt8]] = []
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                let body = (0..<Int.random(in: 0...200, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
                stream.writeFrame(.message, body)
                bodies.append(body)
            }
            var decoder = PeerFrameDecoder(bytesMax: 200)
            var got: [[UInt8]] = []
            while stream.readableBytes > 0 {
                var piece = stream.readSlice(length: min(stream.readableBytes, Int.random(in: 1...40, using: &random)))!
                while let frame = try decoder.next(from: &piece) { got.append(frame.body) }
                #expect(piece.readableBytes == 0, "seed \(seed)")
            }
            #expect(got == bodies, "seed \(seed)")
        }
    }

    @Test func everyTruncationIsIncomplete() throws {
        let whole = frame(4, [1, 2, 3])
        for count in 0..<whole.count {
            var decoder = PeerFrameDecoder(bytesMax: 3)
            var buffer = ByteBuffer(bytes: whole[..<count])
            #expect(try decoder.next(from: &buffer) == nil)
        }
    }

    @Test(arguments: [
        (frame(4, [1, 2, 3, 4]), PeerFrameFault.oversize(4)), ([0xFF, 0xFF, 0xFF, 0xFF] + frame(4, [])[4...], .oversize(.max)),
        (frame(0, []), .unknownKind(0)), (frame(5, []), .unknownKind(5)), (frame(4, [], flags: 8), .unknownFlags(8)),
        (frame(4, [], group: 7), .unknownGroup(7)), (frame(4, [1], crc: 2), .checksum),
    ])
    func faultsHaveNames(_ bytes: [UInt8], _ fault: PeerFrameFault) {
        var decoder = PeerFrameDecoder(bytesMax: 3)
        var buffer = ByteBuffer(bytes: bytes)
        #expect(throws: fault) { _ = try decoder.next(from: &buffer) }
    }

    @Test func aHelloSurvivesItsBytesAndNoTruncation() throws {
        let hello = PeerHello(
            lane: .bulk,
            sender: PeerIdentity(
                cluster: ClusterID(high: 1, low: 2), node: NodeID(3), incarnation: Incarnation(4), start: PeerStart(number: 7, mark: 8)),
            expected: NodeID(5), standing: PeerStanding(membershipIndex: LogIndex(6), address: "n3.example:7401"))
        let bytes = hello.encoded()
        #expect(try PeerHello(decoding: bytes) == hello)
        #expect(try PeerHello(decoding: bytes + [9, 9]) == hello)
        // The forms before the standing and the start were added are whole.
        let withoutStanding = 35, withoutStart = bytes.count - 16
        #expect(try PeerHello(decoding: Array(bytes[..<withoutStanding])).standing == .none)
        let older = try PeerHello(decoding: Array(bytes[..<withoutStart]))
        #expect(older.standing == hello.standing && older.sender.start == .untold)
        for count in bytes.indices where count != withoutStanding && count != withoutStart { #expect(throws: DecodingError.self) { try PeerHello(decoding: Array(bytes[..<count])) } }
    }

    @Test func aQueueIsBoundedAndForgetsWithItsConnection() {
        let queue = OutgoingQueue(bytesMax: 100)
        #expect(queue.append(.message, [1]) == .dropped)
        queue.open()
        #expect(queue.append(.message, [UInt8](repeating: 1, count: 40)) == .queuedFirst)
        #expect(queue.append(.ping, []) == .dropped)
        #expect(queue.append(.message, [UInt8](repeating: 2, count: 36)) == .queued)
        #expect(queue.bytes == 100)
        #expect(queue.append(.message, []) == .dropped)
        #expect(!queue.waitForRoom(below: 100, until: .now()))
        #expect(queue.next(bytesMax: 30)?.readableBytes == 30)
        #expect(queue.waitForRoom(below: 71, until: .now()))
        #expect(queue.append(.message, []) == .queued)
        #expect([queue.next(bytesMax: 1_000), queue.next(bytesMax: 1_000), queue.next(bytesMax: 1_000)].map { $0?.readableBytes } == [70, 12, nil])
        #expect(queue.append(.ping, []) == .queuedFirst)
        #expect(queue.close() == 12)
        #expect(queue.append(.message, [1]) == .dropped)
        #expect(!queue.waitForRoom(below: 100, until: .distantFuture))
    }
}
