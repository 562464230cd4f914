import Glibc
import Testing

@testable import Configuration

@Suite struct FileAccessTests {
    /// A folder that is gone at the end.
    func withFolder(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/kho-files-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw FileError(operation: "make folder", path: "/tmp", code: errno) }
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer {
            for name in ["f", "f.new", "a/b"] { unlink(folder + "/" + name) }
            rmdir(folder + "/a")
            rmdir(folder)
        }
        try body(folder)
    }

    func mode(_ path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : nil
    }

    @Test func aNewFileHasExactlyItsRights() throws {
        try withFolder { folder in
            let old = umask(0o077)
            defer { umask(old) }
            try FileAccess.create(folder + "/f", [1, 2, 3], mode: 0o644)
            #expect(mode(folder + "/f") == 0o644)
            #expect(try FileAccess.bytes(folder + "/f") == [1, 2, 3])
        }
    }

    @Test func nothingIsOverwrittenUnlessReplaced() throws {
        try withFolder { folder in
            try FileAccess.create(folder + "/f", [1], mode: 0o600)
            #expect(throws: FileError(operation: "create", path: folder + "/f", code: EEXIST)) { try FileAccess.create(folder + "/f", [2], mode: 0o600) }
            #expect(try FileAccess.bytes(folder + "/f") == [1])
            // A leftover of a crash is in nobody's way.
            try FileAccess.create(folder + "/f.new", [9], mode: 0o600)
            try FileAccess.replace(folder + "/f", [2], mode: 0o640)
            #expect(try FileAccess.bytes(folder + "/f") == [2])
            #expect(mode(folder + "/f") == 0o640)
            #expect(!FileAccess.exists(folder + "/f.new"))
        }
    }

    /// The file that was replaced is written over by the next contents: its inode, and so its block, comes back each second time.
    @Test func exchangedFilesTakeTurns() throws {
        try withFolder { folder in
            let path = folder + "/f"
            func inode(_ path: String) -> ino_t? {
                var status = stat()
                return stat(path, &status) == 0 ? status.st_ino : nil
            }
            var inodes: [ino_t?] = []
            for contents in [[UInt8](repeating: 1, count: 300), [2], [], [UInt8](repeating: 3, count: 5_000), [4, 4]] {
                try FileAccess.exchange(path, contents)
                #expect(try FileAccess.bytes(path) == contents)
                #expect(mode(path) == 0o640)
                inodes.append(inode(path))
            }
            #expect(inodes[2] == inodes[0] && inodes[4] == inodes[0] && inodes[3] == inodes[1] && inodes[0] != inodes[1])
            #expect(inode(path + ".new") == inodes[1], "what was replaced waits beside it")
            // Whatever lies there, as after a crash in the middle of it.
            unlink(path + ".new")
            try FileAccess.create(path + ".new", [UInt8](repeating: 9, count: 10_000), mode: 0o600)
            try FileAccess.exchange(path, [5])
            #expect(try FileAccess.bytes(path) == [5])
        }
    }

    @Test func missingFilesAndFoldersAreErrorsWithTheirPath() throws {
        try withFolder { folder in
            #expect(throws: FileError(operation: "open", path: folder + "/none", code: ENOENT)) { try FileAccess.bytes(folder + "/none") }
            try FileAccess.makeFolders(folder + "/a")
            try FileAccess.makeFolders(folder + "/a")
            #expect(FileAccess.exists(folder + "/a"))
        }
    }
}
