import Core
import Glibc

/// A backup's file, open for reading from its beginning. Closes it at its end of life. Owned by one thread.
package final class BackupFile {
    package let path: String
    /// Bytes of the file.
    package let bytes: UInt64
    private let descriptor: Int32

    package init(path: String) throws(BackupError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadable(Self.reason()) }
        var status = stat()
        bytes = fstat(descriptor, &status) == 0 ? UInt64(max(0, status.st_size)) : 0
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    private static func reason() -> String { "\(String(cString: strerror(errno))) (errno \(errno))" }

    /// So many bytes that were not read yet; fewer only at the file's end.
    package func read(_ count: Int) throws(BackupError) -> [UInt8] {
        var code: Int32 = 0
        let found = [UInt8](unsafeUninitializedCapacity: count) { room, done in
            while done < count {
                let n = Glibc.read(descriptor, room.baseAddress! + done, count - done)
                if n < 0 && errno == EINTR { continue }
                if n < 0 { code = errno }
                if n <= 0 { return }
                done += n
            }
        }
        guard code == 0 else { throw .unreadable("\(String(cString: strerror(code))) (errno \(code))") }
        return found
    }

    /// Reads it with the key.
    package func reader(_ key: BackupKey) throws(BackupError) -> BackupReader { try BackupReader({ (count: Int) throws(BackupError) in try self.read(count) }, key: key) }
}
