import Core
import Glibc

/// Calls on files whose effect survives a power cut when they return.
enum DurableFiles {
    static func fail(_ operation: String, _ path: String) -> StoreError { .file(operation: operation, path: path, errno: errno) }

    static func makeFolder(_ path: String) throws(StoreError) {
        guard mkdir(path, 0o750) == 0 || errno == EEXIST else { throw fail("make", path) }
    }

    static func syncFolder(_ path: String) throws(StoreError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw fail("open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw fail("sync", path) }
    }

    /// Replaces a file: a temporary file, synced, renamed over it, the folder synced. Either the old or the new one is there.
    static func replace(_ folder: String, _ name: String, with bytes: [UInt8]) throws(StoreError) {
        let path = folder + "/" + name
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw fail("make", temporary) }
        do throws(StoreError) {
            try write(descriptor, bytes, at: 0, temporary)
            guard fsync(descriptor) == 0 else { throw fail("sync", temporary) }
        } catch {
            close(descriptor)
            throw error
        }
        close(descriptor)
        guard rename(temporary, path) == 0 else { throw fail("rename", temporary) }
        try syncFolder(folder)
    }

    static func write(_ descriptor: Int32, _ bytes: [UInt8], at offset: Int, _ path: String) throws(StoreError) {
        var done = 0
        while done < bytes.count {
            let n = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress! + done, bytes.count - done, off_t(offset + done)) }
            if n < 0 && errno == EINTR { continue }
            guard n > 0 else { throw fail("write", path) }
            done += n
        }
    }

    /// The file's bytes; nil if there is no such file.
    static func read(_ path: String, limit: Int = 1 << 20) throws(StoreError) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw fail("open", path)
        }
        defer { close(descriptor) }
        return try read(descriptor, count: limit, path)
    }

    /// At most `count` bytes from the beginning.
    static func read(_ descriptor: Int32, count: Int, _ path: String) throws(StoreError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let n = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress! + done, count - done, off_t(done)) }
            if n < 0 && errno == EINTR { continue }
            guard n >= 0 else { throw fail("read", path) }
            if n == 0 { break }
            done += n
        }
        return Array(bytes[..<done])
    }

    /// The names in a folder, in no order; none if it is not there.
    static func names(in path: String) -> [String] {
        guard let handle = opendir(path) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// Removes a folder and the files in it; a folder that is not there is removed already.
    static func removeFolder(_ path: String) {
        for name in names(in: path) { unlink(path + "/" + name) }
        rmdir(path)
    }
}
