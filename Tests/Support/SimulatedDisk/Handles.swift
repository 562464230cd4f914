import Core
import Glibc

/// An open file of a simulated disk.
final class SimulatedFile: OpenFile {
    let path: String
    private let disk: SimulatedDisk
    private let inode: Inode
    private let life: Int

    init(_ disk: SimulatedDisk, _ path: String, _ inode: Inode) {
        self.disk = disk
        self.path = path
        self.inode = inode
        life = disk.life
    }

    func size() throws(DiskError) -> Int {
        if let error = try enter("examine") { throw error }
        return inode.size
    }

    func read(_ count: Int, at offset: Int) throws(DiskError) -> [UInt8] {
        if let error = try enter("read") { throw error }
        return inode.read(count, at: offset)
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(DiskError) {
        let error = try enter("write")
        // Cut short: the first bytes are written, as far as it came.
        var count = error == nil ? bytes.count : Int.random(in: 0...bytes.count, using: &disk.random)
        let growth = max(0, offset + count - inode.size)
        count -= growth - disk.take(growth)
        inode.write(bytes, count: count, at: offset, &disk.random)
        if let error { throw error }
        guard count == bytes.count else { throw disk.outOfSpace("write", path) }
    }

    func allocate(_ bytes: Int) throws(DiskError) {
        if let error = try enter("allocate") { throw error }
        let growth = max(0, bytes - inode.size)
        guard growth <= disk.freeBytes else { throw disk.outOfSpace("allocate", path) }
        _ = disk.take(growth)
        inode.allocate(bytes)
    }

    func syncData() throws(DiskError) {
        let error = try enter("sync", isSync: true)
        if disk.lie == .bytes { return }
        guard let error else { return inode.sync() }
        // A process that is killed in a sync leaves the sectors as they are: dirty, and perhaps done.
        if !disk.isKilled { inode.failSync(&disk.random) } else if disk.coin() { inode.sync() }
        throw error
    }

    private func enter(_ operation: String, isSync: Bool = false) throws(DiskError) -> DiskError? {
        guard life == disk.life else { throw DiskError(operation, path, EBADF) }
        return try disk.enter(operation, path, isSync: isSync)
    }
}

/// An open folder of a simulated disk.
final class SimulatedFolder: OpenFolder {
    let path: String
    private let disk: SimulatedDisk
    private let folder: Folder
    private let life: Int

    init(_ disk: SimulatedDisk, _ path: String, _ folder: Folder) {
        self.disk = disk
        self.path = path
        self.folder = folder
        life = disk.life
    }

    func lock() throws(DiskError) {
        if let error = try enter("lock") { throw error }
        if let holder = folder.holder as? SimulatedFolder, holder.life == disk.life, holder !== self {
            throw DiskError("lock", path, EWOULDBLOCK)
        }
        folder.holder = self
    }

    func sync() throws(DiskError) {
        let error = try enter("sync", isSync: true)
        if disk.lie != .names, error == nil || disk.isKilled && disk.coin() { folder.sync() }
        if let error { throw error }
    }

    func freeBytes() throws(DiskError) -> Int {
        if let error = try enter("examine") { throw error }
        return disk.freeBytes
    }

    private func enter(_ operation: String, isSync: Bool = false) throws(DiskError) -> DiskError? {
        guard life == disk.life else { throw DiskError(operation, path, EBADF) }
        return try disk.enter(operation, path, isSync: isSync)
    }
}
