import Core

/// What makes a generation's data file whole again after any kind of stop: LMDB's two meta pages as they stood, and which
/// transaction they show. Its file is replaced by rename.
///
///     magic "KHOCKPT1" | cluster id 16 | generation u64 | applied index u64 | applied term u64 | LMDB transaction u64 |
///     page size u32 | the first two pages of the data file | CRC-32C of all before u32
struct Checkpoint: Equatable {
    static let magic = Array("KHOCKPT1".utf8)

    var cluster: ClusterID
    var generation: UInt64
    var applied: LogPosition
    var transaction: UInt64
    /// Two pages.
    var pages: [UInt8]

    var encoded: [UInt8] {
        var out = ByteWriter(capacity: 80 + pages.count)
        out.write(raw: Self.magic)
        out.write(cluster.high)
        out.write(cluster.low)
        out.write(generation)
        out.write(applied.index.rawValue)
        out.write(applied.term.rawValue)
        out.write(transaction)
        out.write(UInt32(pages.count / 2))
        out.write(raw: pages)
        out.write(CRC32C.of(out.bytes))
        return out.bytes
    }

    init(cluster: ClusterID, generation: UInt64, applied: LogPosition, transaction: UInt64, pages: [UInt8]) {
        self.cluster = cluster
        self.generation = generation
        self.applied = applied
        self.transaction = transaction
        self.pages = pages
    }

    private static func checksum(of bytes: ArraySlice<UInt8>) -> [UInt8] {
        var out = ByteWriter(capacity: 4)
        out.write(CRC32C.of(Array(bytes)))
        return out.bytes
    }

    /// `path` is for the error.
    init(decoding bytes: [UInt8], path: String) throws(StoreError) {
        guard bytes.count > 4 else { throw .corrupt(path: path, what: "shorter than a checksum") }
        // Of a later version: its checksum fits, and it says so itself.
        if bytes.count > 12, bytes.starts(with: Self.magic.dropLast()), bytes[7] != Self.magic[7], bytes.suffix(4).elementsEqual(Self.checksum(of: bytes.dropLast(4))) {
            throw .unknownFormat(path: path, what: String(decoding: bytes.prefix(8), as: UTF8.self))
        }
        do throws(DecodingError) {
            self = try bytes.reading { reader throws(DecodingError) in
                guard try reader.copiedBytes(8) == Self.magic else { throw .invalid(at: 0, "not a checkpoint of this format") }
                let cluster = ClusterID(high: try reader.readUInt64(), low: try reader.readUInt64())
                let generation = try reader.readUInt64()
                let applied = LogPosition(index: LogIndex(try reader.readUInt64()), term: Term(try reader.readUInt64()))
                let transaction = try reader.readUInt64()
                let pageBytes = Int(try reader.readUInt32())
                let pages = try reader.copiedBytes(2 * pageBytes)
                let end = reader.position
                guard try reader.readUInt32() == CRC32C.of(Array(bytes[..<end])) else { throw .invalid(at: end, "the checksum does not fit") }
                try reader.expectEnd()
                return Checkpoint(cluster: cluster, generation: generation, applied: applied, transaction: transaction, pages: pages)
            }
        } catch {
            throw .corrupt(path: path, what: "\(error)")
        }
    }
}
