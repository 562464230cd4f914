import Core
import Glibc
import LMDB

/// Why the store cannot go on. None of these is ever the result of a command, for replicas would differ: the node stops, is
/// mended, and applies again.
package enum StoreError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A call on a file failed: what was done, the file, the errno.
    case file(operation: String, path: String, errno: Int32)
    /// LMDB failed.
    case environment(LMDBError)
    /// Another process has the directory.
    case locked(path: String)
    /// The directory belongs to another cluster.
    case foreign(path: String, cluster: ClusterID)
    /// A file is damaged; the text says what was found.
    case corrupt(path: String, what: String)
    /// A file or a value is of a format that this version does not know: of another version, and no damage.
    case unknownFormat(path: String, what: String)
    /// A record does not fit its checksum.
    case corruptRecord(dataset: DatasetID)
    /// An entry holds a command of a kind or format that this version does not know.
    case unknownCommand(LogIndex)
    /// A snapshot does not fit its header, its order or its digests.
    case badSnapshot(String)

    package var description: String {
        switch self {
        case let .file(operation, path, code): "cannot \(operation) \(path): \(String(cString: strerror(code))) (errno \(code))"
        case let .environment(error): "the state's database: \(error)"
        case let .locked(path): "\(path) is in use by another process"
        case let .foreign(path, cluster): "\(path) belongs to cluster \(cluster)"
        case let .corrupt(path, what): "\(path) is damaged: \(what)"
        case let .unknownFormat(path, what): "\(path) is of a format that this version does not know: \(what)"
        case let .corruptRecord(dataset): "a record of dataset \(dataset) does not fit its checksum"
        case let .unknownCommand(index): "log entry \(index) holds a command that this version does not know"
        case let .badSnapshot(what): "the snapshot is not sound: \(what)"
        }
    }

    /// Whether it is what is stored that is damaged, not the disk that fails. Another replica's state can take its place.
    package var isDamage: Bool {
        switch self {
        case .corruptRecord, .corrupt: true
        case let .environment(error): error.isDamage
        default: false
        }
    }

    /// What a person can do about it.
    package var remedy: String {
        switch self {
        case let .file(_, _, code) where code == ENOSPC || code == EDQUOT: "free space on the disk, then start the node again"
        case let .file(_, path, code) where code == EACCES || code == EROFS || code == EPERM:
            "make \(path) writable for the user that runs khod, then start the node again"
        case let .file(_, _, code) where code == EFBIG: Remedy.fileTooLarge
        case .file: "check the disk and its cables, then start the node again"
        case let .environment(error) where error.isFull: "free space on the disk or raise [storage] map_size, then start the node again"
        case let .environment(error) where error.code == EFBIG: Remedy.fileTooLarge
        case .environment: "check the disk, then start the node again"
        case .locked: "stop the other process; a data directory serves one node"
        case .foreign: "give the node its own data directory"
        case .corrupt, .corruptRecord: Remedy.damagedDirectory
        case .unknownCommand, .unknownFormat: "install the version of khod that the other nodes run"
        case .badSnapshot: "the transfer is tried again by itself; if this goes on, check the sender's disk"
        }
    }
}

/// Runs LMDB calls with their errors as the store's.
@inline(__always)
func lmdb<T: ~Copyable>(_ body: () throws(LMDBError) -> T) throws(StoreError) -> T {
    do throws(LMDBError) { return try body() } catch { throw .environment(error) }
}

/// The same for calls on a transaction.
@inline(__always)
func lmdbBorrowing<Transaction: ReadableTransaction & ~Copyable, T>(
    _ transaction: borrowing Transaction, _ body: (borrowing Transaction) throws(LMDBError) -> T
) throws(StoreError) -> T {
    do throws(LMDBError) { return try body(transaction) } catch { throw .environment(error) }
}
