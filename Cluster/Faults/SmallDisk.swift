import Glibc
import Harness

/// A file system of its own for one node's data, in memory and of a bounded size, so that its disk can be filled and nobody else's. Needs root.
package final class SmallDisk {
    package let path: String
    private var isMounted = false
    private var ballast: String { path + "/ballast" }

    /// Whether this process may mount file systems.
    package static var isPossible: Bool { geteuid() == 0 }

    /// Mounts it at `path`, an existing empty folder.
    package init(at path: String, bytes: Int) throws(FaultError) {
        self.path = path
        guard Self.isPossible else { throw .unsupported("a disk that can be filled is a mount of its own, which needs root") }
        guard mount("tmpfs", path, "tmpfs", 0, "size=\(bytes)") == 0 else { throw .system("mount \(path)", errno: errno) }
        isMounted = true
    }

    deinit { unmount() }

    /// Writes until nothing fits any more. The bytes written.
    @discardableResult
    package func fill() throws(FaultError) -> Int {
        let file = open(ballast, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .system("open \(ballast)", errno: errno) }
        defer { close(file) }
        var written = 0
        for size in [1 << 20, 1 << 12] {
            let block = [UInt8](repeating: 0x5A, count: size)
            while true {
                let n = write(file, block, size)
                guard n > 0 else { break }
                written += n
            }
        }
        return written
    }

    /// Gives the space back.
    package func empty() { unlink(ballast) }

    package func unmount() {
        guard isMounted else { return }
        isMounted = false
        // Lazily: a file may be open still.
        umount2(path, Int32(MNT_DETACH))
    }
}
