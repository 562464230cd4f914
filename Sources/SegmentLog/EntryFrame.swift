import Core

/// An entry's header in a segment, and the codec of entries. Entries stand one after another, each from a multiple of 16.
///
///     0 CRC-32C of the header u32 | 4 CRC-32C of the payload u32 | 8 bytes of the payload u32 | 12 kind u8 | 13 zero | 14 group u16 |
///     16 index u64 | 24 term u64 | 32 time i64 | 40 durable through u64 | 48 payload | zeros up to a multiple of 16
///
/// Both checksums begin with the incarnation and the segment's generation (`Seed`). CRC-32C maps two values that differ in 32 bits at
/// the most to different values, always: an old entry of a recycled file never passes for one of the new generation.
struct EntryFrame: Equatable {
    static let headerBytes = 48
    static let alignment = 16
    /// The kind of a mark: no entry but the word, written after a sync and behind the last entry, that everything through its index
    /// is durable. The next entry is written over it.
    static let markKind: UInt8 = 0xFF

    var payloadChecksum: UInt32
    var payloadBytes: Int
    var kind: UInt8
    var group: UInt16
    var index: LogIndex
    var term: Term
    var time: LogTime
    /// What had been synced when the entry was written.
    var durableThrough: LogIndex

    var isMark: Bool { kind == Self.markKind }
    /// Bytes with header and padding.
    var bytes: Int { Self.bytes(payload: payloadBytes) }

    static func bytes(payload: Int) -> Int { (headerBytes + payload + alignment - 1) / alignment * alignment }

    /// What both checksums begin with.
    struct Seed {
        let crc: CRC32C

        init(_ incarnation: Incarnation, generation: UInt64) {
            var crc = CRC32C()
            crc.update(incarnation.rawValue)
            #if KHO_BUG_GENERATION_NOT_CHECKED
            // Bug: the checksums do not know the generation, so an entry of a file's earlier life is sound.
            _ = generation
            #else
            crc.update(generation)
            #endif
            self.crc = crc
        }

        func checksum(_ bytes: borrowing RawSpan) -> UInt32 {
            var crc = crc
            crc.update(bytes)
            return crc.value
        }
    }

    /// Appends the entry as it stands in a segment.
    static func encode(_ entry: LogEntry, durableThrough: LogIndex, _ seed: Seed, into out: inout ByteWriter) {
        let frame = EntryFrame(
            payloadChecksum: unsafe seed.checksum(entry.payload.span.bytes), payloadBytes: entry.payload.count, kind: entry.kind.rawValue,
            group: entry.group, index: entry.index, term: entry.term, time: entry.time, durableThrough: durableThrough)
        frame.encode(seed, into: &out)
        out.write(raw: entry.payload)
        for _ in 0..<(frame.bytes - headerBytes - entry.payload.count) { out.write(UInt8(0)) }
    }

    static func mark(_ last: LogPosition, _ seed: Seed) -> [UInt8] {
        var out = ByteWriter(capacity: headerBytes)
        EntryFrame(
            payloadChecksum: 0, payloadBytes: 0, kind: markKind, group: 0, index: last.index, term: last.term, time: .zero,
            durableThrough: last.index
        ).encode(seed, into: &out)
        return out.bytes
    }

    private func encode(_ seed: Seed, into out: inout ByteWriter) {
        let start = out.count
        out.write(UInt32(0))
        out.write(payloadChecksum)
        out.write(UInt32(payloadBytes))
        out.write(kind)
        out.write(UInt8(0))
        out.write(group)
        out.write(index.rawValue)
        out.write(term.rawValue)
        out.write(time.milliseconds)
        out.write(durableThrough.rawValue)
        unsafe out.overwrite(seed.checksum(out.bytes.span.bytes.extracting(start + 4..<start + Self.headerBytes)), at: start)
    }

    /// The header at `offset` if it is sound and its entry ends within the bytes; nil otherwise. Looks at 48 bytes only.
    static func decode(_ file: borrowing RawSpan, at offset: Int, _ seed: Seed) -> EntryFrame? {
        guard offset + headerBytes <= file.byteCount else { return nil }
        var reader = ByteReader(file.extracting(offset..<offset + headerBytes))
        do throws(DecodingError) {
            let checksum = try reader.readUInt32()
            let payloadChecksum = try reader.readUInt32()
            let payloadBytes = Int(try reader.readUInt32())
            guard payloadBytes <= file.byteCount - offset - headerBytes else { return nil }
            let kind = try reader.readUInt8()
            guard try reader.readUInt8() == 0 else { return nil }
            let group = try reader.readUInt16()
            let index = LogIndex(try reader.readUInt64())
            guard index.rawValue > 0,
                seed.checksum(file.extracting(offset + 4..<offset + headerBytes)) == checksum
            else { return nil }
            return EntryFrame(
                payloadChecksum: payloadChecksum, payloadBytes: payloadBytes, kind: kind, group: group, index: index,
                term: Term(try reader.readUInt64()), time: LogTime(milliseconds: try reader.readInt64()),
                durableThrough: LogIndex(try reader.readUInt64()))
        } catch {
            return nil
        }
    }

    /// Whether the payload behind this header, which stands at `offset`, fits its checksum.
    func isPayloadSound(_ file: borrowing RawSpan, at offset: Int, _ seed: Seed) -> Bool {
        let start = offset + Self.headerBytes
        return seed.checksum(file.extracting(start..<start + payloadBytes)) == payloadChecksum
    }
}
