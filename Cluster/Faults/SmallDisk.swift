import Glibc
import Harness

/// A file system of its own for one node's data, of a bounded size, so that its disk can be filled and nobody else's: ext4 in a file, mounted as a loop
/// device; in memory where there are none, as in most containers. Needs root.
package final class SmallDisk {
    package enum Kind: String, Sendable {
        case loop, memory
    }

    package let path: String
    package let kind: Kind
    private var isMounted = false
    private var ballast: String { path + "/ballast" }
    private var image: String { path + ".image" }

    /// Whether this process may mount file systems.
    package static var isPossible: Bool { geteuid() == 0 }
    /// What a disk is made of on this machine.
    package static var kind: Kind {
        ["mkfs.ext4", "mount"].allSatisfy { SystemProgram.path($0) != nil } && access("/dev/loop-control", R_OK | W_OK) == 0 ? .loop : .memory
    }

    /// Mounts it at `path`, an existing empty folder.
    package init(at path: String, bytes: Int, kind: Kind = SmallDisk.kind) throws(FaultError) {
        self.path = path
        self.kind = kind
        guard Self.isPossible else { throw .unsupported("a disk that can be filled is a mount of its own, which needs root") }
        switch kind {
        case .loop:
            do { try mountImage(bytes) } catch {
                unlink(image)
                throw error
            }
        case .memory: guard mount("tmpfs", path, "tmpfs", 0, "size=\(bytes)") == 0 else { throw .system("mount \(path)", errno: errno) }
        }
        isMounted = true
    }

    /// An image of an earlier try that failed is nobody's.
    private func mountImage(_ bytes: Int) throws(FaultError) {
        let file = open(image, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .system("open \(image)", errno: errno) }
        defer { close(file) }
        guard ftruncate(file, bytes) == 0 else { throw .system("ftruncate \(image)", errno: errno) }
        // Nothing set aside for root, who runs the nodes, and little for the names of files: a node has few. ext4's journal takes some mebibytes all the same.
        try SystemProgram.run("mkfs.ext4", ["-q", "-F", "-m", "0", "-N", "1024", image])
        try SystemProgram.run("mount", ["-o", "loop", image, path])
        // A data directory begins empty.
        rmdir(path + "/lost+found")
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

    /// Gives the space back. It is there when this returns: ext4 lets blocks be used again once its journal says that they are free.
    package func empty() {
        unlink(ballast)
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }

    package func unmount() {
        guard isMounted else { return }
        isMounted = false
        // Lazily: a file may be open still.
        umount2(path, Int32(MNT_DETACH))
        // The loop device goes with the mount, and the file with the device.
        if kind == .loop { unlink(image) }
    }
}
