import Core

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

/// A frame as bytes: `length u32 | kind u8 | flags u8 | group u16 | crc32c u32`, big-endian, then as many bytes of body as the length says,
/// over which the checksum goes. The low half of the flags is required (unknown: an error), the high half optional.
struct PeerFrameHeader: Equatable, Sendable {
    static let bytes = 12

    let kind: PeerFrameKind
    /// Bytes of the body.
    let length: UInt32
    let checksum: UInt32

    /// Of a body of less than 4 GiB.
    init(_ kind: PeerFrameKind, of body: [UInt8]) {
        self.kind = kind
        length = UInt32(body.count)
        checksum = CRC32C.of(body)
    }

    /// The header's bytes as two numbers, to be written big-endian.
    var words: (UInt64, UInt32) { (UInt64(length) << 32 | UInt64(kind.rawValue) << 24, checksum) }

    /// The header at the beginning of the bytes; nil if they are fewer than a header has. Throws where its body may not be waited for.
    init?(_ bytes: RawSpan, bodyMax: Int) throws(PeerFrameFault) {
        let (length, kind, flags, group, checksum): (UInt32, UInt8, UInt8, UInt16, UInt32)
        do throws(DecodingError) {
            var reader = ByteReader(bytes)
            length = try reader.readUInt32()
            kind = try reader.readUInt8()
            flags = try reader.readUInt8()
            group = try reader.readUInt16()
            checksum = try reader.readUInt32()
        } catch { return nil }
        guard length <= bodyMax else { throw .oversize(length) }
        guard flags & 0x0F == 0 else { throw .unknownFlags(flags) }
        guard group == 0 else { throw .unknownGroup(group) }
        guard let kind = PeerFrameKind(rawValue: kind) else { throw .unknownKind(kind) }
        self.kind = kind
        self.length = length
        self.checksum = checksum
    }
}

/// Takes a stream of bytes apart into frames. Holds at most one unfinished frame, whose length was checked before its memory was taken.
struct PeerFrameDecoder: Sendable {
    /// Bytes of a body at most. Small until the other side is known.
    var bytesMax: Int
    /// The unfinished header of an earlier read.
    private var partialHeader: [UInt8] = []
    /// The header whose body is not complete.
    private var pending: PeerFrameHeader?
    private var body: [UInt8] = []

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// The next whole frame of the bytes from `offset` on, which moves behind what was used; nil when all of them are used up. Call it until
    /// it says nil, then with the bytes that came after these. After an error not again.
    mutating func next(in bytes: RawSpan, at offset: inout Int) throws(PeerFrameFault) -> (kind: PeerFrameKind, body: [UInt8])? {
        if pending == nil {
            pending = try header(in: bytes, at: &offset)
            body = []
        }
        guard let header = pending else { return nil }
        let length = Int(header.length)
        let part = bytes.extracting(offset..<offset + min(bytes.byteCount - offset, length - body.count))
        offset += part.byteCount
        // A body that is here as a whole needs no gathering.
        if part.byteCount == length {
            body = part.withUnsafeBytes { [UInt8]($0) }
        } else {
            body.reserveCapacity(length)
            part.withUnsafeBytes { body.append(contentsOf: $0) }
        }
        guard body.count == length else { return nil }
        let whole = body
        pending = nil
        body = []
        guard CRC32C.of(whole) == header.checksum else { throw .checksum }
        return (header.kind, whole)
    }

    private mutating func header(in bytes: RawSpan, at offset: inout Int) throws(PeerFrameFault) -> PeerFrameHeader? {
        if partialHeader.isEmpty, let header = try PeerFrameHeader(bytes.extracting(offset..<bytes.byteCount), bodyMax: bytesMax) {
            offset += PeerFrameHeader.bytes
            return header
        }
        let part = bytes.extracting(offset..<min(bytes.byteCount, offset + PeerFrameHeader.bytes - partialHeader.count))
        offset += part.byteCount
        part.withUnsafeBytes { partialHeader.append(contentsOf: $0) }
        guard let header = try PeerFrameHeader(partialHeader.span.bytes, bodyMax: bytesMax) else { return nil }
        partialHeader.removeAll(keepingCapacity: true)
        return header
    }
}
