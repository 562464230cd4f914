import Core
import Glibc

/// Calls on files whose effect survives a power cut when they return. LMDB's own writes do not go through here, its syncs do.
struct DurableFiles: Sendable {
    let disk: any Disk

    init(_ disk: any Disk = SystemDisk.shared) { self.disk = disk }

    static func fail(_ operation: String, _ path: String) -> StoreError { .file(operation: operation, path: path, errno: errno) }

    func makeFolder(_ path: String) throws(StoreError) {
        try calling { () throws(DiskError) in _ = try disk.makeFolder(path) }
    }

    func syncFolder(_ path: String) throws(StoreError) {
        try calling { () throws(DiskError) in try disk.openFolder(path).sync() }
    }

    /// Replaces a file: a temporary file, synced, renamed over it, the folder synced. Either the old or the new one is there.
    func replace(_ folder: String, _ name: String, with bytes: [UInt8]) throws(StoreError) {
        let path = folder + "/" + name
        let temporary = path + ".new"
        try calling { () throws(DiskError) in
            let file = try disk.open(temporary, .replace)
            try file.write(bytes, at: 0)
            try file.syncData()
            try disk.rename(temporary, to: path)
            try disk.openFolder(folder).sync()
        }
    }

    /// Gives a file of the folder another name.
    func rename(_ name: String, to other: String, in folder: String) throws(StoreError) {
        try calling { () throws(DiskError) in
            try disk.rename(folder + "/" + name, to: folder + "/" + other)
            try disk.openFolder(folder).sync()
        }
    }

    /// Writes over the beginning of a file that must be there; durable when it returns.
    func overwrite(_ path: String, with bytes: [UInt8]) throws(StoreError) {
        do throws(DiskError) {
            let file = try disk.open(path, .readWrite)
            try file.write(bytes, at: 0)
            try file.syncData()
        } catch {
            throw error.errno == ENOENT ? .corrupt(path: path, what: "the file is missing") : StoreError(error)
        }
    }

    /// The file's bytes; nil if there is no such file.
    func read(_ path: String, limit: Int = 1 << 20) throws(StoreError) -> [UInt8]? {
        do throws(DiskError) {
            return try disk.open(path, .read).read(limit, at: 0)
        } catch {
            if error.errno == ENOENT { return nil }
            throw StoreError(error)
        }
    }

    /// A file by the descriptor that LMDB opened.
    func borrow(_ descriptor: Int32, _ path: String) -> any OpenFile { disk.borrow(descriptor: descriptor, path: path) }

    /// The names in a folder, sorted; none if it is not there.
    func names(in path: String) throws(StoreError) -> [String] {
        do throws(DiskError) {
            return try disk.names(in: path)
        } catch {
            if error.errno == ENOENT { return [] }
            throw StoreError(error)
        }
    }

    /// Removes a file; one that is not there is removed already.
    func remove(_ path: String) throws(StoreError) {
        try calling { () throws(DiskError) in try disk.remove(path) }
    }

    /// Removes a folder and the files in it; a folder that is not there is removed already.
    func removeFolder(_ path: String) throws(StoreError) {
        for name in try names(in: path) { try remove(path + "/" + name) }
        try calling { () throws(DiskError) in try disk.removeFolder(path) }
    }

    func calling<T>(_ body: () throws(DiskError) -> T) throws(StoreError) -> T {
        do throws(DiskError) { return try body() } catch { throw StoreError(error) }
    }
}

extension StoreError {
    init(_ error: DiskError) { self = .file(operation: error.operation, path: error.path, errno: error.errno) }
}
