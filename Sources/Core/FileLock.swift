import Glibc

/// An exclusive lock on a file, which is made if it is missing, for as long as this lives. The system lets go of it when the process ends, however it ends.
///
/// It is let go of by word, and not only by closing the descriptor: a process that is being started at that moment has a copy of every
/// descriptor until it becomes another program, and would keep the lock for so long.
package final class FileLock: Sendable {
    package enum Failure: Error {
        /// Somebody has it.
        case taken
        /// `open` or `flock` failed.
        case system(operation: String, code: Int32)
    }

    private let descriptor: Int32

    /// Does not wait.
    package init(_ path: String) throws(Failure) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw .system(operation: "open", code: errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            throw code == EWOULDBLOCK ? .taken : .system(operation: "lock", code: code)
        }
    }

    deinit {
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
