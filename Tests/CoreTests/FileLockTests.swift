import Core
import Glibc
import Testing

struct FileLockTests {
    private func withPath(_ body: (String) throws -> Void) throws {
        let path = "/tmp/kho-lock-\(SystemRandom.uint64())"
        defer { unlink(path) }
        try body(path)
    }

    /// The descriptor by which this process has the file open.
    private func descriptor(of path: String) -> Int32? {
        (0..<1_024).first { descriptor in
            var target = [CChar](repeating: 0, count: 256)
            let count = readlink("/proc/self/fd/\(descriptor)", &target, target.count)
            return count > 0 && target.prefix(count).map { UInt8(bitPattern: $0) } == Array(path.utf8)
        }
    }

    private func isTaken(_ path: String) -> Bool {
        do throws(FileLock.Failure) { _ = try FileLock(path) } catch {
            if case .taken = error { return true }
        }
        return false
    }

    @Test func oneHasItUntilItGoes() throws {
        try withPath { path in
            let lock = try FileLock(path)
            #expect(isTaken(path))
            _ = consume lock
            #expect(!isTaken(path))
        }
    }

    /// A process that is being started has copies of all descriptors for a moment.
    @Test func aCopyOfTheDescriptorKeepsNothing() throws {
        try withPath { path in
            let lock = try FileLock(path)
            let copy = dup(try #require(descriptor(of: path)))
            defer { close(copy) }
            _ = consume lock
            #expect(!isTaken(path))
        }
    }

    @Test func aFolderThatIsNotThereIsAnError() {
        do throws(FileLock.Failure) {
            _ = try FileLock("/tmp/kho-no-such-folder/lock")
            Issue.record("it was opened")
        } catch {
            if case .system("open", ENOENT) = error { return }
            Issue.record("\(error)")
        }
    }
}
