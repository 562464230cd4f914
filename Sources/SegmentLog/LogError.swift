import Core
import Glibc

/// Why the log cannot be opened, or cannot go on. After any of them the node stops: what a failed write or sync left on the disk is
/// unknown, and a retried `fsync` answers "done" for pages that it has dropped.
package enum LogError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A call on a file failed: what was done, the file, the errno.
    case file(operation: String, path: String, errno: Int32)
    /// Another process has the directory.
    case locked(path: String)
    /// There is no log in the directory, and none may be made.
    case absent(path: String)
    /// The file belongs to another cluster, node or incarnation; the text says to which.
    case foreign(path: String, what: String)
    /// The file is damaged at this offset; `index` is the entry that should stand there (0: no entry, but the file's own words).
    case corrupt(path: String, offset: Int, index: LogIndex, what: String)
    /// A file is missing: entries from `index` on are in none.
    case missing(path: String, index: LogIndex, what: String)
    /// The file was written by a version that this one does not know.
    case unknownFormat(path: String, what: String)

    package var description: String {
        switch self {
        case let .file(operation, path, code): "cannot \(operation) \(path): \(Self.text(code)) (errno \(code))"
        case let .locked(path): "\(path) is in use by another process"
        case let .absent(path): "\(path) holds no log, though this node has had one"
        case let .foreign(path, what): "\(path) belongs to \(what)"
        case let .corrupt(path, offset, index, what):
            "\(path) is damaged at byte \(offset)" + (index.rawValue > 0 ? " (log entry \(index))" : "") + ": \(what)"
        case let .missing(path, index, what): "a file of the log is missing in \(path), entries from \(index) on are lost: \(what)"
        case let .unknownFormat(path, what): "\(path) was written by another version of Kho: \(what)"
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
        case .locked: "stop the other process; a data directory serves one node"
        case .absent, .corrupt, .missing: Remedy.damagedDirectory
        case .foreign: "give the node its own data directory"
        case .unknownFormat: "install the version of khod that wrote it"
        }
    }

    private static func text(_ code: Int32) -> String {
        guard let text = unsafe strerror(code) else { return "unknown error" }
        return unsafe String(cString: text)
    }
}
