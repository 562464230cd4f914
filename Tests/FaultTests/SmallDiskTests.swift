import Faults
import Glibc
import Harness
import Testing

@Suite struct SmallDiskTests {
    /// Filled, it takes nothing more; emptied, it takes as much again; afterwards nothing of it is left.
    @Test(.enabled(if: SmallDisk.isPossible, "mounting needs root"), arguments: Set([SmallDisk.kind, .memory]))
    func isFilledAndEmptied(kind: SmallDisk.Kind) throws {
        let folder = try TemporaryFolder(prefix: "kho-disk")
        let path = folder.path + "/data"
        try Files.makeFolder(path)
        let disk = try SmallDisk(at: path, bytes: 64 << 20, kind: kind)
        defer { disk.unmount() }
        #expect(Files.names(in: path).isEmpty)
        let written = try disk.fill()
        #expect(written > 32 << 20 && written <= 64 << 20)
        #expect(addBlock(to: path + "/more") == ENOSPC)
        disk.empty()
        #expect(addBlock(to: path + "/more") == 0)
        disk.unmount()
        #expect(Files.names(in: path).isEmpty)
        #expect(Files.names(in: folder.path) == ["data"])
    }

    /// The error of writing and syncing 1 MiB; 0 if there is none.
    private func addBlock(to path: String) -> Int32 {
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { return errno }
        defer { close(file) }
        let block = [UInt8](repeating: 1, count: 1 << 20)
        guard write(file, block, block.count) == block.count else { return errno == 0 ? ENOSPC : errno }
        return fsync(file) == 0 ? 0 : errno
    }
}
