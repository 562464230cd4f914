import CKhoPlatform
import NIOCore

/// What a frame between nodes is.
enum PeerFrameKind: UInt8, Sendable {
    /// Who the sender is; the first frame of each side.
    case hello = 1
    /// In place of a hello's answer: a `PeerRefusal` in one byte. The connection ends.
    case refusal = 2
    /// Nothing but a sign of life.
    case ping = 3
    /// Bytes for the other side's delegate.
    case message = 4
}

/// Why bytes from a peer are not a frame. The connection cannot go on, since nobody knows where the next frame begins.
enum PeerFrameFault: Error, Equatable, Sendable {
    case oversize(UInt32)
    case unknownKind(UInt8)
    case unknownFlags(UInt8)
    case unknownGroup(UInt16)
    case checksum
}

/// Frames as bytes: `length u32 | kind u8 | flags u8 | group u16 | crc32c u32`, big-endian, then as many bytes as the length says, over
/// which the checksum goes. The low half of the flags is required (unknown: an error), the high half optional.
enum PeerFrame {
    static let headerBytes = 12

    /// Appends a frame: one copy of the body, no other allocation than the buffer's growth.
    static func write(_ kind: PeerFrameKind, _ body: [UInt8], into buffer: inout ByteBuffer) {
        let crc = body.withUnsafeBytes { kho_crc32c(0, $0.baseAddress, $0.count) }
        buffer.writeMultipleIntegers(UInt32(body.count), kind.rawValue, UInt8(0), UInt16(0), crc)
        buffer.writeBytes(body)
    }
}

/// Takes a stream of bytes apart into frames. Holds at most one unfinished frame, whose length was checked before its memory was taken.
struct PeerFrameDecoder {
    /// Bytes of a body at most. Small until the other side is known.
    var bytesMax: Int
    /// The unfinished header of an earlier read.
    private var partialHeader = ByteBuffer()
    /// The header whose body is not complete.
    private var pending: (kind: PeerFrameKind, length: Int, crc: UInt32)?
    private var body: [UInt8] = []

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// The next whole frame, or nil when the bytes are used up. Call it until it says nil.
    mutating func next(from buffer: inout ByteBuffer) throws(PeerFrameFault) -> (kind: PeerFrameKind, body: [UInt8])? {
        if pending == nil {
            guard let header = try readHeader(&buffer) else { return nil }
            pending = header
            // A body that is here as a whole needs no gathering.
            if buffer.readableBytes >= header.length {
                pending = nil
                return (header.kind, try checked(buffer.readBytes(length: header.length) ?? [], header.crc))
            }
            body = []
            body.reserveCapacity(header.length)
        }
        guard let header = pending else { return nil }
        if let more = buffer.readSlice(length: min(buffer.readableBytes, header.length - body.count)) {
            body.append(contentsOf: more.readableBytesView)
        }
        guard body.count == header.length else { return nil }
        pending = nil
        let whole = body
        body = []
        return (header.kind, try checked(whole, header.crc))
    }

    private mutating func readHeader(
        _ buffer: inout ByteBuffer
    ) throws(PeerFrameFault) -> (kind: PeerFrameKind, length: Int, crc: UInt32)? {
        if partialHeader.readableBytes == 0 && buffer.readableBytes >= PeerFrame.headerBytes { return try parse(&buffer) }
        let missing = PeerFrame.headerBytes - partialHeader.readableBytes
        if let part = buffer.readSlice(length: min(missing, buffer.readableBytes)) { partialHeader.writeImmutableBuffer(part) }
        guard partialHeader.readableBytes == PeerFrame.headerBytes else { return nil }
        defer { partialHeader.clear() }
        return try parse(&partialHeader)
    }

    private func parse(_ buffer: inout ByteBuffer) throws(PeerFrameFault) -> (kind: PeerFrameKind, length: Int, crc: UInt32)? {
        guard
            let (length, kind, flags, group, crc) = buffer.readMultipleIntegers(
                as: (UInt32, UInt8, UInt8, UInt16, UInt32).self)
        else { return nil }
        guard length <= bytesMax else { throw .oversize(length) }
        guard flags & 0x0F == 0 else { throw .unknownFlags(flags) }
        guard group == 0 else { throw .unknownGroup(group) }
        guard let kind = PeerFrameKind(rawValue: kind) else { throw .unknownKind(kind) }
        return (kind, Int(length), crc)
    }

    private func checked(_ body: [UInt8], _ crc: UInt32) throws(PeerFrameFault) -> [UInt8] {
        guard body.withUnsafeBytes({ kho_crc32c(0, $0.baseAddress, $0.count) }) == crc else { throw .checksum }
        return body
    }
}
