import Core
@testable import SegmentLog

/// What the log finds in its segments after a crash. The checksums are made right where headers may stand, or chance would never get past them.
let logTargets = [
    FuzzTarget(
        name: "log-segment",
        run: { bytes in
            try scan(bytes)
            try scan(restamped(bytes))
        }, seeds: { [[], segmentBody(0), segmentBody(3), segmentBody(3) + [UInt8](repeating: 7, count: 100)] }),
    FuzzTarget(
        name: "log-header",
        run: { bytes in
            let page = bytes + [UInt8](repeating: 0, count: max(0, 2 * Block.bytes - bytes.count))
            _ = try? SegmentHeader.decode(page, identity, path: "segment")
            // The first copy as it is, with its checksum made right behind the 36 bytes of its body.
            guard bytes.count >= 76 else { return }
            var out = ByteWriter()
            out.write(raw: Array(bytes[..<76]))
            out.write(CRC32C.of(out.bytes))
            let copy = out.bytes + [UInt8](repeating: 0, count: Block.bytes - out.count)
            guard let (header, _) = try? SegmentHeader.decode(copy + copy, identity, path: "segment") else { return }
            guard header.encoded(identity) == copy + copy else { throw FuzzFinding(what: "a header written again is another") }
        }, seeds: { [Array(header.encoded(identity)[..<80])] }),
]

private let identity = LogIdentity(cluster: ClusterID(high: 1, low: 2), node: NodeID(3), incarnation: Incarnation(4))
private let header = SegmentHeader(generation: 2, first: LogIndex(5), previousTerm: Term(1), bytes: 1 << 16, startsLog: true)
private let seed = EntryFrame.Seed(identity.incarnation, generation: header.generation)

private func scan(_ bytes: [UInt8]) throws {
    let file = [UInt8](repeating: 0, count: SegmentHeader.dataOffset) + bytes
    if let found = try? SegmentScan.last(file, header, seed, path: "segment") {
        try check(found, file)
        // As a sealed segment it has the same entries.
        let next = LogIndex(header.first.rawValue + UInt64(found.entries.count))
        guard let sealed = try? SegmentScan.sealed(file, header, seed, below: next, path: "segment"), sealed.entries == found.entries else {
            throw FuzzFinding(what: "a last segment has other entries than the same one sealed")
        }
    }
}

private func check(_ found: SegmentScan, _ file: [UInt8]) throws {
    var index = header.first
    for entry in found.entries {
        guard entry.index == index else { throw FuzzFinding(what: "a gap before entry \(entry.index)") }
        index = index.next
    }
    guard found.entries.reduce(0, { $0 + $1.payload.count }) <= file.count else { throw FuzzFinding(what: "entries of more bytes than the file has") }
}

/// The bytes with the checksums that their headers would have, walking from entry to entry, and after a header that is none to the next place.
private func restamped(_ bytes: [UInt8]) -> [UInt8] {
    var out = bytes
    var offset = 0
    while offset + EntryFrame.headerBytes <= out.count {
        // Lengths of two bytes are enough.
        out[offset + 8] = 0
        out[offset + 9] = 0
        let payload = Int(out[offset + 10]) << 8 | Int(out[offset + 11])
        let end = offset + EntryFrame.headerBytes + payload
        guard end <= out.count else {
            offset += EntryFrame.alignment
            continue
        }
        put(seed.checksum(out.span.bytes.extracting(offset + EntryFrame.headerBytes..<end)), at: offset + 4, in: &out)
        put(seed.checksum(out.span.bytes.extracting(offset + 4..<offset + EntryFrame.headerBytes)), at: offset, in: &out)
        offset += EntryFrame.bytes(payload: payload)
    }
    return out
}

private func put(_ number: UInt32, at offset: Int, in bytes: inout [UInt8]) {
    for place in 0..<4 { bytes[offset + place] = UInt8(truncatingIfNeeded: number >> UInt32(24 - 8 * place)) }
}

private func segmentBody(_ entries: UInt64) -> [UInt8] {
    var out = ByteWriter()
    for number in 0..<entries {
        let entry = LogEntry(
            index: LogIndex(header.first.rawValue + number), term: Term(1 + number), kind: .command, time: LogTime(milliseconds: 7),
            payload: [UInt8](repeating: 1, count: Int(number) * 9))
        EntryFrame.encode(entry, durableThrough: LogIndex(header.first.rawValue + number / 2), seed, into: &out)
    }
    return out.bytes + EntryFrame.mark(LogPosition(index: LogIndex(header.first.rawValue + max(1, entries) - 1), term: Term(max(1, entries))), seed)
}
