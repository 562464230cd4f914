import Core
import Glibc
import Testing

@testable import SegmentLog

/// Damage to what was synced: refused, never answered with other entries.
@Suite struct DamageTests {
    /// A log of several segments and its image.
    func image(_ count: Int = 330) throws -> (LogFixture, [LogEntry], Image) {
        let world = LogFixture()
        let entries = try world.filled(count, batch: 10)
        return (world, entries, try Image(world.directory))
    }

    /// Where the entries of a segment end.
    func end(_ bytes: [UInt8], generation: UInt64) -> Int {
        let seed = EntryFrame.Seed(LogFixture.identity.incarnation, generation: generation)
        var end = SegmentHeader.dataOffset
        while let frame = EntryFrame.decode(bytes.span.bytes, at: end, seed), !frame.isMark { end += frame.bytes }
        return end
    }

    @Test func aFlippedBitIsNoticedOrHarmless() throws {
        let seed = SystemRandom.uint64()
        var random = SeededRandom(seed: seed)
        let (world, entries, image) = try image()
        #expect(image.segments.count > 2)
        var refused = 0
        for _ in 0..<160 {
            var damaged = image
            let name = image.segments.randomElement(using: &random)!
            let end = end(image.files[name]!, generation: SegmentHeader.generation(ofName: name)!)
            let place = Int.random(in: 0..<end, using: &random)
            damaged.files[name]![place] ^= 1 << UInt8.random(in: 0...7, using: &random)
            try damaged.restore(world.directory)
            do throws(LogError) {
                let found = try world.open().1
                // Padding, an unused part of a header page, or one of a header's two copies.
                #expect(found.entries == entries, "seed \(seed): byte \(place) of \(name)")
                #expect(place < SegmentHeader.dataOffset || (place - SegmentHeader.dataOffset) % 448 == 0 || found.tornTail == nil)
            } catch {
                refused += 1
                guard case let .corrupt(path, offset, index, _) = error else {
                    Issue.record("seed \(seed): byte \(place) of \(name): \(error)")
                    continue
                }
                #expect(path == world.directory + "/" + name && offset <= place && place < offset + 448 && index.rawValue > 0, "seed \(seed)")
            }
        }
        #expect(refused > 80)
    }

    /// Without the mark that follows a sync, only the entries of that last sync may be taken for torn.
    @Test func withoutTheMarkOnlyTheLastSyncIsInDoubt() throws {
        var (world, entries, image) = try image()
        let name = image.newest
        let end = end(image.files[name]!, generation: SegmentHeader.generation(ofName: name)!)
        for i in end..<end + EntryFrame.headerBytes { image.files[name]![i] = 0 }
        try image.restore(world.directory)
        #expect(try world.open().1.entries == entries)
        for back in 1...25 {
            var damaged = image
            damaged.files[name]![end - back * EntryFrame.bytes(payload: 400) + 60] ^= 1
            try damaged.restore(world.directory)
            if back > 10 {
                guard case .corrupt(_, _, LogIndex(UInt64(entries.count + 1 - back)), _) = world.refusal() else {
                    Issue.record("entry \(back) from the end: \(String(describing: world.refusal()))")
                    continue
                }
            } else {
                #expect(try world.open().1.entries == Array(entries.dropLast(back)))
            }
        }
    }

    @Test func oneBadHeaderCopyIsWrittenAnewAndTwoAreRefused() throws {
        let (world, entries, image) = try image()
        for name in image.segments {
            for copy in 0..<2 {
                var damaged = image
                damaged.files[name]![copy * Block.bytes + 45] ^= 4
                try damaged.restore(world.directory)
                let found = try world.open().1
                #expect(found.entries == entries && found.repaired == [world.directory + "/" + name])
                #expect(try Image(world.directory).files[name] == image.files[name])
            }
            var damaged = image
            damaged.files[name]![45] ^= 4
            damaged.files[name]![Block.bytes + 60] ^= 4
            try damaged.restore(world.directory)
            guard case .corrupt(world.directory + "/" + name, 0, _, _) = world.refusal() else {
                Issue.record("both headers of \(name) are bad: \(String(describing: world.refusal()))")
                continue
            }
        }
    }

    @Test func aMissingSegmentIsNoticed() throws {
        let (world, _, image) = try image()
        for name in image.segments {
            var damaged = image
            damaged.files[name] = nil
            try damaged.restore(world.directory)
            guard case .missing = world.refusal() else {
                Issue.record("\(name) is missing: \(String(describing: world.refusal()))")
                continue
            }
        }
        var damaged = image
        damaged.files[StateFile.name] = nil
        try damaged.restore(world.directory)
        #expect(world.refusal() == .missing(path: world.directory, index: LogIndex(1), what: "there are segments, but no file hard-state"))
        damaged = image
        for name in image.segments { damaged.files[name] = nil }
        try damaged.restore(world.directory)
        guard case .missing = world.refusal() else { return #expect(Bool(false), "an empty log in place of a lost one") }
    }

    @Test func aTruncatedOrRenamedSegmentIsNoticed() throws {
        let (world, _, image) = try image()
        for count in [0, 100, Block.bytes + 1, 60_000] {
            var damaged = image
            damaged.files[image.newest] = Array(image.files[image.newest]![..<count])
            try damaged.restore(world.directory)
            guard case .corrupt = world.refusal() else { return #expect(Bool(false), "\(count) bytes of a segment") }
        }
        var damaged = image
        damaged.files[SegmentHeader.name(99)] = image.files[image.newest]
        try damaged.restore(world.directory)
        guard case .corrupt = world.refusal() else { return #expect(Bool(false), "a segment under another name") }
    }

    @Test func anotherOnesFilesAreRefused() throws {
        let (world, _, image) = try image(20)
        for identity in [
            LogIdentity(cluster: ClusterID(high: 9, low: 2), node: NodeID(3), incarnation: LogFixture.identity.incarnation),
            LogIdentity(cluster: LogFixture.identity.cluster, node: NodeID(4), incarnation: LogFixture.identity.incarnation),
            LogIdentity(cluster: LogFixture.identity.cluster, node: NodeID(3), incarnation: Incarnation(1)),
        ] {
            #expect(world.refusal(identity) == .foreign(path: world.directory + "/hard-state", what: LogFixture.identity.description))
            // The same for a segment alone.
            let other = LogFixture()
            _ = try other.open(identity)
            var mixed = try Image(other.directory)
            mixed.files[SegmentHeader.name(2)] = image.files[image.newest]
            try mixed.restore(other.directory)
            #expect(other.refusal(identity) == .foreign(path: other.directory + "/" + SegmentHeader.name(2), what: LogFixture.identity.description))
        }
    }

    @Test func anotherFormatIsNotTakenForDamage() throws {
        var (world, _, image) = try image(20)
        for offset in [11, Block.bytes + 11] { image.files[image.newest]![offset] = 2 }
        try image.restore(world.directory)
        guard case .unknownFormat = world.refusal() else { return #expect(Bool(false), "\(String(describing: world.refusal()))") }
    }

    @Test func aLogMayBeRequiredToExist() throws {
        let world = LogFixture()
        world.options.mayCreate = false
        #expect(world.refusal() == .absent(path: world.directory))
        mkdir(world.directory, 0o750)
        #expect(world.refusal() == .absent(path: world.directory))
        #expect(Image.names(world.directory).isEmpty)
    }

    @Test func aLogHalfMadeIsMadeAgain() throws {
        let world = LogFixture()
        _ = try world.open()
        var image = try Image(world.directory)
        image.files["hard-state.new"] = image.files[StateFile.name]
        image.files[StateFile.name] = nil
        try image.restore(world.directory)
        #expect(try world.open().1.entries.isEmpty)
        image.files[image.newest] = nil
        try image.restore(world.directory)
        #expect(try world.open().1.base == .zero)
    }
}
