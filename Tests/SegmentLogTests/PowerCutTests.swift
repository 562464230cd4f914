import Core
import Glibc
import Testing

@testable import SegmentLog

/// What a power cut leaves: everything synced, and of the rest any mixture of old and new bytes.
@Suite struct PowerCutTests {
    /// A log with synced entries and a tail of unsynced ones, as two images of the disk.
    struct Cut {
        let world = LogFixture()
        /// All entries, the unsynced ones too.
        private(set) var entries: [LogEntry] = []
        let syncedCount: Int
        let synced: Image
        let written: Image
        /// Bytes of the newest segment that differ.
        let changed: Range<Int>

        /// `recycled`: the last segment's file has held other entries before, of the same sizes.
        init(recycled: Bool, tail: [Int]) throws {
            let (log, _) = try world.open()
            try log.append([], hardState: HardState(term: Term(1)))
            try Self.append(400, fill: 1, log, &entries)
            // Two rounds: what becomes a spare in the first is a segment in the second.
            for round in 0..<(recycled ? 2 : 0) {
                try log.compact(through: log.last.index)
                try Self.append(400, fill: UInt8(10 + round), log, &entries)
            }
            entries.removeFirst(Int(log.base.index.rawValue))
            syncedCount = entries.count
            synced = try Image(world.directory)
            for bytes in tail {
                entries.append(LogFixture.entry(Int(log.last.index.rawValue) + 1, bytes: bytes, fill: UInt8(0xE0 + entries.count % 16)))
                try log.append([entries[entries.count - 1]])
            }
            written = try Image(world.directory)
            let old = synced.files[synced.newest]!, new = written.files[written.newest]!
            changed = old.indices.first { old[$0] != new[$0] }!..<old.indices.last { old[$0] != new[$0] }! + 1
        }

        private static func append(_ count: Int, fill: UInt8, _ log: SegmentLog, _ entries: inout [LogEntry]) throws {
            for _ in 0..<count / 10 {
                let batch = (1...10).map { LogFixture.entry(Int(log.last.index.rawValue) + $0, bytes: 300, fill: fill) }
                try log.append(batch)
                try log.sync()
                entries += batch
            }
        }

        /// Opens the image with these bytes in the newest segment; what comes back must be a prefix with everything synced. Then goes
        /// on with other entries, which nothing of the lost tail may follow.
        func check(_ bytes: [UInt8], _ what: String, goOn: Int = 2) throws {
            var image = written
            image.files[written.newest] = bytes
            try image.restore(world.directory)
            var kept: [LogEntry]
            do {
                let (log, found) = try world.open()
                kept = found.entries
                #expect(kept.count >= syncedCount && kept == Array(entries[..<kept.count]), "\(what): \(kept.count) of \(syncedCount)")
                for i in 0..<goOn {
                    // As large as the entries lost, so that one of those would stand right behind.
                    let size = kept.count < entries.count ? entries[kept.count].payload.count : 100 + i
                    kept.append(LogFixture.entry(Int(log.last.index.rawValue) + 1, bytes: size, fill: 0xFF))
                    try log.append([kept[kept.count - 1]])
                    if i % 2 == 0 { try log.sync() }
                }
            }
            #expect(try world.open().1.entries == kept, "\(what), reopened")
        }
    }

    @Test(arguments: [false, true]) func anyCutInTheUnsyncedTailLeavesAPrefix(recycled: Bool) throws {
        let cut = try Cut(recycled: recycled, tail: [100, 0, 700, 33, 90])
        let old = cut.synced.files[cut.synced.newest]!, new = cut.written.files[cut.written.newest]!
        #expect(cut.changed.count > 800)
        for end in stride(from: cut.changed.lowerBound, to: cut.changed.upperBound + 11, by: 11) {
            try cut.check(Array(new[..<end] + old[end...]), "cut at \(end)", goOn: end % 3)
        }
    }

    @Test func anyZeroedRangeOfTheUnsyncedTailLeavesAPrefix() throws {
        let seed = SystemRandom.uint64()
        var random = SeededRandom(seed: seed)
        let cut = try Cut(recycled: false, tail: [300, 300, 300, 300, 300])
        let new = cut.written.files[cut.written.newest]!
        for _ in 0..<60 {
            let from = Int.random(in: cut.changed, using: &random), to = Int.random(in: from..<cut.changed.upperBound, using: &random) + 1
            var bytes = new
            for i in from..<to { bytes[i] = 0 }
            try cut.check(bytes, "seed \(seed), zeros in \(from)..<\(to)", goOn: Int.random(in: 0...3, using: &random))
        }
    }

    @Test(arguments: [false, true]) func anyMixtureOfSectorsLeavesAPrefix(recycled: Bool) throws {
        let seed = SystemRandom.uint64()
        var random = SeededRandom(seed: seed)
        let cut = try Cut(recycled: recycled, tail: [300, 300, 300, 300, 300, 300, 1_500, 300, 300])
        let old = cut.synced.files[cut.synced.newest]!, new = cut.written.files[cut.written.newest]!
        for _ in 0..<80 {
            var bytes = new
            for sector in cut.changed.lowerBound / 512...(cut.changed.upperBound - 1) / 512 where random.next() % 2 == 0 {
                bytes.replaceSubrange(sector * 512..<sector * 512 + 512, with: old[sector * 512..<sector * 512 + 512])
            }
            try cut.check(bytes, "seed \(seed)", goOn: Int.random(in: 0...3, using: &random))
        }
    }

    /// What may sit in the page cache only is known, for it is written again: after a failed sync the cache calls it clean.
    @Test func whatIsNotProvenDurableIsWrittenAgain() throws {
        let world = LogFixture()
        _ = try world.filled(20)
        func unproven() throws -> Range<Int> {
            let directory = try LogDirectory(world.directory, mayCreate: false, disk: SystemDisk.shared)
            let state = try StateFile(directory, LogFixture.identity)
            return try Recovery(directory, LogFixture.identity, state.record).unproven
        }
        #expect(try unproven().isEmpty)
        do {
            let (log, _) = try world.open()
            try log.append((21...23).map { LogFixture.entry($0) })
        }
        let bytes = EntryFrame.bytes(payload: 400), end = SegmentHeader.dataOffset + 23 * bytes
        #expect(try unproven() == end - 3 * bytes..<end)
        #expect(try world.open().1.entries.count == 23)
    }

    /// Opens an image, and opens what that left once more.
    func opened(_ image: Image) throws -> (RecoveredLog, RecoveredLog) {
        let world = LogFixture()
        mkdir(world.directory, 0o750)
        try image.restore(world.directory)
        let first = try world.open().1
        return (first, try world.open().1)
    }

    @Test func aReplacedSuffixNeverComesBack() throws {
        let world = LogFixture()
        let entries = try world.filled(40)
        let before = try Image(world.directory)
        let new = (21...25).map { LogFixture.entry($0, term: 2, fill: 0xAA) }
        do {
            let (log, _) = try world.open()
            try log.append(new, hardState: HardState(term: Term(2)))
        }
        let after = try Image(world.directory)
        #expect(after.segments.count == 2)
        // Of the unsynced entries of the new segment, each number may have reached the disk.
        for whole in 0...new.count {
            var image = after
            let end = SegmentHeader.dataOffset + whole * EntryFrame.bytes(payload: 400)
            for i in end..<image.files[image.newest]!.count { image.files[image.newest]![i] = 0 }
            let (first, second) = try opened(image)
            #expect(first.entries == Array(entries[..<20]) + new[..<whole])
            #expect(second.entries == first.entries)
        }
        // The segment was made and the hard state has not heard of it.
        var image = after
        image.files[StateFile.name] = before.files[StateFile.name]
        for i in SegmentHeader.dataOffset..<image.files[image.newest]!.count { image.files[image.newest]![i] = 0 }
        let (first, second) = try opened(image)
        #expect(first.entries == Array(entries[..<20]) && second.entries == first.entries)
        // The segment has not got its name.
        image = before
        image.files["spare-0000000000000001"] = after.files[after.newest]
        #expect(try opened(image).0.entries == entries)
    }

    @Test func aResetIsDoneOrNot() throws {
        let world = LogFixture()
        let entries = try world.filled(300)
        let before = try Image(world.directory)
        do {
            let (log, _) = try world.open()
            // To a place that lies within the log: a snapshot of another history.
            try log.reset(to: LogPosition(index: LogIndex(150), term: Term(1)))
        }
        let after = try Image(world.directory)
        #expect(after.segments.count == 1)
        #expect(try opened(before).0.entries == entries)
        // The new segment is there; the old ones are too; the hard state knows, or does not.
        var image = before
        image.files[after.newest] = after.files[after.newest]
        for state in [before, after] {
            image.files[StateFile.name] = state.files[StateFile.name]
            let (first, second) = try opened(image)
            #expect(first.entries.isEmpty && first.base == LogPosition(index: LogIndex(150), term: Term(1)))
            #expect(second == first)
        }
    }

    @Test func aCompactionIsDoneOrNot() throws {
        let world = LogFixture()
        let entries = try world.filled(600)
        let before = try Image(world.directory)
        let base: LogPosition
        do {
            let (log, _) = try world.open()
            try log.compact(through: LogIndex(500))
            base = log.base
        }
        let after = try Image(world.directory)
        let gone = before.segments.filter { !after.segments.contains($0) }
        #expect(gone.count > 2)
        // Names change in any order.
        for keep in 0..<1 << gone.count {
            var image = after
            for (i, name) in gone.enumerated() where keep >> i & 1 == 1 { image.files[name] = before.files[name] }
            let (first, second) = try opened(image)
            #expect(first.base == base && first.entries == Array(entries[Int(base.index.rawValue)...]))
            #expect(second.entries == first.entries)
        }
        // The hard state does not know of it: then no file may be gone.
        var image = after
        image.files[StateFile.name] = before.files[StateFile.name]
        #expect(throws: LogError.self) { try opened(image) }
    }
}
