import Core

/// What the bytes of a segment hold.
struct SegmentScan {
    /// The entries from the segment's first index on, without a gap.
    private(set) var entries: [LogEntry] = []
    /// Where the next entry belongs.
    private(set) var end = SegmentHeader.dataOffset
    /// Bytes from `end` to the end of the last entry of this generation found behind it; 0 if there is none.
    private(set) var tornBytes = 0
    /// The bytes of the entries of which nothing here says that they had been synced.
    private(set) var unproven = 0..<0
    /// The highest index that a header found proves to have been synced.
    private var proven = LogIndex(0)

    /// Reads a segment that others follow: every entry below `limit` must be there, for all of them were durable when the segment that
    /// begins at `limit` was made. What stands behind them was replaced by that segment.
    static func sealed(
        _ file: [UInt8], _ header: SegmentHeader, _ seed: EntryFrame.Seed, below limit: LogIndex, path: String
    ) throws(LogError) -> SegmentScan {
        var scan = SegmentScan()
        try unsafe scan.readEntries(file.span.bytes, header, seed, below: limit, path: path)
        let next = scan.next(header)
        guard next == limit else {
            throw .corrupt(
                path: path, offset: scan.end, index: next, what: "an entry is damaged, and entries from \(limit) on follow in the next file")
        }
        return scan
    }

    /// Reads the last segment. A bad entry that anything behind it proves to have been durable is corruption; without such a proof it
    /// is what a power cut left of a write that nobody was told of.
    static func last(_ file: [UInt8], _ header: SegmentHeader, _ seed: EntryFrame.Seed, path: String) throws(LogError) -> SegmentScan {
        var scan = SegmentScan()
        let bytes = unsafe file.span.bytes
        try scan.readEntries(bytes, header, seed, below: LogIndex(.max), path: path)
        let next = scan.next(header)
        scan.searchBehind(bytes, seed)
        #if KHO_BUG_CORRUPTION_TAKEN_FOR_TORN
        // Bug: any bad entry of the last segment is taken for a write that was cut short.
        scan.proven = LogIndex(0)
        #endif
        guard scan.proven < next else {
            throw .corrupt(
                path: path, offset: scan.end, index: next,
                what: "an entry is damaged, and what stands behind it proves that entries through \(scan.proven) had been synced")
        }
        var start = SegmentHeader.dataOffset
        for entry in scan.entries {
            guard entry.index <= scan.proven else { break }
            start += EntryFrame.bytes(payload: entry.payload.count)
        }
        scan.unproven = start..<scan.end
        return scan
    }

    private func next(_ header: SegmentHeader) -> LogIndex { LogIndex(header.first.rawValue + UInt64(entries.count)) }

    private mutating func readEntries(
        _ file: borrowing RawSpan, _ header: SegmentHeader, _ seed: EntryFrame.Seed, below limit: LogIndex, path: String
    ) throws(LogError) {
        var index = header.first
        var term = header.previousTerm
        while index < limit, let frame = EntryFrame.decode(file, at: end, seed), !frame.isMark, frame.index == index,
            frame.isPayloadSound(file, at: end, seed)
        {
            guard let kind = EntryKind(rawValue: frame.kind) else {
                throw .unknownFormat(path: path, what: "log entry \(index) at byte \(end) is of kind \(frame.kind)")
            }
            guard frame.term >= term else {
                throw .corrupt(
                    path: path, offset: end, index: index, what: "its term \(frame.term) is lower than \(term), that of the entry before")
            }
            let start = end + EntryFrame.headerBytes
            let payload = file.extracting(start..<start + frame.payloadBytes)
            var entry = LogEntry(
                index: index, term: frame.term, kind: kind, time: frame.time, payload: unsafe payload.withUnsafeBytes { unsafe [UInt8]($0) })
            entry.group = frame.group
            entries.append(entry)
            proven = max(proven, frame.durableThrough)
            end += frame.bytes
            term = frame.term
            index = index.next
        }
    }

    /// Looks at every place behind `end` where a header can stand, for what headers of this generation prove to have been synced. A sound
    /// header is proof enough, whatever became of its payload. Takes a checksum of 44 bytes a place, so the cost is bounded whatever the
    /// bytes are.
    private mutating func searchBehind(_ file: borrowing RawSpan, _ seed: EntryFrame.Seed) {
        var offset = end
        while offset + EntryFrame.headerBytes <= file.byteCount {
            if let frame = EntryFrame.decode(file, at: offset, seed) {
                proven = max(proven, frame.durableThrough)
                // A mark right here is how a log ends in good order.
                if offset > end || !frame.isMark { tornBytes = offset + frame.bytes - end }
            }
            offset += EntryFrame.alignment
        }
    }
}
