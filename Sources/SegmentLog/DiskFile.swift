import Core
import Glibc

/// An open file of the log, in the terms of the log's errors. Closed with its value. One call of the disk a call.
struct DiskFile: ~Copyable {
    let file: any OpenFile
    var path: String { file.path }

    func size() throws(LogError) -> Int {
        do throws(DiskError) { return try file.size() } catch { throw LogError(error) }
    }

    /// At most `count` bytes from `offset`; fewer at the file's end.
    func read(_ count: Int, at offset: Int = 0) throws(LogError) -> [UInt8] {
        do throws(DiskError) { return try file.read(count, at: offset) } catch { throw LogError(error) }
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(LogError) {
        do throws(DiskError) { try file.write(bytes, at: offset) } catch { throw LogError(error) }
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

    func allocate(_ bytes: Int) throws(LogError) {
        do throws(DiskError) { try file.allocate(bytes) } catch { throw LogError(error) }
    }

    /// Makes the bytes durable, and the size if it changed.
    func syncData() throws(LogError) {
        do throws(DiskError) { try file.syncData() } catch { throw LogError(error) }
    }
}

/// The log's directory, locked for as long as the value lives. Changes of names are durable after `sync`.
struct LogDirectory: ~Copyable {
    let path: String
    private let disk: any Disk
    private let folder: any OpenFolder

    /// Opens the directory and locks it against other processes. Makes it, but not its parent, if that is allowed.
    init(_ path: String, mayCreate: Bool, disk: any Disk) throws(LogError) {
        self.path = path
        self.disk = disk
        folder = try Self.open(path, mayCreate: mayCreate, disk)
    }

    private static func open(_ path: String, mayCreate: Bool, _ disk: any Disk) throws(LogError) -> any OpenFolder {
        do throws(DiskError) {
            if try disk.makeFolder(path), !mayCreate {
                try disk.removeFolder(path)
                throw DiskError("find", path, ENOENT)
            }
            let folder = try disk.openFolder(path)
            try folder.lock()
            // Whoever made the directory, its name may sit only in the page cache.
            try disk.openFolder(path + "/..").sync()
            return folder
        } catch {
            switch (error.operation, error.errno) {
            case ("find", _): throw .absent(path: path)
            case ("lock", EWOULDBLOCK): throw .locked(path: path)
            default: throw LogError(error)
            }
        }
    }

    func path(_ name: String) -> String { path + "/" + name }

    func open(_ name: String, _ mode: OpenMode = .readWrite) throws(LogError) -> DiskFile {
        do throws(DiskError) { return DiskFile(file: try disk.open(path(name), mode)) } catch { throw LogError(error) }
    }

    func sync() throws(LogError) {
        do throws(DiskError) { try folder.sync() } catch { throw LogError(error) }
    }

    func rename(_ old: String, to new: String) throws(LogError) {
        do throws(DiskError) { try disk.rename(path(old), to: path(new)) } catch { throw LogError(error) }
    }

    /// Removes the file; one that is not there is removed already.
    func remove(_ name: String) throws(LogError) {
        do throws(DiskError) { try disk.remove(path(name)) } catch { throw LogError(error) }
    }

    func contains(_ name: String) throws(LogError) -> Bool {
        do throws(DiskError) { return try disk.exists(path(name)) } catch { throw LogError(error) }
    }

    /// The names in the directory, sorted.
    func names() throws(LogError) -> [String] {
        do throws(DiskError) { return try disk.names(in: path) } catch { throw LogError(error) }
    }

    /// Bytes of the file system that this process may still use.
    func freeBytes() throws(LogError) -> Int {
        do throws(DiskError) { return try folder.freeBytes() } catch { throw LogError(error) }
    }
}

extension LogError {
    init(_ error: DiskError) { self = .file(operation: error.operation, path: error.path, errno: error.errno) }
}
