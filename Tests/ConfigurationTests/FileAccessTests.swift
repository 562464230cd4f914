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

    @Test func missingFilesAndFoldersAreErrorsWithTheirPath() throws {
        try withFolder { folder in
            #expect(throws: FileError(operation: "open", path: folder + "/none", code: ENOENT)) { try FileAccess.bytes(folder + "/none") }
            try FileAccess.makeFolders(folder + "/a")
            try FileAccess.makeFolders(folder + "/a")
            #expect(FileAccess.exists(folder + "/a"))
        }
    }
}
