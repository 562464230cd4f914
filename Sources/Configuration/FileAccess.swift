import CKhoPlatform
import Core
import Glibc

/// A file call that the system refused.
package struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
    package let operation: String
    package let path: String
    package let code: Int32

    package init(operation: String, path: String, code: Int32) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    /// As `No such file or directory (errno 2)`.
    package var reason: String { "\(String(cString: strerror(code))) (errno \(code))" }
    package var description: String { "\(operation) \(path): \(reason)" }
}

/// Whole small files: configurations, identities, certificates, states of imports.
package enum FileAccess {
    package static func bytes(_ path: String) throws(FileError) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw FileError(operation: "open", path: path, code: errno) }
        defer { close(file) }
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let n = read(file, &buffer, buffer.count)
            if n < 0 && errno == EINTR { continue }
            guard n >= 0 else { throw FileError(operation: "read", path: path, code: errno) }
            if n == 0 { return all }
            all += buffer[..<n]
        }
    }

    package static func text(_ path: String) throws(FileError) -> String { String(decoding: try bytes(path), as: UTF8.self) }

    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Writes everything to the descriptor.
    package static func writeAll(_ bytes: [UInt8], to file: Int32, path: String) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let n = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress.map { $0 + done }, bytes.count - done) }
            if n < 0 && errno == EINTR { continue }
            guard n > 0 else { throw FileError(operation: "write", path: path, code: errno) }
            done += n
        }
    }

    /// Makes a new file of exactly these rights; an error (EEXIST) if it is there.
    package static func create(_ path: String, _ bytes: [UInt8], mode: mode_t) throws(FileError) {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard file >= 0 else { throw FileError(operation: "create", path: path, code: errno) }
        defer { close(file) }
        try writeAll(bytes, to: file, path: path)
        guard fchmod(file, mode) == 0, fsync(file) == 0 else { throw FileError(operation: "sync", path: path, code: errno) }
    }

    /// Replaces the file by one rename, so that a crash leaves the old or the new one, durably.
    package static func replace(_ path: String, _ bytes: [UInt8], mode: mode_t = 0o640) throws(FileError) {
        let temporary = path + ".new"
        unlink(temporary)
        try create(temporary, bytes, mode: mode)
        guard rename(temporary, path) == 0 else { throw FileError(operation: "rename", path: path, code: errno) }
        try syncFolder(of: path)
    }

    /// As `replace`, of a file that is written again and again and must be where the disk is full too: what was replaced stays beside it as `PATH.new`, the next contents are
    /// written over that, into the block that it has, and the two change places. Needs room the first two times, and for contents that outgrow their blocks (4 KiB); each time where the
    /// file system writes nothing in place (btrfs, ZFS), or cannot exchange files.
    package static func exchange(_ path: String, _ bytes: [UInt8], mode: mode_t = 0o640) throws(FileError) {
        let spare = path + ".new"
        // Whoever exchanged them last may have ended before the folder was synced: on the disk the spare may still be the file.
        if exists(spare) { try syncFolder(of: path) }
        let file = open(spare, O_WRONLY | O_CREAT | O_CLOEXEC, mode)
        guard file >= 0 else { throw FileError(operation: "create", path: spare, code: errno) }
        do {
            defer { close(file) }
            try writeAll(bytes, to: file, path: spare)
            // Only now: a file without bytes would have let go its block.
            guard ftruncate(file, off_t(bytes.count)) == 0, fchmod(file, mode) == 0, fsync(file) == 0 else {
                throw FileError(operation: "sync", path: spare, code: errno)
            }
        }
        let code = kho_exchange_files(spare, path)
        if code != 0 {
            // There is nothing to change places with, or no way to do it.
            guard [ENOENT, EINVAL, ENOSYS].contains(code) else { throw FileError(operation: "exchange", path: path, code: code) }
            guard rename(spare, path) == 0 else { throw FileError(operation: "rename", path: path, code: errno) }
        }
        try syncFolder(of: path)
    }

    package static func syncFolder(of path: String) throws(FileError) {
        let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { throw FileError(operation: "open", path: folder, code: errno) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw FileError(operation: "sync", path: folder, code: errno) }
    }

    /// Removes the file or the folder with everything in it, as far as it may.
    package static func removeTree(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, let folder = opendir(path) else {
            unlink(path)
            return
        }
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) } }
            if name != ".", name != ".." { removeTree(path + "/" + name) }
        }
        closedir(folder)
        rmdir(path)
    }

    /// Makes the folder and those above it that are missing.
    package static func makeFolders(_ path: String, mode: mode_t = 0o750) throws(FileError) {
        var prefix = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            prefix += part
            guard mkdir(prefix, mode) == 0 || errno == EEXIST else { throw FileError(operation: "make folder", path: prefix, code: errno) }
            prefix += "/"
        }
    }
}
