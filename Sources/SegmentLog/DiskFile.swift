import Core
import Glibc

/// An open file. Closed with its value. Every failure names the call, the path and the errno.
struct DiskFile: ~Copyable {
    let path: String
    let descriptor: Int32

    /// Opens the file; `flags` as for open(2).
    init(_ path: String, _ flags: Int32 = O_RDWR) throws(LogError) {
        descriptor = unsafe open(path, flags | O_CLOEXEC, 0o640)
        self.path = path
        guard descriptor >= 0 else { throw .file(operation: flags & O_CREAT == 0 ? "open" : "make", path: path, errno: errno) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func size() throws(LogError) -> Int {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw .file(operation: "examine", path: path, errno: errno) }
        return Int(status.st_size)
    }

    /// At most `count` bytes from `offset`; fewer at the file's end.
    func read(_ count: Int, at offset: Int = 0) throws(LogError) -> [UInt8] {
        var failure: Int32 = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count, let start = buffer.baseAddress {
                let n = unsafe pread(descriptor, start + filled, count - filled, off_t(offset + filled))
                if n < 0 && errno == EINTR { continue }
                if n < 0 { failure = errno }
                if n <= 0 { break }
                filled += n
            }
        }
        guard failure == 0 else { throw .file(operation: "read", path: path, errno: failure) }
        return bytes
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(LogError) {
        var done = 0
        while done < bytes.count {
            let n = unsafe bytes.withUnsafeBytes { buffer in
                guard let start = buffer.baseAddress else { return 0 }
                return unsafe pwrite(descriptor, start + done, bytes.count - done, off_t(offset + done))
            }
            if n < 0 && errno == EINTR { continue }
            guard n > 0 else { throw .file(operation: "write", path: path, errno: n < 0 ? errno : EIO) }
            done += n
        }
    }

    /// Writes zeros over the range.
    func writeZeros(_ range: Range<Int>) throws(LogError) {
        let chunk = [UInt8](repeating: 0, count: min(1 << 20, range.count))
        var offset = range.lowerBound
        while offset < range.upperBound {
            let n = min(chunk.count, range.upperBound - offset)
            try write(n == chunk.count ? chunk : Array(chunk[..<n]), at: offset)
            offset += n
        }
    }

    /// Makes the bytes durable, and the size if it changed.
    func syncData() throws(LogError) {
        guard fdatasync(descriptor) == 0 else { throw .file(operation: "sync", path: path, errno: errno) }
    }
}

/// The log's directory, locked for as long as the value lives. Changes of names are durable after `sync`.
struct LogDirectory: ~Copyable {
    let path: String
    private let file: DiskFile

    /// Opens the directory and locks it against other processes. Makes it, but not its parent, if that is allowed.
    init(_ path: String, mayCreate: Bool) throws(LogError) {
        if unsafe mkdir(path, 0o750) == 0 {
            guard mayCreate else {
                unsafe rmdir(path)
                throw .absent(path: path)
            }
        } else if errno != EEXIST {
            throw .file(operation: "make", path: path, errno: errno)
        }
        let file = try DiskFile(path, O_RDONLY | O_DIRECTORY)
        guard flock(file.descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw errno == EWOULDBLOCK ? .locked(path: path) : .file(operation: "lock", path: path, errno: errno)
        }
        // Whoever made the directory, its name may sit only in the page cache.
        let parent = try DiskFile(path + "/..", O_RDONLY | O_DIRECTORY)
        guard fsync(parent.descriptor) == 0 else { throw .file(operation: "sync", path: parent.path, errno: errno) }
        self.path = path
        self.file = file
    }

    func path(_ name: String) -> String { path + "/" + name }

    func sync() throws(LogError) {
        guard fsync(file.descriptor) == 0 else { throw .file(operation: "sync", path: path, errno: errno) }
    }

    func rename(_ old: String, to new: String) throws(LogError) {
        guard unsafe Glibc.rename(path(old), path(new)) == 0 else { throw .file(operation: "rename", path: path(old), errno: errno) }
    }

    /// Removes the file; one that is not there is removed already.
    func remove(_ name: String) throws(LogError) {
        guard unsafe unlink(path(name)) == 0 || errno == ENOENT else { throw .file(operation: "remove", path: path(name), errno: errno) }
    }

    func contains(_ name: String) -> Bool { unsafe access(path(name), F_OK) == 0 }

    /// The names in the directory, sorted.
    func names() throws(LogError) -> [String] {
        guard let handle = unsafe opendir(path) else { throw .file(operation: "list", path: path, errno: errno) }
        defer { unsafe closedir(handle) }
        var names: [String] = []
        errno = 0
        while let entry = unsafe readdir(handle) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            names.append(name)
            errno = 0
        }
        guard errno == 0 else { throw .file(operation: "list", path: path, errno: errno) }
        return names.sorted()
    }

    /// Bytes of the file system that this process may still use.
    func freeBytes() throws(LogError) -> Int {
        var status = statvfs()
        guard unsafe fstatvfs(file.descriptor, &status) == 0 else { throw .file(operation: "examine", path: path, errno: errno) }
        return Int(clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
    }
}
