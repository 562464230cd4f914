import Core
import Glibc

/// Files of a segment's size, written through once, for segments to come: overwriting a written file costs half of what appending
/// to one does. They come from compacted segments; where there is none, one is filled a piece at a time while the log is written.
///
/// Owned by its log.
final class SparePool {
    /// Spares kept; further ones are removed.
    static let countMax = 2
    /// Bytes filled at a time.
    static let pieceBytes = 256 << 10
    static let freshName = "segment.new"
    static let fillingName = "spare.new"
    static let prefix = "spare-"

    let segmentBytes: Int
    private(set) var names: [String] = []
    private var nextNumber: UInt64 = 1
    private var filling: DiskFile?
    private var filledBytes = 0
    /// Bytes of log written that have not yet been matched by filling.
    private var credit = 0
    /// Filling met a full disk; tried again after a compaction.
    private var isBlocked = false

    /// Takes the spares that are there and removes what was never finished.
    init(_ directory: borrowing LogDirectory, segmentBytes: Int) throws(LogError) {
        self.segmentBytes = segmentBytes
        try directory.remove(Self.freshName)
        try directory.remove(Self.fillingName)
        for name in try directory.names() where name.utf8.starts(with: Self.prefix.utf8) {
            nextNumber = max(nextNumber, (UInt64(name.dropFirst(Self.prefix.utf8.count), radix: 16) ?? 0) + 1)
            let size = try directory.open(name).size()
            if size == segmentBytes && names.count < Self.countMax { names.append(name) } else { try directory.remove(name) }
        }
    }

    /// A file of at least so many bytes, by its name; nil if there is no spare of that size. It is the caller's now.
    func take(_ directory: borrowing LogDirectory, bytes: Int) throws(LogError) -> String? {
        guard bytes == segmentBytes else { return nil }
        return names.popLast()
    }

    /// Keeps a file that no longer counts as spare, or removes it. The caller syncs the directory.
    func give(_ directory: borrowing LogDirectory, name: String, bytes: Int) throws(LogError) {
        isBlocked = false
        guard bytes == segmentBytes, names.count < Self.countMax else { return try directory.remove(name) }
        let spare = nextName()
        try directory.rename(name, to: spare)
        names.append(spare)
    }

    /// Fills a spare in proportion to what was written to the log, so that it is ready well before the segment is full.
    func fill(_ directory: borrowing LogDirectory, written: Int) throws(LogError) {
        guard names.isEmpty, !isBlocked else { return }
        credit += written
        while credit >= Self.pieceBytes / 2, names.isEmpty, !isBlocked {
            credit -= Self.pieceBytes / 2
            do throws(LogError) {
                try fillPiece(directory)
            } catch {
                guard case .file("write", _, let code) = error, code == ENOSPC || code == EDQUOT else { throw error }
                // Nothing was promised about this file. The segment that needs it will say whether the disk is full.
                filling = nil
                try directory.remove(Self.fillingName)
                isBlocked = true
            }
        }
    }

    private func fillPiece(_ directory: borrowing LogDirectory) throws(LogError) {
        if filling == nil {
            filling = try directory.open(Self.fillingName, .replace)
            filledBytes = 0
        }
        let end = min(segmentBytes, filledBytes + Self.pieceBytes)
        try filling?.writeZeros(filledBytes..<end)
        try filling?.syncData()
        filledBytes = end
        guard end == segmentBytes else { return }
        filling = nil
        let spare = nextName()
        try directory.rename(Self.fillingName, to: spare)
        names.append(spare)
        credit = 0
    }

    private func nextName() -> String {
        defer { nextNumber += 1 }
        return Self.prefix + Hex.encode(nextNumber)
    }
}
