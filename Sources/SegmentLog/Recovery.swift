import Core

/// What the segments of a directory hold, and which of them still count.
///
/// The generation orders them. A segment of a higher generation that begins at index *i* replaces everything from *i* on in those of lower
/// ones: at the end of a full segment nothing, after a conflict with the leader the conflicting suffix.
struct Recovery {
    /// The segments that count, in the order of their entries. Never empty.
    private(set) var segments: [SegmentHeader] = []
    /// Segments that no longer count: replaced, void or compacted.
    private(set) var obsolete: [SegmentHeader] = []
    private(set) var entries: [LogEntry] = []
    /// The last segment's.
    private(set) var end = SegmentHeader.dataOffset
    private(set) var tornTail: TornTail?
    /// The bytes of the last segment's entries of which nothing says that they had been synced.
    private(set) var unproven = 0..<0
    /// Segments of which one copy of the header is damaged.
    private(set) var damaged: [SegmentHeader] = []
    /// With the highest generation found, and the base that a reset cut short had begun.
    private(set) var state: StateRecord

    /// Reads all of it; changes nothing.
    init(_ directory: borrowing LogDirectory, _ identity: LogIdentity, _ state: StateRecord) throws(LogError) {
        self.state = state
        try select(try readHeaders(directory, identity), directory)
        try readEntries(directory, identity)
        if let last = entries.last, last.term > state.hardState.term {
            throw .corrupt(
                path: directory.path(StateFile.name), offset: 0, index: LogIndex(0),
                what: "it knows term \(state.hardState.term), but entry \(last.index) is of term \(last.term): its last record is lost")
        }
    }

    private mutating func readHeaders(_ directory: borrowing LogDirectory, _ identity: LogIdentity) throws(LogError) -> [SegmentHeader] {
        var headers: [SegmentHeader] = []
        for name in try directory.names() {
            guard let generation = SegmentHeader.generation(ofName: name) else { continue }
            let file = try directory.open(name)
            let (header, isDamaged) = try SegmentHeader.decode(try file.read(SegmentHeader.dataOffset), identity, path: file.path)
            guard header.generation == generation else {
                throw .corrupt(path: file.path, offset: 0, index: LogIndex(0), what: "its header is that of \(header.name)")
            }
            let size = try file.size()
            guard size == header.bytes else {
                throw .corrupt(
                    path: file.path, offset: min(size, header.bytes), index: LogIndex(0), what: "it has \(size) bytes of \(header.bytes)")
            }
            headers.append(header)
            if isDamaged { damaged.append(header) }
        }
        return headers.sorted { $0.generation < $1.generation }
    }

    /// Decides which segments count and whether none is missing. `headers` by generation, ascending.
    private mutating func select(_ headers: [SegmentHeader], _ directory: borrowing LogDirectory) throws(LogError) {
        guard let newest = headers.last, newest.generation >= state.highestGeneration else {
            let name = SegmentHeader.name(state.highestGeneration)
            throw .missing(path: directory.path, index: headers.last?.first ?? state.base.index.next, what: "\(name) is not there")
        }
        let start = headers.lastIndex { $0.startsLog } ?? 0
        obsolete = Array(headers[..<start])
        // From the newest down: a segment that does not begin below all newer ones was replaced as a whole.
        var live: [SegmentHeader] = []
        for header in headers[start...].reversed() {
            if let next = live.last, header.first >= next.first { obsolete.append(header) } else { live.append(header) }
        }
        live.reverse()
        while live.count > 1, live[1].first.previous <= state.base.index { obsolete.append(live.removeFirst()) }
        // A reset was cut short before the hard state heard of it.
        if live[0].startsLog, live[0].generation > state.highestGeneration { state.base = live[0].base }
        guard live[0].base == state.base else {
            throw .missing(
                path: directory.path, index: state.base.index.next,
                what: "the log begins after \(state.base.index) of term \(state.base.term), but \(live[0].name) begins after "
                    + "\(live[0].base.index) of term \(live[0].base.term)")
        }
        segments = live
    }

    private mutating func readEntries(_ directory: borrowing LogDirectory, _ identity: LogIdentity) throws(LogError) {
        var before = state.base
        for (position, header) in segments.enumerated() {
            let path = directory.path(header.name)
            let seed = EntryFrame.Seed(identity.incarnation, generation: header.generation)
            let file = try directory.open(header.name)
            let bytes = try file.read(header.bytes)
            guard header.base == before else {
                throw .corrupt(
                    path: path, offset: 0, index: header.first,
                    what: "it follows term \(header.previousTerm), but the entry before it is of term \(before.term)")
            }
            let scan: SegmentScan
            if position + 1 < segments.count {
                scan = try Self.readSealed(bytes, header, seed, below: segments[position + 1], directory)
            } else {
                scan = try SegmentScan.last(bytes, header, seed, path: path)
                end = scan.end
                unproven = scan.unproven
                if scan.tornBytes > 0 { tornTail = TornTail(path: path, offset: scan.end, bytes: scan.tornBytes) }
                try checkGeneration(header, scan, directory)
            }
            entries += scan.entries
            if let last = scan.entries.last { before = LogPosition(index: last.index, term: last.term) }
        }
    }

    /// Tells a damaged entry from a file that is missing between two.
    private static func readSealed(
        _ bytes: [UInt8], _ header: SegmentHeader, _ seed: EntryFrame.Seed, below next: SegmentHeader,
        _ directory: borrowing LogDirectory
    ) throws(LogError) -> SegmentScan {
        // The generations between the two may be those of segments replaced since: only what the entries say decides.
        let path = directory.path(header.name)
        do throws(LogError) {
            return try SegmentScan.sealed(bytes, header, seed, below: next.first, path: path)
        } catch {
            guard next.generation > header.generation + 1, case let .corrupt(_, offset, index, _) = error else { throw error }
            throw .missing(
                path: directory.path, index: index,
                what: "\(header.name) ends before \(index) (byte \(offset)), \(next.name) begins at \(next.first); a file between "
                    + "them is gone or the entry is damaged")
        }
    }

    /// A segment gets entries only after the hard state has heard of its generation.
    private mutating func checkGeneration(_ header: SegmentHeader, _ scan: SegmentScan, _ directory: borrowing LogDirectory) throws(LogError) {
        guard header.generation > state.highestGeneration else { return }
        guard scan.entries.isEmpty, scan.tornBytes == 0, header.generation == state.highestGeneration + 1 else {
            throw .corrupt(
                path: directory.path(StateFile.name), offset: 0, index: LogIndex(0),
                what: "it knows generation \(state.highestGeneration), but \(header.name) is in use: its last record is lost")
        }
        state.highestGeneration = header.generation
    }
}
