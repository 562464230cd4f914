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

    private struct Refused: Error {}

    static var canMount: Bool { Disk(bytes: 1 << 20) != nil }

    /// Wherever the disk ends, also in the middle of a write of many pages, which LMDB calls an input/output error: the error names the file and says that the disk is full. As long as it is,
    /// each start finds the last checkpoint and fails at the same entry; with room everything is there.
    @Test(.enabled(if: FullDiskTests.canMount, "no right to mount, so there is no disk that could be filled"), arguments: [1_000, 9_000, 30_000, 100_000])
    func aFullDiskLosesNothingOfAState(textBytes: Int) throws {
        for extra in 0..<6 {
            let world = try Fixture()
            try world.makeWorld(nameBytes: 200_000)
            let bytes = (2 << 20) + extra * 4_096 * 3
            let disk = try #require(Disk(bytes: bytes))
            /// Opens the state on that disk and applies what it has not; the failure, if any, and where it is then.
            func start() throws -> (failure: StoreError?, checkpoint: LogIndex, figures: [DatasetFigures]?) {
                let store = try StateStore(directory: disk.path + "/state", cluster: world.cluster, options: .init(mapBytes: 64 << 20))
                let from = store.checkpointed.index
                #expect(store.applied.position.index == from)
                for (place, entry) in world.log.enumerated() where entry.index > from {
                    do throws(StoreError) {
                        _ = try store.apply([entry])
                        if place % 20 == 19 { try store.checkpoint() }
                    } catch { return (error, store.checkpointed.index, nil) }
                }
                return (nil, store.checkpointed.index, try store.withReadView { view throws(StoreError) in try view.figures().map(\.figures) })
            }
            var number = 0
            func grow(_ count: Int) throws {
                for _ in 0..<count {
                    let put = try world.put("units", "u\(number)", [(1, .string("\(number) " + String(repeating: "x", count: textBytes)))])
                    guard case .written = try world.write([put]) else { throw Refused() }
                    number += 1
                }
                // Its pages may be used again.
                try world.store.checkpoint()
            }
            var end = try start()
            while end.failure == nil, number < 10_000 {
                try grow(20)
                end = try start()
            }
            for _ in 0..<3 {
                guard case let .file(_, path, code)? = end.failure else { return #expect(Bool(false), "\(String(describing: end.failure))") }
                #expect(path.hasPrefix(disk.path + "/state/") && code == ENOSPC, "\(path) \(code)")
                #expect(end.failure?.remedy.hasPrefix("free space") == true)
                let before = end.checkpoint
                end = try start()
                #expect(end.checkpoint >= before)
            }
            try #require(mount("tmpfs", disk.path, "tmpfs", UInt(MS_REMOUNT), "size=\(64 << 20)") == 0, "errno \(errno)")
            end = try start()
            #expect(end.failure == nil, "\(String(describing: end.failure))")
            let want = try world.store.withReadView { view throws(StoreError) in try view.figures().map(\.figures) }
            #expect(end.figures == want)
        }
    }
}
