import Core
import Glibc
import SimulatedDisk

/// A real folder with a simulated disk as its shadow: each call is made on both, so that the real files are what the process sees and the
/// shadow knows what a power cut may leave of them. LMDB writes its file past both; `look` takes those bytes over as unsynced.
/// Nothing is synced in truth: what a sync is worth is the shadow's business.
///
/// `@unchecked Sendable` because one thread at a time uses it.
final class RecordingDisk: Disk, @unchecked Sendable {
    /// The real folder that stands for the shadow's root.
    let root: String
    let shadow: SimulatedDisk
    private let real = SystemDisk.shared
    /// Files that are written past this disk.
    private var borrowed: [String] = []

    init(root: String, shadow: SimulatedDisk) {
        self.root = root
        self.shadow = shadow
    }

    /// Takes over what was written past this disk; as a call, so that there are points between the others.
    func look() {
        absorb()
        _ = try? shadow.exists("/")
    }

    func absorb() {
        guard !shadow.isKilled else { return }
        for path in borrowed {
            guard let file = try? real.open(root + path, .read), let size = try? file.size(), let bytes = try? file.read(size, at: 0) else { continue }
            shadow.absorb(path, bytes)
        }
    }

    private func inside(_ path: String) -> String { String(path.dropFirst(root.count)) }

    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any OpenFile {
        absorb()
        let file = try shadow.open(inside(path), mode)
        return RecordingFile(self, try real.open(path, mode), file)
    }

    func openFolder(_ path: String) throws(DiskError) -> any OpenFolder { try shadow.openFolder(inside(path)) }

    func borrow(descriptor: Int32, path: String) -> any OpenFile {
        if !borrowed.contains(inside(path)) { borrowed.append(inside(path)) }
        absorb()
        return RecordingFile(self, real.borrow(descriptor: descriptor, path: path), shadow.borrow(descriptor: -1, path: inside(path)))
    }

    func makeFolder(_ path: String) throws(DiskError) -> Bool {
        let isNew = try shadow.makeFolder(inside(path))
        _ = try real.makeFolder(path)
        return isNew
    }

    func removeFolder(_ path: String) throws(DiskError) {
        try shadow.removeFolder(inside(path))
        try real.removeFolder(path)
    }

    func rename(_ old: String, to new: String) throws(DiskError) {
        try shadow.rename(inside(old), to: inside(new))
        try real.rename(old, to: new)
    }

    func remove(_ path: String) throws(DiskError) {
        borrowed.removeAll { $0.utf8.elementsEqual(inside(path).utf8) }
        try shadow.remove(inside(path))
        try real.remove(path)
    }

    func exists(_ path: String) throws(DiskError) -> Bool {
        _ = try shadow.exists(inside(path))
        return try real.exists(path)
    }

    func names(in folder: String) throws(DiskError) -> [String] {
        _ = try shadow.names(in: inside(folder))
        return try real.names(in: folder)
    }
}

/// The same for one file.
private final class RecordingFile: OpenFile {
    private let disk: RecordingDisk
    private let real: any OpenFile
    private let shadow: any OpenFile
    var path: String { real.path }

    init(_ disk: RecordingDisk, _ real: any OpenFile, _ shadow: any OpenFile) {
        self.disk = disk
        self.real = real
        self.shadow = shadow
    }

    func size() throws(DiskError) -> Int {
        _ = try shadow.size()
        return try real.size()
    }

    func read(_ count: Int, at offset: Int) throws(DiskError) -> [UInt8] {
        _ = try shadow.read(0, at: offset)
        return try real.read(count, at: offset)
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(DiskError) {
        try shadow.write(bytes, at: offset)
        try real.write(bytes, at: offset)
    }

    func allocate(_ bytes: Int) throws(DiskError) {
        try shadow.allocate(bytes)
        try real.allocate(bytes)
    }

    func syncData() throws(DiskError) {
        disk.absorb()
        try shadow.syncData()
    }
}
