import Core
import Glibc
import Testing

@testable import LMDB

/// What is fetched ahead cannot be seen; the way to each key, and the value at its end, can. They are what LMDB finds, and nothing else.
@Suite struct LookaheadTests {
    let folder = Folder()

    /// All keys are of one dataset: the prefix is 7.
    private static func prefixed(_ key: [UInt8]) -> [UInt8] { [0, 0, 0, 7] + key }

    private func makeEnvironment() throws -> Environment { try Environment(folder: folder.path, options: .init(mapBytes: 64 << 20)) }

    private func write(_ keys: [[UInt8]], valueBytes: (Int) -> Int, _ environment: Environment, _ database: Database) throws {
        var writer = try environment.beginWrite()
        for (number, key) in keys.enumerated() {
            try writer.put(database, Self.prefixed(key), [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: valueBytes(number)))
        }
        try writer.commit()
    }

    /// How many of the keys LMDB finds, and how many are found ahead. Values are the same, and those that lie in the page are found ahead too.
    private func look(for keys: [[UInt8]], _ reader: borrowing ReadTransaction, _ database: Database) throws -> (there: Int, ahead: Int) {
        var there = 0, found = 0, wrong = 0
        var ahead = Lookahead()
        for start in stride(from: 0, to: keys.count, by: 47) {
            ahead.removeAll()
            for key in keys[start..<min(keys.count, start + 47)] {
                ahead.append(7, key.span.bytes)
            }
            reader.fetch(&ahead, in: "records", valueBytes: 448)
            found += ahead.found
            for (number, key) in keys[start..<min(keys.count, start + 47)].enumerated() {
                let wanted = try reader.copied(database, Self.prefixed(key))
                if wanted != nil { there += 1 }
                // Those of 5,000 bytes lie in pages of their own, and LMDB finds them.
                let isInPage = wanted.map { $0.count < 1_000 } ?? false
                let value = try reader.get(database, 7, key.span.bytes, at: ahead[number])?.withUnsafeBytes { [UInt8]($0) }
                if value != wanted || ahead[number].isKnown != isInPage { wrong += 1 }
            }
        }
        #expect(wrong == 0)
        return (there, found)
    }

    private func randomKey(_ random: inout SeededRandom, _ lengths: ClosedRange<Int>, of bytes: [UInt8]) -> [UInt8] {
        (0..<Int.random(in: lengths, using: &random)).map { _ in bytes[Int.random(in: bytes.indices, using: &random)] }
    }

    /// Of one page and of four levels; keys of any length, with zeros and with the same beginnings; values in the page and elsewhere; and of keys that are not there none.
    @Test(arguments: [1, 5, 60, 2_000, 40_000])
    func everyKeyIsFoundWhereLMDBFindsIt(count: Int) throws {
        let environment = try makeEnvironment()
        let database = try environment.openDatabase("records")
        var random = SeededRandom(seed: UInt64(count))
        let digits = Array("0123456789".utf8)
        for (lengths, bytes) in [(10...12, digits), (0...30, [0, 1, 255]), (13...40, [65, 66]), (1...507, digits)] as [(ClosedRange<Int>, [UInt8])] {
            var writer = try environment.beginWrite()
            try writer.clear(database)
            try writer.commit()
            let many = lengths.upperBound > 100 ? min(count, 2_000) : count
            // Each once: a small value that takes the place of a large one stays in pages of its own.
            var seen: Set<[UInt8]> = []
            let keys = (0..<many).map { _ in randomKey(&random, lengths, of: bytes) }.filter { seen.insert($0).inserted }
            let others = (0..<200).map { _ in randomKey(&random, lengths, of: bytes) } + [[], [255], [0], [UInt8](repeating: 255, count: 507)]
            try write(keys, valueBytes: { $0 % 50 == 0 ? 5_000 : $0 % 400 }, environment, database)
            let reader = try environment.beginRead()
            let own = try look(for: keys, reader, database), other = try look(for: others, reader, database)
            #expect(own.there == keys.count && own.ahead == keys.count, "lengths \(lengths)")
            #expect(other.there == other.ahead, "lengths \(lengths)")
        }
    }

    /// A writer replaces pages; a snapshot shows its own.
    @Test func aSnapshotShowsItsOwnPages() throws {
        let environment = try makeEnvironment()
        let database = try environment.openDatabase("records")
        let keys = (0..<5_000).map { Array("k\($0)".utf8) }
        try write(keys, valueBytes: { _ in 100 }, environment, database)
        let before = try environment.beginRead()
        var writer = try environment.beginWrite()
        for key in keys[..<4_000] { try writer.delete(database, Self.prefixed(key)) }
        try writer.commit()
        let after = try environment.beginRead()
        let old = try look(for: keys, before, database), new = try look(for: keys, after, database)
        #expect(old.there == 5_000 && old.ahead == 5_000)
        #expect(new.there == 1_000 && new.ahead == 1_000)
    }

    /// A place holds in the snapshot in which it was found. In another one, of the same reader too, LMDB is asked.
    @Test func aPlaceIsGoodInItsSnapshotOnly() throws {
        let environment = try makeEnvironment()
        let database = try environment.openDatabase("records")
        try write([[1]], valueBytes: { _ in 10 }, environment, database)
        var reader = try environment.beginRead()
        var ahead = Lookahead()
        ahead.append(7, [UInt8]([1]).span.bytes)
        #expect(!ahead[0].isKnown)
        reader.fetch(&ahead, in: "records", valueBytes: 448)
        let place = ahead[0]
        #expect(place.isKnown)
        try write([[1]], valueBytes: { _ in 20 }, environment, database)
        let other = try environment.beginRead()
        func size(_ reader: borrowing ReadTransaction) throws -> Int? { try reader.get(database, 7, [UInt8]([1]).span.bytes, at: place)?.byteCount }
        #expect(try size(reader) == 10 && size(other) == 20)
        reader.reset()
        try reader.renew()
        #expect(try size(reader) == 20)
        ahead.removeAll()
        ahead.append(7, [UInt8]([1]).span.bytes)
        #expect(!ahead[0].isKnown)
    }

    @Test func whereThereIsNothingNothingIsFound() throws {
        let environment = try makeEnvironment()
        let database = try environment.openDatabase("records")
        let reader = try environment.beginRead()
        let empty = try look(for: [[1], []], reader, database)
        #expect(empty.there == 0 && empty.ahead == 0)
        var ahead = Lookahead()
        reader.fetch(&ahead, in: "records", valueBytes: 448)
        ahead.append(7, [UInt8]([1]).span.bytes)
        reader.fetch(&ahead, in: "unknown", valueBytes: 448)
        #expect(ahead.count == 1 && ahead.found == 0)
    }

    /// Whatever stands in the pages: nothing is read outside of them, and it ends. Behind them lies memory that may not be read.
    @Test func damagedPagesLeadNowhereElse() throws {
        let pageBytes = 4_096, pages = 8
        let room = try #require(mmap(nil, (pages + 2) * pageBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
        defer { munmap(room, (pages + 2) * pageBytes) }
        let map = room + pageBytes
        try #require(mprotect(map, pages * pageBytes, PROT_READ | PROT_WRITE) == 0)
        var random = SeededRandom(seed: 11)
        var found = 0, values = 0
        for _ in 0..<3_000 {
            for page in 0..<pages {
                let start = map + page * pageBytes
                for word in 0..<pageBytes / 8 { start.storeBytes(of: random.next() & random.next(), toByteOffset: 8 * word, as: UInt64.self) }
                // Most have a head that is taken, a list that leads anywhere, and children that exist.
                guard random.next() % 8 > 0 else { continue }
                let count = random.next() % 8 == 0 ? 2_040 : Int(random.next() % 40)
                start.storeBytes(of: random.next() % 2 == 0 ? 1 : 2, toByteOffset: 10, as: UInt16.self)
                start.storeBytes(of: UInt16(16 + 2 * count), toByteOffset: 12, as: UInt16.self)
                for entry in 0..<count where random.next() % 4 > 0 {
                    let at = Int(random.next() % 4_096)
                    start.storeBytes(of: UInt16(at), toByteOffset: 16 + 2 * entry, as: UInt16.self)
                    guard at <= pageBytes - 8 else { continue }
                    start.storeBytes(of: random.next() % 4 == 0 ? .max : random.next() % UInt64(pages), toByteOffset: at & ~7, as: UInt64.self)
                }
            }
            let tree = PageTree(map: map, pages: UInt(pages), pageBytes: pageBytes, root: UInt(random.next() % UInt64(pages + 1)), depth: random.next() % 2 == 0 ? 1 : Int(random.next() % 40))
            var ahead = Lookahead()
            for _ in 0..<4 { ahead.append(UInt32(truncatingIfNeeded: random.next()), randomKey(&random, 0...40, of: [0, 128, 255]).span.bytes) }
            // And keys that stand in a page, so that some are found.
            for _ in 0..<4 {
                let page = map + Int(random.next() % UInt64(pages)) * pageBytes
                let at = min(Int(page.load(fromByteOffset: 16 + 2 * Int(random.next() % 3), as: UInt16.self)), pageBytes - 8)
                let count = min(Int(page.loadUnaligned(fromByteOffset: at + 6, as: UInt16.self)), pageBytes - at - 8, 511)
                let key = UnsafeRawBufferPointer(start: page + at + 8, count: count)
                if count >= 4 { ahead.append(key.loadUnaligned(as: UInt32.self).bigEndian, Array(key[4...]).span.bytes) }
            }
            ahead.fetch(from: tree, valueBytes: 448)
            found += ahead.found
            for walk in ahead.walks where walk.value >= 0 {
                values += 1
                #expect(walk.value / pageBytes == (walk.value + max(1, walk.valueBytes) - 1) / pageBytes && walk.value + walk.valueBytes <= pages * pageBytes)
            }
        }
        #expect(found > 0 && values > 0 && found < 24_000)
    }
}
