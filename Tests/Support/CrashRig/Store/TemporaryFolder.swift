import Core
import Glibc
import SimulatedDisk

/// A folder of its own, below TMPDIR, /dev/shm or /tmp; removed with its value.
final class TemporaryFolder {
    let path: String

    init() {
        let parents = [getenv("TMPDIR").map { String(cString: $0) }, "/dev/shm", "/tmp"].compactMap { $0 }
        let parent = parents.first { access($0, W_OK) == 0 } ?? "/tmp"
        var template = Array((parent + "/kho-crash-XXXXXX").utf8CString)
        path = mkdtemp(&template).map { String(cString: $0) } ?? ""
        invariant(!path.isEmpty, "no folder can be made in \(parent)")
    }

    deinit { Self.remove(path) }

    /// Makes the files of a simulated disk real.
    func fill(from disk: SimulatedDisk, _ folder: String = "") throws(DiskError) {
        for name in disk.list(folder.isEmpty ? "/" : folder) {
            let inside = folder + "/" + name
            if let bytes = disk.contents(inside) {
                try SystemDisk.shared.open(path + inside, .replace).write(bytes, at: 0)
            } else {
                _ = try SystemDisk.shared.makeFolder(path + inside)
                try fill(from: disk, inside)
            }
        }
    }

    private static func remove(_ path: String) {
        for name in (try? SystemDisk.shared.names(in: path)) ?? [] where unlink(path + "/" + name) != 0 { remove(path + "/" + name) }
        rmdir(path)
    }
}
