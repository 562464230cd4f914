import Glibc

/// The file system of the machine. One call of the system for each call here, but that an interrupted or short one goes on.
package final class SystemDisk: Disk {
    package static let shared = SystemDisk()

    private init() {}

    package func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any OpenFile {
        let flags: Int32 = switch mode {
        case .read: O_RDONLY
        case .readWrite: O_RDWR
        case .replace: O_RDWR | O_CREAT | O_TRUNC
        }
        return try SystemFile(path, flags, operation: flags & O_CREAT == 0 ? "open" : "make")
    }

    package func openFolder(_ path: String) throws(DiskError) -> any OpenFolder {
        SystemFolder(try SystemFile(path, O_RDONLY | O_DIRECTORY, operation: "open"))
    }

    package func borrow(descriptor: Int32, path: String) -> any OpenFile { SystemFile(borrowing: descriptor, path) }

    package func makeFolder(_ path: String) throws(DiskError) -> Bool {
        if mkdir(path, 0o750) == 0 { return true }
        guard errno == EEXIST else { throw DiskError("make", path, errno) }
        return false
    }

    package func removeFolder(_ path: String) throws(DiskError) {
        guard rmdir(path) == 0 || errno == ENOENT else { throw DiskError("remove", path, errno) }
    }

    package func rename(_ old: String, to new: String) throws(DiskError) {
        guard Glibc.rename(old, new) == 0 else { throw DiskError("rename", old, errno) }
    }

    package func remove(_ path: String) throws(DiskError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw DiskError("remove", path, errno) }
    }

    package func exists(_ path: String) throws(DiskError) -> Bool {
        if access(path, F_OK) == 0 { return true }
        guard errno == ENOENT else { throw DiskError("examine", path, errno) }
        return false
    }

    package func names(in folder: String) throws(DiskError) -> [String] {
        guard let handle = opendir(folder) else { throw DiskError("list", folder, errno) }
        defer { closedir(handle) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != "." && name != ".." { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw DiskError("list", folder, errno) }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}

/// A file descriptor with its path.
package final class SystemFile: OpenFile {
    package let path: String
    package let descriptor: Int32
    private let isOwned: Bool

    /// Opens the file; `flags` as for open(2). `operation` is for the error.
    package init(_ path: String, _ flags: Int32, operation: String = "open") throws(DiskError) {
        descriptor = Glibc.open(path, flags | O_CLOEXEC, 0o640)
        self.path = path
        isOwned = true
        guard descriptor >= 0 else { throw DiskError(operation, path, errno) }
    }

    init(borrowing descriptor: Int32, _ path: String) {
        self.descriptor = descriptor
        self.path = path
        isOwned = false
    }

    deinit { if isOwned, descriptor >= 0 { close(descriptor) } }

    package func size() throws(DiskError) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw DiskError("examine", path, errno) }
        return Int(status.st_size)
    }

    package func read(_ count: Int, at offset: Int) throws(DiskError) -> [UInt8] {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count, let start = buffer.baseAddress {
                let n = pread(descriptor, start + filled, count - filled, off_t(offset + filled))
                if n < 0 && errno == EINTR { continue }
                if n < 0 { failure = errno }
                if n <= 0 { break }
                filled += n
            }
        }
        guard failure == 0 else { throw DiskError("read", path, failure) }
        return bytes
    }

    package func write(_ bytes: [UInt8], at offset: Int) throws(DiskError) {
        var done = 0
        while done < bytes.count {
            let n = bytes.withUnsafeBytes { buffer in
                guard let start = buffer.baseAddress else { return 0 }
                return pwrite(descriptor, start + done, bytes.count - done, off_t(offset + done))
            }
            if n < 0 && errno == EINTR { continue }
            guard n > 0 else { throw DiskError("write", path, n < 0 ? errno : EIO) }
            done += n
        }
    }

    package func allocate(_ bytes: Int) throws(DiskError) {
        var code = posix_fallocate(descriptor, 0, off_t(bytes))
        while code == EINTR { code = posix_fallocate(descriptor, 0, off_t(bytes)) }
        guard code == 0 else { throw DiskError("allocate", path, code) }
    }

    package func syncData() throws(DiskError) {
        guard fdatasync(descriptor) == 0 else { throw DiskError("sync", path, errno) }
    }
}

private final class SystemFolder: OpenFolder {
    private let file: SystemFile
    var path: String { file.path }

    init(_ file: SystemFile) { self.file = file }

    /// By word: as in `FileLock`.
    deinit { flock(file.descriptor, LOCK_UN) }

    func lock() throws(DiskError) {
        guard flock(file.descriptor, LOCK_EX | LOCK_NB) == 0 else { throw DiskError("lock", path, errno) }
    }

    func sync() throws(DiskError) {
        guard fsync(file.descriptor) == 0 else { throw DiskError("sync", path, errno) }
    }

    func freeBytes() throws(DiskError) -> Int {
        var status = statvfs()
        guard fstatvfs(file.descriptor, &status) == 0 else { throw DiskError("examine", path, errno) }
        return Int(clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
    }
}
