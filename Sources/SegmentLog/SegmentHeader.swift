import Core

/// What a segment says of itself, twice, in its first two pages.
///
/// After the preamble (`Block`):
///
///     40 generation u64 | 48 first index u64 | 56 term before it u64 | 64 bytes of the file u64 | 72 flags u32 | 76 CRC-32C u32
struct SegmentHeader: Equatable, Sendable {
    static let magic = "KHOLOGS1"
    /// Where the first entry stands.
    static let dataOffset = 2 * Block.bytes

    /// Higher than that of any segment before; no two segments ever have the same.
    var generation: UInt64
    /// The index of its first entry: everything before it was durable when the segment was made.
    var first: LogIndex
    /// The term of the entry before the first.
    var previousTerm: Term
    /// Bytes of the file.
    var bytes: Int
    /// The log begins anew with this segment: segments of lower generations are void.
    var startsLog: Bool

    /// The position before the first entry.
    var base: LogPosition { LogPosition(index: first.previous, term: previousTerm) }
    var name: String { Self.name(generation) }

    static func name(_ generation: UInt64) -> String { "segment-" + Hex.encode(generation) }

    /// The generation that a file's name states; nil for the name of another kind of file.
    static func generation(ofName name: String) -> UInt64? {
        guard name.utf8.starts(with: "segment-".utf8), name.utf8.count == 24 else { return nil }
        return UInt64(name.dropFirst(8), radix: 16)
    }

    /// Both copies.
    func encoded(_ identity: LogIdentity) -> [UInt8] {
        let page = Block.encode(Self.magic, identity) { out in
            out.write(generation)
            out.write(first.rawValue)
            out.write(previousTerm.rawValue)
            out.write(UInt64(bytes))
            out.write(UInt32(startsLog ? 1 : 0))
        }
        return page + page
    }

    /// The header of the file that begins with these two pages, and whether one of its copies is damaged.
    static func decode(
        _ file: [UInt8], _ identity: LogIdentity, path: String
    ) throws(LogError) -> (header: SegmentHeader, isDamaged: Bool) {
        let copies = [copy(file, at: 0), copy(file, at: Block.bytes)]
        try Block.check(copies, identity, path: path)
        var sound: [SegmentHeader] = []
        for case let .sound(_, header) in copies { sound.append(header) }
        guard let header = sound.first else {
            throw .corrupt(path: path, offset: 0, index: LogIndex(0), what: "both copies of the segment's header are damaged")
        }
        guard sound.allSatisfy({ $0 == header }) else {
            throw .corrupt(path: path, offset: 0, index: LogIndex(0), what: "the copies of the segment's header contradict each other")
        }
        return (header, sound.count < 2)
    }

    private static func copy(_ file: [UInt8], at offset: Int) -> Block.Copy<SegmentHeader> {
        Block.decode(file, at: offset, magic: magic) { reader throws(DecodingError) in
            let generation = try reader.readUInt64()
            let first = LogIndex(try reader.readUInt64())
            let term = Term(try reader.readUInt64())
            let bytes = try reader.readUInt64()
            let flags = try reader.readUInt32()
            guard bytes >= UInt64(dataOffset), bytes <= UInt64(1 << 40), first.rawValue > 0, flags <= 1 else {
                throw .invalid(at: reader.position, "not a segment's header")
            }
            return SegmentHeader(generation: generation, first: first, previousTerm: term, bytes: Int(bytes), startsLog: flags == 1)
        }
    }
}
