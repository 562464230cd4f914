import Core
import Testing

@testable import Wire

@Suite struct FrameTests {
    @Test func aFrameSurvivesItsBytes() throws {
        var out = ByteWriter()
        try out.writeFrame(Ping(number: 7), stream: 0)
        try out.writeFrame(OpenSession(handle: 3), stream: 9)
        var splitter = FrameSplitter()
        let first = try #require(try splitter.next(in: out.bytes.span.bytes))
        let second = try #require(try splitter.next(in: out.bytes.span.bytes))
        #expect(try splitter.next(in: out.bytes.span.bytes) == nil && splitter.offset == out.count)
        #expect(first.header == FrameHeader(length: 8, opcodeByte: 0x03, stream: 0))
        #expect(second.header == FrameHeader(length: 4, opcodeByte: 0x05, stream: 9))
        #expect(try Ping(decoding: Array(out.bytes[first.body])) == Ping(number: 7))
    }
}
