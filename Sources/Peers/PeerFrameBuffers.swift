import NIOCore

// Frames in NIO's buffers; what a frame is, `PeerFrameHeader` says.

extension ByteBuffer {
    /// Appends a frame: one copy of the body, no other allocation than the buffer's growth.
    mutating func writeFrame(_ kind: PeerFrameKind, _ body: [UInt8]) {
        let (first, second) = PeerFrameHeader(kind, of: body).words
        writeMultipleIntegers(first, second)
        writeBytes(body)
    }
}

extension PeerFrameDecoder {
    /// The next whole frame, or nil when the bytes are used up. Call it until it says nil.
    mutating func next(from buffer: inout ByteBuffer) throws(PeerFrameFault) -> (kind: PeerFrameKind, body: [UInt8])? {
        var used = 0
        let frame = try next(in: buffer.readableBytesSpan, at: &used)
        buffer.moveReaderIndex(forwardBy: used)
        return frame
    }
}
