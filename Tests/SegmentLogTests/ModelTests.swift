import Core
import Glibc
import Testing

@testable import SegmentLog

/// Random histories, compared with a plain array.
@Suite struct ModelTests {
    struct Model {
        var base = LogPosition.zero
        var entries: [LogEntry] = []
        var hardState = HardState()

        var last: LogPosition { entries.last.map { LogPosition(index: $0.index, term: $0.term) } ?? base }
    }

    @Test(arguments: 0..<12) func aLogIsWhatWasAppended(run: Int) throws {
        let seed = SystemRandom.uint64()
        var random = SeededRandom(seed: seed)
        let world = LogFixture()
        var model = Model()
        var held: SegmentLog? = try world.open().0
        for step in 0..<150 {
            if Int.random(in: 0..<8, using: &random) == 0 {
                let before = (held!.bytes, held!.segmentCount)
                // A stop without a sync: the page cache holds everything.
                held = nil
                let (log, found) = try world.open()
                #expect(found.base == model.base, "seed \(seed) step \(step)")
                #expect(found.hardState == model.hardState, "seed \(seed) step \(step)")
                #expect(found.entries == model.entries, "seed \(seed) step \(step)")
                #expect(found.tornTail == nil && found.repaired.isEmpty, "seed \(seed) step \(step)")
                #expect(before == (log.bytes, log.segmentCount), "seed \(seed) step \(step)")
                held = log
            } else {
                try change(held!, &model, &random)
            }
            #expect(held!.last == model.last && held!.base == model.base && held!.hardState == model.hardState, "seed \(seed) step \(step)")
        }
    }

    func change(_ log: SegmentLog, _ model: inout Model, _ random: inout SeededRandom) throws {
        switch Int.random(in: 0..<18, using: &random) {
        case 0...1 where !model.entries.isEmpty:
            let index = UInt64.random(in: model.base.index.rawValue + 1...model.last.index.rawValue, using: &random)
            model.entries.removeLast(Int(model.last.index.rawValue - index + 1))
            try append(log, &model, from: index, &random)
        case 2:
            model.hardState = HardState(term: Term(model.hardState.term.rawValue + 1), vote: NodeID(UInt32.random(in: 0...3, using: &random)))
            try log.append([], hardState: model.hardState)
        case 3, 4:
            let index = UInt64.random(in: model.base.index.rawValue...model.last.index.rawValue, using: &random)
            try log.compact(through: LogIndex(index))
            #expect(log.base.index.rawValue <= max(index, model.base.index.rawValue))
            model.entries.removeFirst(Int(log.base.index.rawValue - model.base.index.rawValue))
            model.base = log.base
        case 5 where random.next() % 3 == 0:
            let low = random.next() % 2 == 0 ? model.last.index.rawValue : model.base.index.rawValue
            model.base = LogPosition(index: LogIndex(low + UInt64.random(in: 0...50, using: &random)), term: model.hardState.term)
            model.entries = []
            try log.reset(to: model.base)
        case 6...9: try log.sync()
        default: try append(log, &model, from: model.last.index.rawValue + 1, &random)
        }
    }

    func append(_ log: SegmentLog, _ model: inout Model, from index: UInt64, _ random: inout SeededRandom) throws {
        // A replaced suffix is of a newer term.
        if random.next() % 4 == 0 || index <= log.last.index.rawValue { model.hardState = HardState(term: Term(model.hardState.term.rawValue + 1)) }
        var entries: [LogEntry] = []
        for i in 0..<UInt64.random(in: 1...30, using: &random) {
            let bytes = random.next() % 60 == 0 ? Int.random(in: 60_000...200_000, using: &random) : Int.random(in: 0...3_000, using: &random)
            var entry = LogFixture.entry(Int(index + i), term: model.hardState.term.rawValue, bytes: bytes, fill: UInt8.random(in: 0...255, using: &random))
            entry.kind = EntryKind(rawValue: UInt8.random(in: 0...3, using: &random))!
            entry.group = UInt16.random(in: 0...2, using: &random)
            entries.append(entry)
        }
        try log.append(entries, hardState: model.hardState)
        model.entries += entries
    }

    @Test func anEntryLargerThanASegmentGetsOneOfItsOwn() throws {
        let world = LogFixture()
        let (log, _) = try world.open()
        let entries = [LogFixture.entry(1), LogFixture.entry(2, bytes: Limits.entryPayloadBytes), LogFixture.entry(3)]
        try log.append(entries, hardState: HardState(term: Term(1)))
        try log.sync()
        #expect(log.segmentCount > 1)
        #expect(log.bytes > Limits.entryPayloadBytes)
        try log.append([LogFixture.entry(4)])
        let image = try Image(world.directory)
        let copy = LogFixture()
        mkdir(copy.directory, 0o750)
        try image.restore(copy.directory)
        #expect(try copy.open().1.entries == entries + [LogFixture.entry(4)])
    }

    @Test func compactionFreesWholeSegmentsAndKeepsAFewSpares() throws {
        let world = LogFixture()
        let entries = try world.filled(1_000)
        do {
            let (log, _) = try world.open()
            let before = log.segmentCount
            #expect(before > 5)
            try log.compact(through: LogIndex(10))
            #expect(log.segmentCount == before && log.base == .zero)
            try log.compact(through: LogIndex(1_000))
            #expect(log.segmentCount == 1 && log.base.term == Term(1))
            let names = Image.names(world.directory)
            #expect(names.filter { $0.utf8.starts(with: "spare-".utf8) }.count == SparePool.countMax)
            #expect(names.count == SparePool.countMax + 2)
        }
        let (log, found) = try world.open()
        #expect(found.entries == Array(entries[Int(log.base.index.rawValue)...]))
    }

    @Test func sparesAreReadyBeforeASegmentIsFull() throws {
        let world = LogFixture()
        world.options = LogOptions(segmentBytes: 1 << 20, reserveBytes: 0, lowSpaceBytes: 0)
        let (log, _) = try world.open()
        try log.append([], hardState: HardState(term: Term(1)))
        for i in 1...1_600 { try log.append([LogFixture.entry(i)]) }
        #expect(log.segmentCount == 1)
        #expect(Image.names(world.directory).contains { $0.utf8.starts(with: "spare-".utf8) })
    }

    @Test func aSessionOfOneLogLocksItsDirectory() throws {
        let world = LogFixture()
        let log = try world.open().0
        #expect(world.refusal() == .locked(path: world.directory))
        #expect(log.segmentCount == 1)
    }
}
