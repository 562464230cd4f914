import Core
import Glibc

/// A file system in memory that forgets what a real one may forget. Everything it does comes from its seed and the calls made.
///
/// One process at a time uses it: `restart` ends that process and begins the next, with the page cache as it was; `cutPower` also takes
/// from the disk what was not synced, in part. Handles of a process that ended throw EBADF.
///
/// `@unchecked Sendable` because it has one owner at a time, the thread of the log or the simulator that uses it.
package final class SimulatedDisk: Disk, @unchecked Sendable {
    /// What happens at a certain call in place of what should.
    package enum Fault: Equatable, Sendable {
        /// The call fails; of a write any part is done, after a sync any of the bytes are lost.
        case fail(Int32)
        /// The process ends during the call, which is done, in part or not; each later call throws as well.
        case kill
    }

    /// The error of every call of a process that was killed: no system's errno.
    package static let killed: Int32 = 9_999

    /// What a sync leaves undone on a disk that lies, for proofs that a test would notice.
    package enum Lie: Equatable, Sendable {
        case none, bytes, names
    }

    package var lie = Lie.none
    /// Bytes that files may have in all.
    package var capacityBytes: Int
    /// Calls since the disk was made, successful or not; the next one has this number plus one.
    package private(set) var calls = 0
    /// Syncs of files and folders among them.
    package private(set) var syncs = 0
    /// The fault that happened, by the call's number, operation and path.
    package private(set) var faulted: (call: Int, operation: String, path: String)?
    /// The errors that this process was given, planned ones and those for want of space; of a kill the first.
    package private(set) var errors: [DiskError] = []
    package private(set) var isKilled = false
    var random: SeededRandom
    private var root = Folder()
    private var usedBytes = 0
    private var plan: (call: Int, fault: Fault)?
    private(set) var life = 0

    package init(seed: UInt64, capacityBytes: Int = .max) {
        random = SeededRandom(seed: seed)
        self.capacityBytes = capacityBytes
    }

    // MARK: What the test does

    /// Sets the fault for the call of this number, which counts from the disk's making. One at a time.
    package func plan(_ fault: Fault, atCall call: Int) { plan = (call, fault) }

    /// Ends the process and begins another one: locks and open files are gone, the page cache stays, and a fault yet to come.
    /// What a failed sync left in the cache alone is given up in part, or as a whole.
    package func restart(evictingAll: Bool = false) {
        life += 1
        isKilled = false
        if let planned = plan, planned.call <= calls { plan = nil }
        faulted = nil
        errors = []
        root.forEachFile { $0.evict(&random, all: evictingAll) }
        recount()
    }

    /// Cuts the power and begins again. Of what was not synced, a subset by chance is there.
    package func cutPower() {
        restart()
        root.cutPower(&random)
        recount()
    }

    /// Another disk with the same bytes, cache and all, that goes on with other chances; shares nothing with this one. No process runs on it.
    package func copy(seed: UInt64) -> SimulatedDisk {
        let copy = SimulatedDisk(seed: seed, capacityBytes: capacityBytes)
        var copies: [ObjectIdentifier: Node] = [:]
        copy.root = root.copied(&copies)
        copy.lie = lie
        copy.usedBytes = usedBytes
        copy.calls = calls
        copy.syncs = syncs
        return copy
    }

    /// Time passes: everything written reaches the disk, names too.
    package func syncAll() { root.syncAll() }

    /// Flips a bit of a file at rest. False if there is no such byte.
    package func flip(_ path: String, byte: Int, bit: Int) -> Bool { inode(path)?.flip(byte: byte, bit: bit) ?? false }

    /// A file's bytes as a process would read them; nil if there is no such file. No call.
    package func contents(_ path: String) -> [UInt8]? { inode(path).map { $0.read($0.size, at: 0) } }

    /// The names in a folder, sorted; none if there is no such folder. No call.
    package func list(_ path: String) -> [String] { folder(path)?.sortedNames ?? [] }

    /// Gives a file these bytes as if somebody else had written them: unsynced where they differ, and its name too if it is new. No call.
    package func absorb(_ path: String, _ bytes: [UInt8]) {
        guard let parent = try? parent("", path) else { return }
        let inode: Inode
        if case let .file(found) = parent.folder.names[parent.name] {
            inode = found
        } else {
            inode = Inode()
            parent.folder.apply(Folder.Change(names: [(parent.name, .file(inode))]))
        }
        usedBytes += max(0, bytes.count - inode.size)
        inode.absorb(bytes, &random)
    }

    /// Sectors of all files that are written and not synced.
    package var unsyncedSectors: Int {
        var count = 0
        root.forEachFile { count += $0.unsyncedSectors }
        return count
    }

    // MARK: What the process does

    package func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any OpenFile {
        let operation = mode == .replace ? "make" : "open"
        let error = try enter(operation, path)
        let (folder, name) = try parent(operation, path)
        let inode: Inode
        switch folder.names[name] {
        case let .file(found): inode = found
        case .folder: throw DiskError(operation, path, EISDIR)
        case nil:
            guard mode == .replace else { throw DiskError(operation, path, error?.errno ?? ENOENT) }
            inode = Inode()
        }
        if mode == .replace, error == nil || isKilled && coin() {
            usedBytes -= inode.size
            inode.empty()
            if folder.names[name] == nil { folder.apply(Folder.Change(names: [(name, .file(inode))])) }
        }
        if let error { throw error }
        return SimulatedFile(self, path, inode)
    }

    package func openFolder(_ path: String) throws(DiskError) -> any OpenFolder {
        if let error = try enter("open", path) { throw error }
        guard let folder = folder(path) else { throw DiskError("open", path, inode(path) == nil ? ENOENT : ENOTDIR) }
        return SimulatedFolder(self, path, folder)
    }

    package func borrow(descriptor: Int32, path: String) -> any OpenFile {
        guard let inode = inode(path) else { unreachable("\(path): a simulated disk has no descriptors, and no such file") }
        return SimulatedFile(self, path, inode)
    }

    package func makeFolder(_ path: String) throws(DiskError) -> Bool {
        let error = try enter("make", path)
        let (folder, name) = try parent("make", path)
        guard folder.names[name] == nil else {
            if let error { throw error }
            return false
        }
        if error == nil || isKilled && coin() { folder.apply(Folder.Change(names: [(name, .folder(Folder()))])) }
        if let error { throw error }
        return true
    }

    package func removeFolder(_ path: String) throws(DiskError) {
        let error = try enter("remove", path)
        let (folder, name) = try parent("remove", path)
        guard case let .folder(found) = folder.names[name] else { return }
        guard found.names.isEmpty else { throw DiskError("remove", path, ENOTEMPTY) }
        if error == nil || isKilled && coin() { folder.apply(Folder.Change(names: [(name, nil)])) }
        if let error { throw error }
    }

    package func rename(_ old: String, to new: String) throws(DiskError) {
        let error = try enter("rename", old)
        let (folder, name) = try parent("rename", old)
        let (newFolder, newName) = try parent("rename", new)
        guard folder === newFolder, name != newName else { throw DiskError("rename", old, EXDEV) }
        guard let node = folder.names[name] else { throw DiskError("rename", old, error?.errno ?? ENOENT) }
        if error == nil || isKilled && coin() {
            if case let .file(replaced) = folder.names[newName] { usedBytes -= replaced.size }
            folder.apply(Folder.Change(names: [(name, nil), (newName, node)]))
        }
        if let error { throw error }
    }

    package func remove(_ path: String) throws(DiskError) {
        let error = try enter("remove", path)
        let (folder, name) = try parent("remove", path)
        if case let .file(inode) = folder.names[name], error == nil || isKilled && coin() {
            usedBytes -= inode.size
            folder.apply(Folder.Change(names: [(name, nil)]))
        }
        if let error { throw error }
    }

    package func exists(_ path: String) throws(DiskError) -> Bool {
        if let error = try enter("examine", path) { throw error }
        return inode(path) != nil || folder(path) != nil
    }

    package func names(in path: String) throws(DiskError) -> [String] {
        if let error = try enter("list", path) { throw error }
        guard let folder = folder(path) else { throw DiskError("list", path, ENOENT) }
        return folder.sortedNames
    }

    // MARK: Inside

    /// Counts a call. Throws if the process is dead; the error with which the call shall fail if it is the planned one.
    func enter(_ operation: String, _ path: String, isSync: Bool = false) throws(DiskError) -> DiskError? {
        if isKilled { throw DiskError(operation, path, Self.killed) }
        calls += 1
        if isSync { syncs += 1 }
        guard let plan, plan.call == calls else { return nil }
        faulted = (calls, operation, path)
        switch plan.fault {
        case let .fail(code):
            errors.append(DiskError(operation, path, code))
            return errors.last
        case .kill:
            isKilled = true
            errors.append(DiskError(operation, path, Self.killed))
            return errors.last
        }
    }

    func coin() -> Bool { random.next() & 1 == 0 }

    /// There is no room for what the process asked for.
    func outOfSpace(_ operation: String, _ path: String) -> DiskError {
        let error = DiskError(operation, path, ENOSPC)
        errors.append(error)
        return error
    }

    /// Bytes that files may still grow by. Looking at it is no call.
    package var freeBytes: Int { max(0, capacityBytes - usedBytes) }

    /// Takes space for a file that grows by so much; less if the disk is full.
    func take(_ bytes: Int) -> Int {
        let taken = max(0, min(bytes, freeBytes))
        usedBytes += taken
        return taken
    }

    private func recount() {
        usedBytes = 0
        root.forEachFile { usedBytes += $0.size }
    }

    private func inode(_ path: String) -> Inode? {
        guard let parent = try? parent("", path), case let .file(inode) = parent.folder.names[parent.name] else { return nil }
        return inode
    }

    private func parent(_ operation: String, _ path: String) throws(DiskError) -> (folder: Folder, name: String) {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), let folder = folder(String(path[..<slash])) else {
            throw DiskError(operation, path, ENOENT)
        }
        return (folder, String(path[path.utf8.index(after: slash)...]))
    }

    private func folder(_ path: String) -> Folder? {
        var way = [root]
        for part in path.utf8.split(separator: UInt8(ascii: "/")) {
            if part.elementsEqual("..".utf8) {
                if way.count > 1 { way.removeLast() }
                continue
            }
            guard case let .folder(next) = way[way.count - 1].names[String(Substring(part))] ?? .file(Inode()) else { return nil }
            way.append(next)
        }
        return way[way.count - 1]
    }
}
