import Glibc

/// A file that keeps space for the hour when the disk is full: it is given up when a segment finds no room, and made again when there is
/// room enough.
struct Reserve {
    static let name = "reserve"

    let bytes: Int
    private(set) var isKept = false

    init(bytes: Int) { self.bytes = bytes }

    /// Makes the file if it is missing or short and at least `spareBytes` remain free beside it. A full disk is no error here.
    mutating func restore(_ directory: borrowing LogDirectory, freeBytes: Int, spareBytes: Int) throws(LogError) {
        guard bytes > 0 else { return isKept = true }
        if try directory.contains(Self.name) {
            isKept = try directory.open(Self.name).size() == bytes
            if isKept { return }
            try directory.remove(Self.name)
        }
        guard freeBytes >= bytes, freeBytes - bytes >= spareBytes else { return }
        let file = try directory.open(Self.name, .replace)
        do throws(LogError) {
            try file.allocate(bytes)
        } catch {
            try directory.remove(Self.name)
            if case let .file(_, _, code) = error, code == ENOSPC || code == EDQUOT || code == EFBIG { return }
            throw error
        }
        try file.syncData()
        try directory.sync()
        isKept = true
    }

    /// Gives the space up. False if it was given up before.
    mutating func release(_ directory: borrowing LogDirectory) throws(LogError) -> Bool {
        guard try directory.contains(Self.name) else { return false }
        try directory.remove(Self.name)
        try directory.sync()
        isKept = false
        return true
    }
}
