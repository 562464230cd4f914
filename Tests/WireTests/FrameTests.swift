import Core
import Testing

@testable import Wire

@Suite struct FrameTests {
    /// Three frames in one buffer.
    static func three() throws -> [UInt8] {
        var out = ByteWriter()
        try out.writeFrame(Ping(number: 7), stream: 0)
        try out.writeFrame(Cancel(), stream: 4_000_000_000)
        try out.writeFrame(AdminRequest(method: "cluster.status", body: ["x": [1, 2, 3]]), stream: 9)
        return out.bytes
    }

    @Test func framesOfOneBufferAreFoundOneByOne() throws {
        let bytes = try Self.three()
        var splitter = FrameSplitter()
        let first = try #require(try splitter.next(in: bytes.span.bytes))
        let second = try #require(try splitter.next(in: bytes.span.bytes))
        let third = try #require(try splitter.next(in: bytes.span.bytes))
        #expect(try splitter.next(in: bytes.span.bytes) == nil && splitter.offset == bytes.count)
        #expect(splitter.bytesNeeded == bytes.count + 16)
        #expect(first.header == FrameHeader(length: 8, opcodeByte: 0x03, stream: 0) && first.body == 16..<24)
        #expect(second.header == FrameHeader(length: 0, opcodeByte: 0x04, stream: 4_000_000_000) && second.body == 40..<40)
        #expect(third.header.stream == 9 && third.body.upperBound == bytes.count)
        #expect(try AdminRequest(decoding: Array(bytes[third.body])).method == "cluster.status")
    }

    @Test func framesAreFoundWhateverPiecesTheyArriveIn() throws {
        let bytes = try Self.three()
        for size in 1...bytes.count {
            var splitter = FrameSplitter()
            var region: [UInt8] = []
            var found: [UInt32] = []
            var next = 0
            while next < bytes.count {
                region += bytes[next..<min(bytes.count, next + size)]
                next += size
                while let frame = try splitter.next(in: region.span.bytes) { found.append(frame.header.stream) }
                #expect(splitter.bytesNeeded > region.count)
                // The caller drops what was consumed every other time.
                if next % 2 == 0 {
                    region.removeFirst(splitter.offset)
                    splitter.discardedConsumedBytes()
                    #expect(splitter.offset == 0 && splitter.bytesNeeded > region.count)
                }
            }
            #expect(found == [0, 4_000_000_000, 9], "in pieces of \(size)")
        }
    }

    @Test func aFrameTooLargeIsRefusedByItsHeader() throws {
        var out = ByteWriter()
        try out.writeFrame(Bind(token: [UInt8](repeating: 1, count: 2_000)), stream: 1)
        let size = out.count
        // The header alone is enough: nothing waits for a body that will not be taken.
        let header = Array(out.bytes[..<16])
        var small = FrameSplitter(frameBytesMax: size - 1)
        #expect(throws: FrameError.tooLarge(size)) { _ = try small.next(in: header.span.bytes) }
        var exact = FrameSplitter(frameBytesMax: size)
        #expect(try exact.next(in: header.span.bytes) == nil && exact.bytesNeeded == size)
        #expect(try exact.next(in: out.bytes.span.bytes) != nil)
    }

    @Test func anyFlippedBitIsSeen() throws {
        var out = ByteWriter()
        try out.writeFrame(Ping(number: 0x0123_4567_89AB_CDEF), stream: 5)
        for bit in 0..<out.count * 8 {
            var bytes = out.bytes
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            var splitter = FrameSplitter()
            do throws(FrameError) {
                let frame = try splitter.next(in: bytes.span.bytes)
                // A longer length waits for bytes that do not come: a deadline's business, and never a frame.
                #expect(frame == nil && bit < 32, "bit \(bit)")
            } catch {
                switch bit {
                case 0..<32: #expect(error == .checksum || error.code == .frameTooLarge, "bit \(bit): \(error)")
                case 32..<40: #expect(error.code == .unsupportedVersion, "bit \(bit): \(error)")
                default: #expect(error == .checksum, "bit \(bit): \(error)")
                }
            }
        }
    }

    @Test func aFrameThatGrewTooLargeLeavesNothingBehind() throws {
        var out = ByteWriter()
        try out.writeFrame(Ping(number: 1), stream: 0)
        let before = out.bytes
        #expect(throws: FrameError.tooLarge(16 + 2 + 100)) {
            try out.writeFrame(Bind(token: [UInt8](repeating: 0, count: 100)), stream: 1, max: 117)
        }
        #expect(out.bytes == before)
        let start = out.beginFrame(.record, stream: 1)
        out.write32 { $0.append(contentsOf: [1, 2, 3]) }
        #expect(out.bytes.suffix(7) == [0, 0, 0, 3, 1, 2, 3])
        out.cancelFrame(at: start)
        #expect(out.bytes == before)
    }
}
