import Core
import Cryptography
import LMDB
import Records

/// What a snapshot is of. Sent before its chunks.
package struct SnapshotHeader: Equatable, Sendable {
    package var cluster: ClusterID
    package var applied: LogPosition
    package var time: LogTime
    /// The membership in force at `applied`, and its index.
    package var membership: Membership
    package var membershipIndex: LogIndex
    /// Entries of all databases.
    package var entries: UInt64

    // Layout: format u8 (1), cluster 16, index u64, term u64, time i64, membership index u64, entries u64, membership.

    package func encoded() -> [UInt8] {
        var out = ByteWriter(capacity: 256)
        out.write(UInt8(1))
        out.write(cluster.high)
        out.write(cluster.low)
        out.write(applied.index.rawValue)
        out.write(applied.term.rawValue)
        out.write(time.milliseconds)
        out.write(membershipIndex.rawValue)
        out.write(entries)
        out.write(raw: membership.encoded())
        return out.bytes
    }

    package init(decoding bytes: [UInt8]) throws(DecodingError) {
        self = try bytes.reading { reader throws(DecodingError) in
            guard try reader.readUInt8() == 1 else { throw .invalid(at: 0, "unknown format of a snapshot") }
            let cluster = ClusterID(high: try reader.readUInt64(), low: try reader.readUInt64())
            let applied = LogPosition(index: LogIndex(try reader.readUInt64()), term: Term(try reader.readUInt64()))
            let time = LogTime(milliseconds: try reader.readInt64())
            let membershipIndex = LogIndex(try reader.readUInt64())
            let entries = try reader.readUInt64()
            return SnapshotHeader(
                cluster: cluster, applied: applied, time: time, membership: try Membership(decoding: try reader.copiedRest()),
                membershipIndex: membershipIndex, entries: entries)
        }
    }

    package init(cluster: ClusterID, applied: LogPosition, time: LogTime, membership: Membership, membershipIndex: LogIndex, entries: UInt64) {
        self.cluster = cluster
        self.applied = applied
        self.time = time
        self.membership = membership
        self.membershipIndex = membershipIndex
        self.entries = entries
    }
}

// A chunk: CRC-32C of what follows u32 | number u32, from 0 | entries, each: database u8 (its place in a snapshot), key
// string16, value with a length of 4 bytes. Databases in their order, keys ascending.

/// Reads a snapshot out of one read transaction. Owned by one thread at a time.
///
/// `@unchecked Sendable` because its owner moves with the transfer.
package final class SnapshotSource: @unchecked Sendable {
    package let header: SnapshotHeader
    let generation: Generation
    /// What it is an image of; nil where nobody writes meanwhile. Not kept alive: its directory is held as long as it lives.
    private weak let store: StateStore?
    /// What the state's file had left to grow, and how full its map was, when the image was taken.
    private let roomAtFirst: Int
    private let fullnessAtFirst: Fullness
    let reader: Reader
    private var database = 0
    private var after: [UInt8]?
    private var number: UInt32 = 0
    /// Entries in the chunks so far, of `header.entries`.
    package private(set) var entries: UInt64 = 0

    init(_ generation: Generation, cluster: ClusterID, of store: StateStore? = nil) throws(StoreError) {
        self.generation = generation
        self.store = store
        roomAtFirst = store?.room ?? 0
        fullnessAtFirst = store?.fullness ?? .roomy
        let environment = generation.environment
        let reader = try lmdb { () throws(LMDBError) in try Reader(environment) }
        self.reader = reader
        let state = try AppliedState.read(reader.transaction, generation.databases)
        var entries = 0
        for database in generation.databases.all {
            entries += try lmdbBorrowing(reader.transaction) { transaction throws(LMDBError) in try transaction.count(database) }
        }
        let membership = try AppliedState.readMembership(reader.transaction, generation.databases)
        header = SnapshotHeader(
            cluster: cluster, applied: state.position, time: state.time, membership: membership, membershipIndex: state.membershipIndex,
            entries: UInt64(entries))
    }

    /// Whether it is still of the state in force; true where nobody writes meanwhile.
    package var isInForce: Bool { store?.isInForce(self) ?? true }

    /// Why nobody should go on reading it; nil if nothing is against it. As long as an old image is looked at, the state's file grows by what is written: it
    /// is given up when half of the room that there was is gone, and when the map has become fuller.
    package var obstacle: String? {
        guard let store else { return nil }
        if !store.isInForce(self) { return "another node's state took the place of the one that it was of" }
        // As long as it is no older than the checkpoint it keeps nothing that the checkpoint does not.
        let isOldest = reader.transaction.id < generation.pinnedTransaction
        guard store.room < roomAtFirst / 2 || isOldest && store.fullness > fullnessAtFirst else { return nil }
        return "much of the room that the state's file had is gone, and the image keeps it from being used again"
    }

    /// The next chunk, of about `Limits.snapshotChunkBytes`; nil after the last.
    package func nextChunk() throws(StoreError) -> [UInt8]? {
        var out = ByteWriter(capacity: Limits.snapshotChunkBytes + (64 << 10))
        out.write(UInt32(0))
        out.write(number)
        let empty = out.count
        while database < generation.databases.all.count, out.count < Limits.snapshotChunkBytes {
            try fill(reader.transaction, &out)
        }
        guard out.count > empty else { return nil }
        number += 1
        out.overwrite(CRC32C.of(Array(out.bytes[4...])), at: 0)
        return out.bytes
    }

    /// Adds entries of the current database until the chunk is full or the database ends.
    private func fill(_ transaction: borrowing ReadTransaction, _ out: inout ByteWriter) throws(StoreError) {
        do {
            let cursor = try transaction.cursor(generation.databases.all[database])
            var more: Bool
            if let after { more = try cursor.seek((after + [0]).span.bytes) } else { more = try cursor.first() }
            while more {
                out.write(UInt8(database))
                let key = cursor.key.withUnsafeBytes { [UInt8]($0) }
                if database == Databases.recordsPlace { try Self.verify(key, cursor.value) }
                out.write16(key)
                out.write(UInt32(cursor.value.byteCount))
                out.write(raw: cursor.value)
                after = key
                entries += 1
                if out.count >= Limits.snapshotChunkBytes { return }
                more = try cursor.next()
            }
        } catch let error as LMDBError { throw .environment(error) } catch { throw (error as? StoreError) ?? .corrupt(path: generation.folder, what: "\(error)") }
        database += 1
        after = nil
    }

    /// A record that does not fit its checksum is found here, where its state can be mended, and not by whoever receives it.
    private static func verify(_ key: [UInt8], _ value: RawSpan) throws(StoreError) {
        do throws(RecordError) { try check(key, value) } catch {
            throw .corruptRecord(dataset: DatasetID(key.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }))
        }
    }
}

extension SnapshotSource {
    /// Throws if the record does not fit its checksum. The key begins with the dataset's number.
    fileprivate static func check(_ key: [UInt8], _ value: RawSpan) throws(RecordError) {
        try RecordView(value).verify(key: key.span.bytes.extracting(min(4, key.count)..<key.count))
    }
}

/// Receives a snapshot into a generation of its own. Owned by one thread at a time.
///
/// `@unchecked Sendable` because its owner moves with the transfer.
package final class SnapshotSink: @unchecked Sendable {
    package private(set) var header: SnapshotHeader
    private let generation: Generation
    /// The number of the chunk that is wanted next.
    package private(set) var next: UInt32 = 0
    private var entries: UInt64 = 0
    private var isPrepared = false
    private let hash = SHA256()
    /// Figures of the records received, in the order of the datasets.
    private var figures: [(DatasetID, DatasetFigures)] = []

    init(_ header: SnapshotHeader, generation: Generation) throws(StoreError) {
        self.header = header
        self.generation = generation
    }

    /// Takes a chunk. One that was taken before is passed over; one out of order or damaged throws and changes nothing.
    package func write(_ chunk: [UInt8]) throws(StoreError) {
        var items: [(Int, [UInt8], [UInt8])] = []
        let number: UInt32
        do throws(DecodingError) {
            number = try chunk.reading { reader throws(DecodingError) in
                let crc = try reader.readUInt32()
                guard CRC32C.of(Array(chunk[4...])) == crc else { throw .invalid(at: 0, "a chunk does not fit its checksum") }
                let number = try reader.readUInt32()
                while !reader.isAtEnd {
                    let database = Int(try reader.readUInt8())
                    guard database < Databases.count else { throw .invalid(at: reader.position - 1, "unknown database") }
                    items.append((database, try reader.copiedBytes16(), try reader.copiedBytes32()))
                }
                return number
            }
        } catch { throw .badSnapshot("\(error)") }
        guard number >= next else { return }
        guard number == next else { throw .badSnapshot("chunk \(number) came where \(next) was due") }
        for (database, key, value) in items where database == Databases.recordsPlace {
            do throws(RecordError) { try SnapshotSource.check(key, value.span.bytes) } catch { throw .badSnapshot("a record that does not fit its checksum") }
        }
        let generation = generation
        generation.writer.lock()
        defer { generation.writer.unlock() }
        do throws(LMDBError) {
            var transaction = try generation.environment.beginWrite()
            for (database, key, value) in items {
                try transaction.put(generation.databases.all[database], key, value, appending: true)
            }
            try transaction.commit()
        } catch { throw error.isImpossibleKey ? .badSnapshot("a key that cannot be, or not in its order") : .environment(error) }
        for (database, key, value) in items where database == Databases.recordsPlace { add(key, value) }
        entries += UInt64(items.count)
        next += 1
    }

    private func add(_ key: [UInt8], _ value: [UInt8]) {
        let dataset = DatasetID(key.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
        hash.update(key)
        hash.update(value)
        let digest = hash.finish()
        if figures.last?.0 != dataset { figures.append((dataset, DatasetFigures())) }
        figures[figures.count - 1].1.records += 1
        figures[figures.count - 1].1.digest = figures[figures.count - 1].1.digest &+ digest
    }

    /// Checks the whole against its header and its own figures, and makes it durable, so that `install` is quick. Blocks for the disk.
    package func prepare() throws(StoreError) { _ = try finish() }

    /// The same for a cluster that begins with this state. Durable.
    package func prepare(founding: Founding) throws(StoreError) {
        let generation = try finish()
        header.applied = founding.position
        header.time = founding.time
        header.membership = founding.membership
        header.membershipIndex = founding.position.index
        try generation.found(founding)
        _ = try generation.checkpoint()
    }

    func finish() throws(StoreError) -> Generation {
        if isPrepared { return generation }
        // What cannot be read was sent so: it is the sender's state that is damaged, not this node's.
        do throws(StoreError) { try check() } catch {
            if case .corrupt = error { throw .badSnapshot("\(error)") }
            throw error
        }
        _ = try generation.checkpoint()
        isPrepared = true
        return generation
    }

    /// Reads all that is read when a state is opened, and holds it against the header and the digests.
    private func check() throws(StoreError) {
        guard entries == header.entries else { throw .badSnapshot("\(entries) entries of \(header.entries) came") }
        let held = try SnapshotSource(generation, cluster: header.cluster).header
        guard held.applied == header.applied else { throw .badSnapshot("it holds the state at \(held.applied.index), not at \(header.applied.index)") }
        guard held == header else { throw .badSnapshot("it holds another time or membership than its header says") }
        let reader = try lmdb { [generation] () throws(LMDBError) in try Reader(generation.environment) }
        _ = try CatalogueLoader.load(reader.transaction, generation.databases)
        let stated = try DatasetFigures.readAll(reader.transaction, generation.databases).filter { $0.1 != DatasetFigures() }
        guard stated.count == figures.count, zip(stated, figures).allSatisfy({ $0.0 == $1.0 && $0.1 == $1.1 }) else {
            throw .badSnapshot("the digests of its records are not those that it states")
        }
    }
}
