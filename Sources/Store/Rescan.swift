import Core
import Cryptography
import LMDB
import Records

/// What the stored bytes of a dataset add up to, beside the figures that are kept with them. A running digest does not see rot; the bytes do.
package struct RescannedDataset: Equatable, Sendable {
    package var dataset: DatasetID
    /// As kept with the data.
    package var kept = DatasetFigures()
    /// As the stored bytes say.
    package var found = DatasetFigures()
    /// Records that do not fit their checksum, or are no records.
    package var damaged: UInt64 = 0

    /// Whether the bytes are what was written. If not, it is this replica that is wrong, whatever the others say.
    package var isSound: Bool { kept == found && damaged == 0 }

    init(_ dataset: DatasetID) { self.dataset = dataset }
}

extension ReadView {
    /// Reads every stored record, checks it against its checksum and adds up the digests anew. By dataset, ascending: those that have figures
    /// and those that have records. The snapshot lives as long as it takes: about a microsecond for a record, so seconds for millions, while which
    /// LMDB cannot use freed pages again.
    ///
    /// - Parameter goOn: asked after each `every` records with their number so far; false ends it, and the answer is nil.
    package func rescan(every: Int = 10_000, _ goOn: (_ examined: UInt64) -> Bool = { _ in true }) throws(StoreError) -> [RescannedDataset]? {
        try RescannedDataset.read(reader.transaction, databases, every: every, goOn)
    }
}

extension SnapshotSource {
    /// The same of an image that stands apart: nobody who wants to put another state in the place of this one waits for it.
    package func rescan(every: Int = 10_000, _ goOn: (_ examined: UInt64) -> Bool = { _ in true }) throws(StoreError) -> [RescannedDataset]? {
        try RescannedDataset.read(reader.transaction, generation.databases, every: every, goOn)
    }
}

extension RescannedDataset {
    /// See `ReadView.rescan`.
    static func read(
        _ transaction: borrowing ReadTransaction, _ databases: Databases, every: Int = 10_000, _ goOn: (_ examined: UInt64) -> Bool = { _ in true }
    ) throws(StoreError) -> [RescannedDataset]? {
        let kept = try DatasetFigures.readAll(transaction, databases)
        guard var all = try records(transaction, databases, every, goOn) else { return nil }
        for (dataset, figures) in kept {
            let place = all.firstIndex { $0.dataset >= dataset } ?? all.count
            if place == all.count || all[place].dataset != dataset { all.insert(RescannedDataset(dataset), at: place) }
            all[place].kept = figures
        }
        return all
    }

    private static func records(
        _ transaction: borrowing ReadTransaction, _ databases: Databases, _ every: Int, _ goOn: (UInt64) -> Bool
    ) throws(StoreError) -> [RescannedDataset]? {
        let hash = SHA256()
        var all: [RescannedDataset] = []
        var examined: UInt64 = 0
        do throws(LMDBError) {
            let cursor = try transaction.cursor(databases.records)
            var more = try cursor.first()
            while more {
                let key = cursor.key
                let dataset = DatasetID(key.withUnsafeBytes { $0.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) } })
                if all.last?.dataset != dataset { all.append(RescannedDataset(dataset)) }
                hash.update(key)
                hash.update(cursor.value)
                let last = all.count - 1
                all[last].found.records += 1
                all[last].found.digest = all[last].found.digest &+ hash.finish()
                if !isSound(key: key, cursor.value) { all[last].damaged += 1 }
                examined += 1
                if examined % UInt64(every) == 0, !goOn(examined) { return nil }
                more = try cursor.next()
            }
        } catch { throw .environment(error) }
        return all
    }

    private static func isSound(key: RawSpan, _ value: RawSpan) -> Bool {
        guard key.byteCount > 4 else { return false }
        do throws(RecordError) {
            try RecordView(value).verify(key: key.extracting(4..<key.byteCount))
            return true
        } catch { return false }
    }
}
