import Core
import Glibc
import Records
import Testing

@testable import Store

/// A disk in memory that is full at some point of LMDB's own writes, which lie below the seam of the crash rig.
@Suite struct FullDiskTests {
    /// A folder with a file system of so many bytes; nil where nobody may mount one.
    private final class Disk {
        let path: String

        init?(bytes: Int) {
            var template = Array("/tmp/kho-full-XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else { return nil }
            path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard mount("tmpfs", path, "tmpfs", 0, "size=\(bytes)") == 0 else {
                rmdir(path)
                return nil
            }
        }

        deinit {
            umount(path)
            rmdir(path)
        }
    }

    static var canMount: Bool { Disk(bytes: 1 << 20) != nil }

    /// Wherever the disk ends, also in the middle of a write of many pages, which LMDB calls an input/output error: the error names the file and says that the disk is full.
    @Test(.enabled(if: FullDiskTests.canMount, "no right to mount, so there is no disk that could be filled"), arguments: [1_000, 9_000, 30_000, 100_000])
    func theErrorNamesTheFileAndTheFullDisk(textBytes: Int) throws {
        for extra in 0..<6 {
            let world = try Fixture()
            try world.makeWorld()
            let disk = try #require(Disk(bytes: (2 << 20) + extra * 4_096 * 3))
            do {
                let store = try StateStore(directory: disk.path + "/state", cluster: world.cluster, options: .init(mapBytes: 64 << 20))
                try withExtendedLifetime(store) {
                    _ = try store.apply(world.log)
                    world.store = store
                    var failure: StoreError?
                    for number in 0..<10_000 where failure == nil {
                        do { _ = try world.write([try world.put("units", "u\(number)", [(1, .string(String(repeating: "x", count: textBytes)))])]) } catch {
                            failure = error as? StoreError
                        }
                    }
                    guard case let .file(_, path, code)? = failure else { return #expect(Bool(false), "\(String(describing: failure))") }
                    #expect(path == world.dataFile && code == ENOSPC, "\(path) \(code)")
                    #expect(failure?.remedy.hasPrefix("free space") == true)
                    world.store = try StateStore(directory: world.folder + "/elsewhere", cluster: world.cluster)
                }
            }
        }
    }
}
