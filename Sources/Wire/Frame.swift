import Core

/// The 16 bytes ahead of every frame's body, big-endian:
///
///     length u32 | version u8 | opcode u8 | flags u16 | stream u32 | crc32c u32
///
/// `length` counts the bytes of the body alone. The CRC-32C goes over the whole frame with its own four bytes zero.
package struct FrameHeader: Equatable, Sendable {
    /// The version of the header's layout, and of the protocol.
    package static let version: UInt8 = 1
    static let checksumOffset = 12

    /// Bytes of the body.
    package var length: Int
    /// The opcode's byte, which may be of a newer version.
    package var opcodeByte: UInt8
    /// The low half must be understood by the receiver, the high half may be ignored. None is defined yet.
    package var flags: UInt16
    /// The request's number on this connection; 0 for the connection itself.
    package var stream: UInt32

    package init(length: Int, opcodeByte: UInt8, flags: UInt16 = 0, stream: UInt32) {
        self.length = length
        self.opcodeByte = opcodeByte
        self.flags = flags
        self.stream = stream
    }

    /// Nil for an opcode of a newer version.
    package var opcode: Opcode? { Opcode(rawValue: opcodeByte) }
    /// Flags that the receiver must understand and does not.
    package var unknownRequiredFlags: UInt16 { flags & 0x00FF }
}

/// Why bytes are not a frame. After any of these the place of the next frame is unknown: the connection ends.
package enum FrameError: Error, Equatable, Sendable {
    /// The header's version byte is not 1.
    case version(UInt8)
    /// The frame has more bytes, header included, than the receiver takes.
    case tooLarge(Int)
    case checksum

    /// What the other side is told.
    package var code: ErrorCode {
        switch self {
        case .version: .unsupportedVersion
        case .tooLarge: .frameTooLarge
        case .checksum: .badChecksum
        }
    }
}

/// Finds the frames in bytes that arrive in pieces of any size. Looks at bytes that its caller keeps, allocates nothing, and
/// refuses a frame that is too large as soon as its header is there.
package struct FrameSplitter: Sendable {
    /// Bytes of the largest frame taken, header included. Small until HELLO, so that a stranger occupies little.
    package var frameBytesMax: Int
    /// Where the next frame begins in the caller's bytes.
    package private(set) var offset = 0
    /// Bytes that the region must have, from its beginning, before `next` can find a frame.
    package private(set) var bytesNeeded = Limits.frameHeaderBytes

    package init(frameBytesMax: Int = Limits.frameBytes) { self.frameBytesMax = frameBytesMax }

    /// A frame: its header, and where its body lies in the caller's bytes.
    package struct Frame: Equatable, Sendable {
        package var header: FrameHeader
        package var body: Range<Int>
    }

    /// The next whole frame in the region, or nil if more bytes are needed (`bytesNeeded` in all). Each call goes on behind the
    /// frame found before. Costs a CRC-32C over the frame.
    package mutating func next(in region: RawSpan) throws(FrameError) -> Frame? {
        guard region.byteCount - offset >= Limits.frameHeaderBytes else {
            bytesNeeded = offset + Limits.frameHeaderBytes
            return nil
        }
        let raw = RawHeader(region.extracting(offset..<offset + Limits.frameHeaderBytes))
        guard raw.version == FrameHeader.version else { throw .version(raw.version) }
        let size = Limits.frameHeaderBytes + raw.header.length
        guard size <= frameBytesMax else { throw .tooLarge(size) }
        guard region.byteCount - offset >= size else {
            bytesNeeded = offset + size
            return nil
        }
        let frame = region.extracting(offset..<offset + size)
        guard checksum(of: frame) == raw.checksum else { throw .checksum }
        let body = offset + Limits.frameHeaderBytes..<offset + size
        offset += size
        bytesNeeded = offset + Limits.frameHeaderBytes
        return Frame(header: raw.header, body: body)
    }

    /// The caller dropped the bytes before `offset`: what is left begins at 0.
    package mutating func discardedConsumedBytes() {
        bytesNeeded -= offset
        offset = 0
    }

    private func checksum(of frame: RawSpan) -> UInt32 {
        var crc = CRC32C()
        crc.update(frame, around: FrameHeader.checksumOffset)
        return crc.value
    }
}

/// A header's numbers as they stand, not yet believed.
private struct RawHeader {
    let version: UInt8
    let checksum: UInt32
    let header: FrameHeader

    /// `bytes` has 16 bytes.
    init(_ bytes: RawSpan) {
        func u32(_ at: Int) -> UInt32 { UInt32(bigEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt32.self)) }
        func u16(_ at: Int) -> UInt16 { UInt16(bigEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt16.self)) }
        func u8(_ at: Int) -> UInt8 { unsafe bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt8.self) }
        version = u8(4)
        checksum = u32(FrameHeader.checksumOffset)
        header = FrameHeader(length: Int(u32(0)), opcodeByte: u8(5), flags: u16(6), stream: u32(8))
    }
}

extension ByteWriter {
    /// Appends a frame's header with length and checksum still zero, and returns its place for `endFrame`. Many frames may be
    /// written one after the other into one buffer.
    package mutating func beginFrame(_ opcode: Opcode, stream: UInt32, flags: UInt16 = 0) -> Int {
        beginFrame(opcodeByte: opcode.rawValue, stream: stream, flags: flags)
    }

    /// The same for any opcode byte.
    package mutating func beginFrame(opcodeByte: UInt8, stream: UInt32, flags: UInt16 = 0) -> Int {
        let start = count
        write(inMemory: (UInt32(0), FrameHeader.version, opcodeByte, flags.bigEndian, stream.bigEndian, UInt32(0)))
        return start
    }

    /// Completes the frame begun at `start` with everything appended since. Throws `tooLarge`, and takes the frame out of the
    /// buffer again, if it has more than `max` bytes, header included.
    package mutating func endFrame(at start: Int, max: Int = Limits.frameBytes) throws(FrameError) {
        let size = count - start
        guard size <= max else {
            cancelFrame(at: start)
            throw .tooLarge(size)
        }
        overwrite(UInt32(size - Limits.frameHeaderBytes), at: start)
        let crc = unsafe CRC32C.of(bytes.span.bytes.extracting(start..<count))
        overwrite(crc, at: start + FrameHeader.checksumOffset)
    }

    /// Takes the frame begun at `start` out of the buffer again.
    package mutating func cancelFrame(at start: Int) { bytes.removeSubrange(start...) }

    /// Appends a whole frame.
    package mutating func writeFrame(_ message: some Message, stream: UInt32, max: Int = Limits.frameBytes) throws(FrameError) {
        let start = beginFrame(message.opcode, stream: stream)
        message.encode(into: &self)
        try endFrame(at: start, max: max)
    }

    /// Appends a length of 4 bytes and what `body` appends, as for a record that is written straight from the store.
    package mutating func write32(_ body: (inout [UInt8]) -> Void) {
        let start = count
        write(UInt32(0))
        body(&bytes)
        overwrite(UInt32(count - start - 4), at: start)
    }
}
