import Core
import LMDB

/// A state whose data file has ended the process: a page that the disk did not give, or that LMDB went astray in (`Environment`'s mark).
///
/// It may have been the disk's bad moment, which all replicas may have had at once, so the state is not given up for it. The next start reads all of it before
/// anything else. If that succeeds, the suspicion goes. If it finds damage, or ends the process again, the state is one that cannot be opened: another
/// replica's takes its place, or, where there is none, the node does not start and says why.
struct Suspicion {
    /// Made at the moment of the end. What it says is why.
    static let unreadableName = "unreadable"
    /// The mark's name while the state is looked through.
    private static let suspectName = "suspect"

    private let folder: String
    private let files: DurableFiles
    private let why: String

    /// Nil if there is none. Throws damage if looking through the state has ended the process too.
    init?(of folder: String, _ files: DurableFiles) throws(StoreError) {
        let ended = try files.read(folder + "/" + Self.unreadableName)
        let before = try files.read(folder + "/" + Self.suspectName)
        guard let bytes = ended ?? before else { return nil }
        why = String(decoding: bytes, as: UTF8.self)
        guard ended == nil || before == nil else {
            throw .corrupt(
                path: folder + "/data.mdb",
                what: "reading it has ended the process again and again (\(why)); to have it tried once more, remove `\(Self.unreadableName)` and `\(Self.suspectName)` there")
        }
        self.folder = folder
        self.files = files
        if ended != nil { try files.rename(Self.unreadableName, to: Self.suspectName, in: folder) }
    }

    /// Reads every page that can be reached. Throws damage if it is found.
    func lookThrough(_ generation: Generation) throws(StoreError) {
        let reader = try lmdb { [environment = generation.environment] () throws(LMDBError) in try Reader(environment) }
        let databases = generation.databases
        for database in [Database.freePages, databases.meta, databases.catalogue, databases.sessions] { try Self.read(database, reader.transaction) }
        for dataset in try RescannedDataset.read(reader.transaction, databases) ?? [] where !dataset.isSound {
            throw .corrupt(path: folder + "/data.mdb", what: "the records of dataset \(dataset.dataset) are not what was written")
        }
        try files.remove(folder + "/" + Self.suspectName)
        try files.syncFolder(folder)
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
}
