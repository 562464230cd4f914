import Core

/// The replicated log of one node on disk, with its hard state. Calls block for the disk.
///
/// What was appended is durable after `sync`, the hard state already after `append`. Any failed call leaves the log unusable: every later
/// call throws the same error, and the process must end.
///
/// `@unchecked Sendable` because it has one owner at a time, the log thread, to which it moves after it was opened.
package final class SegmentLog: @unchecked Sendable {
    /// Bytes encoded before they are written.
    static let bufferBytesMax = 1 << 20

    let options: LogOptions
    let identity: LogIdentity
    let directory: LogDirectory
    var state: StateFile
    /// The segments that count; the last one is written.
    var segments: [SegmentHeader]
    var active: DiskFile
    var seed: EntryFrame.Seed
    /// Where the next entry belongs in the last segment.
    var end: Int
    var terms = TermRuns()
    let spares: SparePool
    var reserve: Reserve
    /// Everything through this index is durable.
    var durable: LogIndex
    /// Something was written to the last segment since it was synced.
    var isDirty = false
    /// Free bytes that are not counted as such, for tests of a full disk.
    var hiddenFreeBytes = 0
    private var buffer = ByteWriter(capacity: 64 << 10)
    private var failure: LogError?

    /// The position of the last entry, synced or not; `base` if there is none.
    package private(set) var last: LogPosition

    init(
        options: LogOptions, identity: LogIdentity, directory: consuming LogDirectory, state: consuming StateFile, active: consuming DiskFile,
        recovery: Recovery, spares: SparePool
    ) {
        self.options = options
        self.identity = identity
        self.directory = directory
        self.state = state
        self.active = active
        self.spares = spares
        segments = recovery.segments
        seed = EntryFrame.Seed(identity.incarnation, generation: segments[segments.count - 1].generation)
        end = recovery.end
        last = recovery.entries.last.map { LogPosition(index: $0.index, term: $0.term) } ?? recovery.state.base
        durable = last.index
        reserve = Reserve(bytes: options.reserveBytes)
        for entry in recovery.entries { terms.append(entry.index, entry.term) }
    }

    /// The position before the first entry that is kept.
    package var base: LogPosition { state.record.base }
    package var hardState: HardState { state.record.hardState }
    /// Bytes of the segments' files; spares and the reserve not counted.
    package var bytes: Int { segments.reduce(0) { $0 + $1.bytes } }
    package var segmentCount: Int { segments.count }

    /// Space is low: proposals should be refused with a clear error while deletes, reads and elections go on. Asks the file system each
    /// time (about a microsecond).
    package var isLowOnSpace: Bool {
        guard reserve.isKept, let free = try? freeBytes() else { return true }
        return free < options.lowSpaceBytes
    }

    /// Writes. The hard state, if it is given, is durable when this returns; the entries are after the next `sync`. Entries follow the
    /// last one, or replace everything from the first one's index on, which starts a new segment. Cost: one write for each MiB, and at a
    /// segment's end four syncs.
    package func append(_ entries: [LogEntry], hardState: HardState? = nil) throws(LogError) {
        try guarding { () throws(LogError) in
            if let hardState, hardState != self.hardState {
                invariant(hardState.term >= self.hardState.term, "the term falls from \(self.hardState.term) to \(hardState.term)")
                var record = state.record
                record.hardState = hardState
                try state.write(record)
            }
            guard let first = entries.first else { return }
            invariant(
                first.index > base.index && first.index <= last.index.next,
                "entry \(first.index) does not follow a log of \(base.index) to \(last.index)")
            if first.index <= last.index { try replaceSuffix(from: first.index) }
            try write(entries)
        }
    }

    /// Makes everything appended durable: one `fdatasync`.
    package func sync() throws(LogError) {
        try guarding { () throws(LogError) in
            guard isDirty else { return }
            #if KHO_BUG_SYNC_ERROR_IGNORED
            // Bug: a sync that failed counts.
            do { try active.syncData() } catch {}
            #else
            try active.syncData()
            #endif
            isDirty = false
            durable = last.index
            // Not synced itself: it reaches the disk in its own time, and then a bad sector among the last entries is not taken for
            // a write that was cut short.
            try active.write(EntryFrame.mark(last, seed), at: end)
            if !reserve.isKept { try restoreReserve() }
        }
    }

    /// Forgets entries through this index, as far as they fill whole segments, whose files become spares. The last segment always stays.
    package func compact(through index: LogIndex) throws(LogError) {
        try guarding { () throws(LogError) in
            var keep = 0
            while keep + 1 < segments.count, segments[keep + 1].first.previous <= index { keep += 1 }
            guard keep > 0 else { return }
            // The hard state knows where the log begins before the first file goes, so that a file that is missing is noticed.
            var record = state.record
            record.base = segments[keep].base
            try state.write(record)
            let old = Array(segments[..<keep])
            segments.removeFirst(keep)
            terms.trim(below: segments[0].first)
            try recycle(old)
        }
    }

    /// Begins the log anew after this position, as after a snapshot's installation: it has no entries. The hard state stays. Durable when
    /// it returns; a power cut before leaves the log as it was.
    package func reset(to position: LogPosition) throws(LogError) {
        try guarding { () throws(LogError) in
            invariant(position.index >= base.index, "a log that begins after \(base.index) is reset to \(position.index)")
            let old = segments
            try beginSegment(after: position, startsLog: true)
            segments.removeFirst(old.count)
            last = position
            durable = position.index
            terms = TermRuns()
            try recycle(old)
        }
    }

    private func replaceSuffix(from index: LogIndex) throws(LogError) {
        let previous = index.previous == base.index ? base.term : terms.term(at: index.previous)
        guard let previous else { unreachableTerm(index.previous) }
        try beginSegment(after: LogPosition(index: index.previous, term: previous))
        last = LogPosition(index: index.previous, term: previous)
        durable = min(durable, last.index)
        terms.cut(from: index)
        try recycleReplaced()
    }

    private func write(_ entries: [LogEntry]) throws(LogError) {
        buffer.bytes.removeAll(keepingCapacity: true)
        for entry in entries {
            invariant(entry.index == last.index.next, "entry \(entry.index) does not follow \(last.index)")
            invariant(entry.term >= last.term && entry.term <= hardState.term, "entry \(entry.index) is of term \(entry.term)")
            let bytes = EntryFrame.bytes(payload: entry.payload.count)
            if !hasRoom(for: buffer.count + bytes) {
                try flush()
                if !hasRoom(for: bytes) {
                    try beginSegment(after: last, entryBytes: bytes)
                    try recycleReplaced()
                }
            }
            EntryFrame.encode(entry, durableThrough: durable, seed, into: &buffer)
            last = LogPosition(index: entry.index, term: entry.term)
            terms.append(entry.index, entry.term)
            if buffer.count >= Self.bufferBytesMax { try flush() }
        }
        try flush()
    }

    /// Whether so many bytes and a mark fit behind the last entry.
    private func hasRoom(for bytes: Int) -> Bool {
        end + bytes + EntryFrame.headerBytes <= segments[segments.count - 1].bytes
    }

    private func flush() throws(LogError) {
        guard buffer.count > 0 else { return }
        isDirty = true
        try active.write(buffer.bytes, at: end)
        end += buffer.count
        try spares.fill(directory, written: buffer.count)
        buffer.bytes.removeAll(keepingCapacity: true)
    }

    private func guarding(_ body: () throws(LogError) -> Void) throws(LogError) {
        if let failure { throw failure }
        do throws(LogError) {
            try body()
        } catch {
            failure = error
            throw error
        }
    }

    private func unreachableTerm(_ index: LogIndex) -> Never {
        unreachable("the term of entry \(index) is not known, though it is kept")
    }
}
