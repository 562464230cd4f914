import Core
import LMDB

/// A state whose data file has ended the process: a page that the disk did not give, or that LMDB went astray in (`Environment`'s mark).
///
/// It may have been the disk's bad moment, which all replicas may have had at once, so the state is not given up for it. The next start reads all of it before
/// anything else, and the first checkpoint after that ends the suspicion. What the look finds is damage like any other. If the process ends again before that
/// checkpoint, in the look or in what is applied after it, the state is one that cannot be opened: another replica's takes its place, or, where there is none,
/// the node does not start and says why.
final class Suspicion: Sendable {
    /// Made at the moment of the end. What it says is why.
    static let unreadableName = "unreadable"
    /// The mark's name from the next start on.
    private static let suspectName = "suspect"

    private let folder: String
    private let files: DurableFiles
    /// Why the process ended.
    let why: String

    /// Nil if there is none. Throws damage if the process has ended again.
    init?(of folder: String, _ files: DurableFiles) throws(StoreError) {
        let ended = try files.read(folder + "/" + Self.unreadableName)
        let before = try files.read(folder + "/" + Self.suspectName)
        guard let bytes = ended ?? before else { return nil }
        #if KHO_BUG_UNREADABLE_IGNORED
        // Bug: what has ended the process ends it at each start.
        return nil
        #else
        why = String(decoding: bytes, as: UTF8.self)
        guard ended == nil || before == nil else {
            throw .corrupt(
                path: folder + "/data.mdb", what: "reading it has ended the process again (`\(Self.unreadableName)` and `\(Self.suspectName)` are there): \(why)")
        }
        self.folder = folder
        self.files = files
        if ended != nil { try files.rename(Self.unreadableName, to: Self.suspectName, in: folder) }
        #endif
    }

    /// Reads every page that can be reached, with the checksums of records and the digests of datasets. What is wrong with them; nil if nothing is. Takes as
    /// long as the disk needs for the file, and a microsecond for a record.
    func look(through environment: Environment, _ databases: Databases) throws(StoreError) -> String? {
        do throws(StoreError) {
            let reader = try lmdb { () throws(LMDBError) in try Reader(environment) }
            for database in [Database.freePages, databases.meta, databases.catalogue, databases.sessions] { try Self.read(database, reader.transaction) }
            let unsound = try RescannedDataset.read(reader.transaction, databases)?.first { !$0.isSound }
            return unsound.map { "the records of dataset \($0.dataset) are not what was written" }
        } catch {
            guard error.isDamage else { throw error }
            return "\(error)"
        }
    }

    private static func read(_ database: Database, _ transaction: borrowing ReadTransaction) throws(StoreError) {
        do throws(LMDBError) {
            let cursor = try transaction.cursor(database)
            var more = try cursor.first()
            // What the checksum is does not matter, only that all bytes are there.
            var checksum = CRC32C()
            while more {
                checksum.update(cursor.key)
                checksum.update(cursor.value)
                more = try cursor.next()
            }
        } catch { throw .environment(error) }
    }

    /// A checkpoint was made since.
    func end() throws(StoreError) {
        try files.remove(folder + "/" + Self.suspectName)
        try files.syncFolder(folder)
    }
}

/// A state that was looked through when it was opened.
package struct Look: Equatable, Sendable {
    /// Why: what ended the process before.
    package let why: String
    /// What is wrong with the state; nil if nothing is.
    package let found: String?
}
