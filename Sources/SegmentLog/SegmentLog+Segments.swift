import Core
import Glibc

extension SegmentLog {
    /// Starts a segment whose first entry follows `position`. What was written before is synced first, for the new header claims it.
    func beginSegment(after position: LogPosition, entryBytes: Int = 0, startsLog: Bool = false) throws(LogError) {
        if isDirty {
            try active.syncData()
            isDirty = false
            durable = last.index
        }
        let least = SegmentHeader.dataOffset + entryBytes + EntryFrame.headerBytes
        let header = SegmentHeader(
            generation: state.record.highestGeneration + 1, first: position.index.next, previousTerm: position.term,
            bytes: max(options.segmentBytes, Block.roundedUp(least)), startsLog: startsLog)
        active = try makeSegment(header)
        segments.append(header)
        end = SegmentHeader.dataOffset
        seed = EntryFrame.Seed(identity.incarnation, generation: header.generation)
        // Before the first entry: a newest segment that is missing later is noticed by its generation.
        var record = state.record
        record.highestGeneration = header.generation
        if startsLog { record.base = position }
        try state.write(record)
    }

    private func makeSegment(_ header: SegmentHeader) throws(LogError) -> DiskFile {
        if let spare = try spares.take(directory, bytes: header.bytes) {
            return try Self.makeSegment(directory, header, identity, spare: spare)
        }
        if try freeBytes() < header.bytes { _ = try reserve.release(directory) }
        do throws(LogError) {
            return try Self.makeSegment(directory, header, identity, spare: nil)
        } catch {
            guard case let .file("write", _, code) = error, code == ENOSPC || code == EDQUOT, try reserve.release(directory) else {
                throw error
            }
        }
        return try Self.makeSegment(directory, header, identity, spare: nil)
    }

    /// Makes a segment's file, of a spare or a new one, durable with its name.
    static func makeSegment(
        _ directory: borrowing LogDirectory, _ header: SegmentHeader, _ identity: LogIdentity, spare: String?
    ) throws(LogError) -> DiskFile {
        let name = spare ?? SparePool.freshName
        try writeHeader(header, identity, try directory.open(name, spare == nil ? .replace : .readWrite), isNew: spare == nil)
        // Only a file whose both headers are durable gets a segment's name.
        try directory.rename(name, to: header.name)
        #if !KHO_BUG_FOLDER_NOT_SYNCED
        // Without it a segment is written while its name may be lost.
        try directory.sync()
        #endif
        return try directory.open(header.name)
    }

    private static func writeHeader(
        _ header: SegmentHeader, _ identity: LogIdentity, _ file: consuming DiskFile, isNew: Bool
    ) throws(LogError) {
        try file.write(header.encoded(identity), at: 0)
        if isNew { try file.writeZeros(SegmentHeader.dataOffset..<header.bytes) }
        try file.syncData()
    }

    /// Gives up the segments that the last one replaces as a whole: those of a conflicting suffix, or one that is empty still.
    func recycleReplaced() throws(LogError) {
        let first = segments[segments.count - 1].first
        let old = segments.dropLast().filter { $0.first >= first }
        guard !old.isEmpty else { return }
        segments.removeAll { header in old.contains(header) }
        try recycle(old)
    }

    /// Gives up files that no longer count. Durable when it returns: a spare must not be written while it may still come back under a
    /// segment's name.
    func recycle(_ old: [SegmentHeader]) throws(LogError) {
        guard !old.isEmpty else { return }
        for header in old { try spares.give(directory, name: header.name, bytes: header.bytes) }
        try directory.sync()
        if !reserve.isKept { try restoreReserve() }
    }

    func restoreReserve() throws(LogError) {
        try reserve.restore(directory, freeBytes: try freeBytes(), spareBytes: options.lowSpaceBytes)
    }

    func freeBytes() throws(LogError) -> Int { max(0, try directory.freeBytes() - hiddenFreeBytes) }
}
