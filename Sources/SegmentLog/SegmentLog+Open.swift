import Core

extension SegmentLog {
    /// Opens the log in this directory, which belongs to it alone, or makes both (not the directory's parent). Everything it returns is
    /// durable, also if it was found in the page cache only. Reads all segments: about a second for a GiB. Needs no free space unless
    /// the log is new. `disk` is another one than the system's in tests and simulations.
    package static func open(
        directory path: String, identity: LogIdentity, options: LogOptions = LogOptions(), disk: any Disk = SystemDisk.shared
    ) throws(LogError) -> (SegmentLog, RecoveredLog) {
        let directory = try LogDirectory(path, mayCreate: options.mayCreate, disk: disk)
        if try !directory.contains(StateFile.name) { try create(directory, identity, options) }
        var state = try StateFile(directory, identity)
        let recovery = try Recovery(directory, identity, state.record)
        // A directory without a name for a file, or a file without its bytes, would make a liar of whatever is answered from here on.
        try directory.sync()
        for header in recovery.segments { try settle(header, in: directory, recovery, identity) }
        if recovery.state != state.record { try state.write(recovery.state) }

        var repaired = recovery.damaged.filter(recovery.segments.contains).map { directory.path($0.name) }
        if state.wasDamaged { repaired.append(state.path) }
        let found = RecoveredLog(
            hardState: state.record.hardState, base: state.record.base, entries: recovery.entries, tornTail: recovery.tornTail,
            repaired: repaired)
        let spares = try SparePool(directory, segmentBytes: options.segmentBytes)
        let active = try directory.open(recovery.segments[recovery.segments.count - 1].name)
        let log = SegmentLog(
            options: options, identity: identity, directory: directory, state: state, active: active, recovery: recovery, spares: spares)
        try log.recycle(recovery.obsolete)
        try log.restoreReserve()
        return (log, found)
    }

    /// Makes what was found in a segment durable: its entries, a header's lost copy, the absence of what was torn.
    private static func settle(
        _ header: SegmentHeader, in directory: borrowing LogDirectory, _ recovery: Recovery, _ identity: LogIdentity
    ) throws(LogError) {
        let file = try directory.open(header.name)
        let isLast = header.generation == recovery.segments.last?.generation
        if isLast, !recovery.unproven.isEmpty {
            // After a sync that failed the page cache may hold as clean what the disk never got: a sync alone would not write it.
            try file.write(try file.read(recovery.unproven.count, at: recovery.unproven.lowerBound), at: recovery.unproven.lowerBound)
        }
        // First what is there, then the changes: a header is not written over while the other copy may sit in the page cache only.
        try file.syncData()
        var isChanged = false
        if recovery.damaged.contains(header) {
            try file.write(header.encoded(identity), at: 0)
            isChanged = true
        }
        if isLast, let torn = recovery.tornTail {
            // To the very end: an entry of this generation that stayed would follow a new one of its index.
            #if KHO_BUG_TORN_TAIL_KEPT
            // Bug: a torn tail stays on the disk behind what is appended.
            _ = torn
            #else
            try file.writeZeros(torn.offset..<header.bytes)
            #endif
            isChanged = true
        }
        if isChanged { try file.syncData() }
    }

    /// Makes an empty log. The hard state gets its name last, so that a stop in between leaves no half-made log that looks like a lost one.
    private static func create(_ directory: borrowing LogDirectory, _ identity: LogIdentity, _ options: LogOptions) throws(LogError) {
        let unfinished = StateFile.name + ".new"
        let names = try directory.names()
        let segments = names.filter { SegmentHeader.generation(ofName: $0) != nil }
        guard segments.isEmpty || names.contains(unfinished) else {
            throw .missing(path: directory.path, index: LogIndex(1), what: "there are segments, but no file \(StateFile.name)")
        }
        guard options.mayCreate else { throw .absent(path: directory.path) }
        for name in segments { try directory.remove(name) }
        try StateFile.make(directory, unfinished, identity)
        try directory.sync()
        let header = SegmentHeader(
            generation: StateRecord().highestGeneration, first: LogIndex(1), previousTerm: Term(0), bytes: options.segmentBytes, startsLog: true)
        _ = try makeSegment(directory, header, identity, spare: nil)
        try directory.rename(unfinished, to: StateFile.name)
        try directory.sync()
    }
}
