import Backup
import Core
import Store

/// What a restored or verified backup was found to hold.
package struct BackupContent: Sendable {
    package var description: BackupDescription
    package var applied: LogPosition
    package var time: LogTime
    /// Of each dataset: its code, its records and their digest. The same as in `kho cluster verify` at that index.
    package var datasets: [(code: String, records: UInt64, digest: String)]
}

extension BackupContent {
    /// Receives a whole backup into a store that has nothing, and has everything checked on the way that a node checks of a snapshot: each chunk, each record, the
    /// header, the digests.
    ///
    /// - Parameters:
    ///   - progress: called with the bytes of the file that were read so far.
    ///   - prepare: makes the state that came durable, and says what becomes of its membership.
    static func receive(
        _ reader: inout BackupReader, into store: StateStore, progress: (UInt64) -> Void, prepare: (SnapshotSink) throws(StoreError) -> Void
    ) throws(RestoreError) -> BackupContent {
        let description = reader.description
        var header: SnapshotHeader
        do throws(DecodingError) { header = try SnapshotHeader(decoding: description.snapshot) } catch { throw .content("\(error)") }
        guard header.cluster == description.cluster else { throw .content("its parts are of two clusters") }
        header.cluster = store.cluster
        let sink = try storing { () throws(StoreError) in try store.beginInstall(header) }
        while let chunk = try next(&reader) {
            try storing { () throws(StoreError) in try sink.write(chunk) }
            progress(reader.offset)
        }
        let datasets = try storing { () throws(StoreError) in
            try prepare(sink)
            try store.install(sink)
            return try store.withReadView { view throws(StoreError) in
                let catalogue = view.catalogue
                return try view.figures().map { row in
                    (catalogue.dataset(row.dataset)?.code ?? "\(row.dataset)", row.figures.records, row.figures.digest.description)
                }
            }
        }
        return BackupContent(description: description, applied: header.applied, time: header.time, datasets: datasets)
    }

    private static func storing<T>(_ body: () throws(StoreError) -> T) throws(RestoreError) -> T {
        do throws(StoreError) { return try body() } catch {
            if case let .badSnapshot(reason) = error { throw .content(reason) }
            throw .node(.store(error))
        }
    }

    private static func next(_ reader: inout BackupReader) throws(RestoreError) -> [UInt8]? {
        do throws(BackupError) { return try reader.nextChunk() } catch { throw .backup(error) }
    }

    /// Reads a backup as if it were to be restored, into a folder for the purpose that has nothing in it, and changes nothing else.
    package static func verify(_ file: BackupFile, key: BackupKey, in folder: String, progress: (UInt64) -> Void = { _ in }) throws(RestoreError) -> BackupContent {
        var reader: BackupReader
        do throws(BackupError) { reader = try file.reader(key) } catch { throw .backup(error) }
        let store: StateStore
        // Address space only, for any state that compresses to a sixtieth at the most.
        let mapBytes = Int(clamping: max(64 << 30, min(16 << 40, file.bytes * 64)))
        do throws(StoreError) {
            store = try StateStore(directory: folder, cluster: reader.description.cluster, options: .init(mapBytes: mapBytes))
        } catch { throw .node(.store(error)) }
        return try receive(&reader, into: store, progress: progress) { sink throws(StoreError) in try sink.prepare() }
    }
}
