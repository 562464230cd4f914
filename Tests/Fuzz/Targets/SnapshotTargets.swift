import Core
import Cryptography
@testable import Store

/// The chunks of a snapshot, received into a store's folder. It takes them and shows what they say, then and after a restart, or it refuses them as
/// a bad snapshot and stays as it was.
let snapshotTargets = [
    FuzzTarget(
        name: "snapshot-chunks",
        run: { bytes in
            let sent = SentSnapshot(bytes)
            try SnapshotReception.shared.withLock { try $0.run(sent) }
        }, seeds: snapshotSeeds)
]

/// A snapshot as the fuzzer's bytes say it: how the header differs from what is in it, then chunks without their heads, each behind its length u16.
///
/// Chance finds no checksum and no digest, so each chunk gets the right checksum, and what states a dataset's figures gets the right ones unless
/// the first byte forbids it.
struct SentSnapshot {
    typealias Item = (database: Int, key: [UInt8], value: [UInt8])

    private(set) var header: SnapshotHeader
    private(set) var chunks: [[UInt8]] = []
    /// What is in the chunks up to the first one that is none, by database.
    private(set) var items: [[Item]] = [[], [], [], []]
    /// Whether the header is not that of what is in the chunks.
    let isHeaderFalse: Bool

    static let keepsFigures: UInt8 = 0x10

    init(_ bytes: [UInt8]) {
        let first = bytes.first ?? 0
        var bodies: [[UInt8]] = []
        var rest = bytes.dropFirst()
        while rest.count > 2 {
            let length = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
            bodies.append(Array(rest.dropFirst(2).prefix(length)))
            rest = rest.dropFirst(2 + length)
        }
        var parsed = bodies.map { Self.items(of: $0) }
        if first & Self.keepsFigures == 0 { Self.correctFigures(in: &parsed) }
        for item in parsed.prefix(while: { $0 != nil }).flatMap({ $0 ?? [] }) { items[item.database].append(item) }
        for (number, (body, parsed)) in zip(bodies, parsed).enumerated() {
            chunks.append(Self.chunk(UInt32(number), parsed.map { Self.body(of: $0) } ?? body))
        }
        header = Self.header(of: items)
        let honest = header
        switch first & 7 {
        case 1: header.applied.index = LogIndex(header.applied.index.rawValue ^ 1)
        case 2: header.applied.term = Term(header.applied.term.rawValue ^ 1)
        case 3: header.time = LogTime(milliseconds: header.time.milliseconds ^ 1)
        case 4: header.membershipIndex = LogIndex(header.membershipIndex.rawValue ^ 1)
        case 5: header.membership = Membership(members: [], voters: [NodeID(7)])
        case 6: header.entries ^= 1
        default: break
        }
        isHeaderFalse = header != honest
    }

    static func chunk(_ number: UInt32, _ body: [UInt8]) -> [UInt8] {
        let rest = written {
            $0.write(number)
            $0.write(raw: body)
        }
        return written {
            $0.write(CRC32C.of(rest))
            $0.write(raw: rest)
        }
    }

    static func body(of items: [Item]) -> [UInt8] {
        written {
            for item in items {
                $0.write(UInt8(item.database))
                $0.write16(item.key)
                $0.write32(item.value)
            }
        }
    }

    static func items(of body: [UInt8]) -> [Item]? {
        try? body.reading { reader throws(DecodingError) in
            var items: [Item] = []
            while !reader.isAtEnd {
                let database = Int(try reader.readUInt8())
                guard database < 4 else { throw DecodingError.invalid(at: 0, "unknown database") }
                items.append((database, try reader.copiedBytes16(), try reader.copiedBytes32()))
            }
            return items
        }
    }

    private static func header(of items: [[Item]]) -> SnapshotHeader {
        func meta(_ key: [UInt8]) -> [UInt8]? { items[0].first { $0.key == key }?.value }
        let state = meta(AppliedState.key).flatMap { try? AppliedState(decoding: $0.span.bytes) } ?? AppliedState()
        return SnapshotHeader(
            cluster: SnapshotReception.cluster, applied: state.position, time: state.time,
            membership: meta(AppliedState.membershipKey).flatMap { try? Membership(decoding: $0) } ?? .empty, membershipIndex: state.membershipIndex,
            entries: UInt64(items.reduce(0) { $0 + $1.count }))
    }

    private static func correctFigures(in chunks: inout [[Item]?]) {
        var figures: [[UInt8]: DatasetFigures] = [:]
        let hash = SHA256()
        for item in chunks.joined(by: 3) {
            let key = DatasetFigures.key(DatasetID(item.key.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }))
            hash.update(item.key)
            hash.update(item.value)
            figures[key, default: DatasetFigures()].records += 1
            figures[key, default: DatasetFigures()].digest = figures[key, default: DatasetFigures()].digest &+ hash.finish()
        }
        for chunk in chunks.indices {
            for item in (chunks[chunk] ?? []).indices {
                guard let found = chunks[chunk]?[item], found.database == 0, found.key.starts(with: DatasetFigures.prefix) else { continue }
                chunks[chunk]?[item].value = figures[found.key, default: DatasetFigures()].encoded()
            }
        }
    }
}

extension [[SentSnapshot.Item]?] {
    /// The items of one database.
    fileprivate func joined(by database: Int) -> [SentSnapshot.Item] { flatMap { ($0 ?? []).filter { $0.database == database } } }
}
