import Core
import Cryptography
import Glibc
import Records
import Testing

@testable import Store

/// A snapshot arrives whole and as it was sent, or the old state stays.
@Suite struct SnapshotTests {
    /// A store whose snapshot has several chunks.
    func filled() throws -> Fixture {
        let world = try Fixture()
        try world.makeWorld(nameBytes: 700_000)
        _ = try world.apply(.openSession(world.principal("a/sys")))
        for i in 0..<6 {
            let text = String(repeating: "x", count: 300_000 + i)
            _ = try world.write([try world.put("units", "u\(i)", [(1, .string(text))]), try world.put("houses", "h\(i)", [(1, .string(text))])])
        }
        let member = Membership.Member(id: NodeID(1), name: "n1", peerAddress: "h:1", adminAddress: "h:2", incarnation: Incarnation(5))
        try world.apply(Membership(members: [member], voters: [NodeID(1)]))
        return world
    }

    func chunks(_ source: SnapshotSource) throws -> [[UInt8]] {
        var all: [[UInt8]] = []
        while let chunk = try source.nextChunk() { all.append(chunk) }
        return all
    }

    func same(_ a: Fixture, _ b: Fixture) throws -> Bool {
        let one = try a.dump(), other = try b.dump()
        return one.count == other.count && zip(one, other).allSatisfy { $0 == $1 } && a.store.applied == b.store.applied
    }

    /// Encodes a chunk anew.
    func chunk(_ number: UInt32, _ items: [(database: UInt8, key: [UInt8], value: [UInt8])]) -> [UInt8] {
        var out = ByteWriter()
        out.write(UInt32(0))
        out.write(number)
        for item in items {
            out.write(item.database)
            out.write16(item.key)
            out.write32(item.value)
        }
        out.overwrite(CRC32C.of(Array(out.bytes[4...])), at: 0)
        return out.bytes
    }

    func items(_ chunk: [UInt8]) throws -> [(database: UInt8, key: [UInt8], value: [UInt8])] {
        try chunk.reading { reader throws(DecodingError) in
            _ = try reader.readUInt64()
            var all: [(UInt8, [UInt8], [UInt8])] = []
            while !reader.isAtEnd { all.append((try reader.readUInt8(), try reader.copiedBytes16(), try reader.copiedBytes32())) }
            return all
        }
    }

    func refused(_ body: () throws -> Void) -> Bool {
        do {
            try body()
            return false
        } catch StoreError.badSnapshot { return true } catch {
            Issue.record("\(error)")
            return false
        }
    }

    @Test func itBringsEverything() throws {
        let world = try filled(), other = try Fixture()
        let source = try world.store.exportSnapshot()
        #expect(source.header.membership.voters == [NodeID(1)] && source.header.membershipIndex == world.store.applied.membershipIndex)
        #expect(try SnapshotHeader(decoding: source.header.encoded()) == source.header)
        let all = try chunks(source)
        #expect(all.count > 2)
        // What is written meanwhile is not in it.
        let image = try world.dump()
        let sink = try other.store.beginInstall(source.header)
        for chunk in all { try sink.write(chunk) }
        #expect(other.store.applied == AppliedState(), "nothing changes before it is installed")
        try sink.prepare()
        try sink.prepare()
        try other.store.install(sink)
        #expect(try same(world, other))
        #expect(try other.store.withReadView { view throws(StoreError) in try view.membership() } == source.header.membership)
        #expect(other.store.checkpointed == source.header.applied)
        try other.reopen()
        #expect(try same(world, other))
        // And the log goes on from there.
        _ = try world.write([try world.put("units", "later", [])])
        _ = try other.store.apply([world.log.last!])
        #expect(try other.dump().count == image.count + 1)
    }

    /// A cluster that begins with another's state has its own members from that state on, and nothing else of it is changed.
    @Test func itsMembersAreReplacedWhereAClusterBeginsWithIt() throws {
        let world = try filled(), other = try Fixture()
        let founder = Membership.Member(id: NodeID(1), name: "n9", peerAddress: "h:8", adminAddress: "h:9", incarnation: Incarnation(77))
        let membership = Membership(members: [founder], voters: [NodeID(1)])
        let source = try world.store.exportSnapshot()
        let sink = try other.store.beginInstall(source.header)
        for chunk in try chunks(source) { try sink.write(chunk) }
        #expect(source.entries == source.header.entries)
        let founding = Founding(after: source.header, with: membership, now: 9_000_000)
        #expect(founding.time.milliseconds == 9_000_000 && Founding(after: source.header, with: membership, now: 0).time == source.header.time)
        #expect(founding.position.index.rawValue == source.header.applied.index.rawValue + 1 << 32 && founding.position.term == source.header.applied.term)
        try sink.prepare(founding: founding)
        try other.store.install(sink)
        for _ in 0..<2 {
            #expect(try other.store.withReadView { view throws(StoreError) in try view.membership() } == membership)
            var expected = world.store.applied
            expected.position = founding.position
            expected.time = founding.time
            expected.membershipIndex = expected.position.index
            #expect(other.store.applied == expected && other.store.checkpointed == expected.position)
            let one = try world.dump().filter { $0.database != 0 }, two = try other.dump().filter { $0.database != 0 }
            #expect(one.count == two.count && zip(one, two).allSatisfy { $0 == $1 })
            try other.reopen()
        }
        let summary = StateStore.summary(in: other.store.directory, other.cluster, DurableFiles())
        #expect(summary?.membership == membership && summary?.applied == founding.position)
        // And the log goes on from there.
        _ = try other.store.apply([LogEntry(index: founding.position.index.next, term: Term(2), kind: .time, time: founding.time, payload: [])])
        #expect(other.store.applied.position.index == founding.position.index.next)
    }

    @Test func itShowsTheMomentOfItsBeginning() throws {
        let world = try filled(), other = try Fixture()
        let source = try world.store.exportSnapshot()
        let first = try source.nextChunk()!
        let image = try world.dump()
        for i in 0..<6 { _ = try world.write([try world.put("units", "u\(i)", [], kind: .delete)]) }
        try world.store.checkpoint()
        let sink = try other.store.beginInstall(source.header)
        for chunk in [first] + (try chunks(source)) { try sink.write(chunk) }
        try other.store.install(sink)
        let got = try other.dump()
        #expect(got.count == image.count && zip(got, image).allSatisfy { $0 == $1 })
    }

    @Test func chunksMayComeTwiceButNotOutOfOrder() throws {
        let world = try filled(), other = try Fixture()
        let source = try world.store.exportSnapshot()
        let all = try chunks(source)
        let sink = try other.store.beginInstall(source.header)
        #expect(refused { try sink.write(all[1]) })
        #expect(sink.next == 0)
        for (n, chunk) in all.enumerated() {
            try sink.write(chunk)
            try sink.write(chunk)
            try sink.write(all[0])
            #expect(Int(sink.next) == n + 1)
            if n + 2 < all.count { #expect(refused { try sink.write(all[n + 2]) }) }
        }
        try other.store.install(sink)
        #expect(try same(world, other))
    }

    /// A damaged chunk changes nothing: the right one is taken after it.
    @Test func aDamagedChunkIsRefusedAndTheTransferGoesOn() throws {
        let seed = SystemRandom.uint64()
        var random = SeededRandom(seed: seed)
        let world = try filled(), other = try Fixture()
        let source = try world.store.exportSnapshot()
        let sink = try other.store.beginInstall(source.header)
        for chunk in try chunks(source) {
            for _ in 0..<8 {
                var bad = chunk
                bad[Int.random(in: 0..<bad.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                #expect(refused { try sink.write(bad) }, "seed \(seed)")
            }
            #expect(refused { try sink.write(Array(chunk.dropLast())) })
            #expect(refused { try sink.write(Array(chunk.prefix(7))) })
            #expect(refused { try sink.write([]) })
            try sink.write(chunk)
        }
        try other.store.install(sink)
        #expect(try same(world, other))
    }

    @Test func aMissingChunkIsNoticed() throws {
        let world = try filled(), other = try Fixture()
        let source = try world.store.exportSnapshot()
        let sink = try other.store.beginInstall(source.header)
        for chunk in try chunks(source).dropLast() {
            try sink.write(chunk)
            #expect(refused { try other.store.install(sink) })
        }
        #expect(other.store.applied == AppliedState())
        try other.reopen()
        #expect(other.store.applied == AppliedState())
    }

    /// The chunks' checksums fit, but what they bring is not what was sent: the figures tell.
    @Test(arguments: ["a value", "a record for another", "the figures", "the applied index", "a second database"])
    func whatDoesNotFitItsFiguresIsRefused(_ what: String) throws {
        let world = try filled(), other = try Fixture()
        let source = try world.store.exportSnapshot()
        let sink = try other.store.beginInstall(source.header)
        var header = source.header
        for (n, original) in try chunks(source).enumerated() {
            var all = try items(original)
            for place in all.indices {
                let key = String(decoding: all[place].key, as: UTF8.self)
                switch what {
                case "a value" where all[place].database == 3: all[place].value[all[place].value.count - 1] ^= 1
                case "a record for another" where all[place].database == 3: all[place].key[all[place].key.count - 1] ^= 0x40
                case "the figures" where key.hasPrefix("figures"): all[place].value[20] ^= 1
                case "the applied index" where key == "applied": all[place].value[8] ^= 1
                case "a second database" where place == 0: all[place].database = 9
                default: break
                }
            }
            if what == "a second database" {
                if n == 0 { #expect(refused { try sink.write(chunk(0, all)) }) }
                continue
            }
            // A record tells by itself; one that is left out, or another sound one, only the figures tell.
            if what == "a value" || what == "a record for another", all.contains(where: { $0.database == 3 }) {
                #expect(refused { try sink.write(chunk(UInt32(n), all)) })
                #expect(Int(sink.next) == n)
                all.removeAll { $0.database == 3 }
            }
            try sink.write(chunk(UInt32(n), all))
        }
        #expect(refused { try other.store.install(sink) })
        #expect(other.store.applied == AppliedState())
        header.cluster = ClusterID(high: 8, low: 8)
        #expect(refused { _ = try other.store.beginInstall(header) })
        header = source.header
        header.entries += 1
        let again = try other.store.beginInstall(header)
        for chunk in try chunks(world.store.exportSnapshot()) { try again.write(chunk) }
        #expect(refused { try other.store.install(again) })
    }

    /// Keys that LMDB does not take, or not in that order, are the sender's fault and no error of this node's disk.
    @Test func impossibleKeysAreTheSendersFault() throws {
        let other = try Fixture()
        let header = SnapshotHeader(
            cluster: other.cluster, applied: .zero, time: .zero, membership: .empty, membershipIndex: LogIndex(0), entries: 2)
        for keys in [[[]], [[UInt8](repeating: 1, count: 512)], [[2], [1]], [[1], [1]]] as [[[UInt8]]] {
            let sink = try other.store.beginInstall(header)
            #expect(refused { try sink.write(chunk(0, keys.map { (UInt8(3), $0, [0]) })) }, "\(keys)")
            #expect(sink.next == 0)
        }
        // A record's key that is too short for a dataset's number.
        let sink = try other.store.beginInstall(header)
        #expect(refused { try sink.write(chunk(0, [(3, [1], [0]), (3, [2], [0])])) })
    }

    /// The longest keys that there can be.
    @Test func theLongestKeysAreBroughtAndScanned() throws {
        let world = try Fixture(), other = try Fixture()
        try world.makeWorld(nameBytes: 700_000)
        let keys = ["a", "b", "c"].map { String(repeating: $0, count: Limits.recordKeyBytes) }
        for key in keys { _ = try world.write([try world.put("units", key, [(1, .string(String(repeating: "x", count: 600_000)))])]) }
        let source = try world.store.exportSnapshot()
        let all = try chunks(source)
        #expect(all.count > 1)
        let sink = try other.store.beginInstall(source.header)
        for chunk in all { try sink.write(chunk) }
        try other.store.install(sink)
        #expect(try same(world, other))
        #expect(try other.keys("units", from: .after(Array(keys[0].utf8))) == [keys[1], keys[2]])
    }

    @Test func aSnapshotTakesThePlaceOfWhatWasThere() throws {
        let world = try filled(), other = try Fixture()
        try other.makeWorld(nameBytes: 700_000)
        for i in 0..<9 { _ = try other.write([try other.put("units", "old\(i)", [])]) }
        try other.store.checkpoint()
        for _ in 0..<2 {
            let source = try world.store.exportSnapshot()
            let sink = try other.store.beginInstall(source.header)
            for chunk in try chunks(source) { try sink.write(chunk) }
            try other.store.install(sink)
            #expect(try same(world, other))
        }
        #expect(try other.generations() == ["g-3"])
    }

    /// A stop between any two steps leaves the old state or the new one, and what is left of the other goes at the next start.
    @Test func aStopOnTheWayLeavesTheOldStateOrTheNewOne() throws {
        let world = try filled()
        for step in 0..<3 {
            let other = try Fixture()
            try other.makeWorld(nameBytes: 700_000)
            try other.store.checkpoint()
            let before = try other.dump().count
            let source = try world.store.exportSnapshot()
            let sink = try other.store.beginInstall(source.header)
            for chunk in try chunks(source) { try sink.write(chunk) }
            if step > 0 { try sink.prepare() }
            // The rename is made, but nothing after it.
            if step > 1 { try DurableFiles().replace(other.store.directory, "current", with: Array("2\n".utf8)) }
            try other.reopen()
            #expect(try other.dump().count == (step > 1 ? try world.dump().count : before))
            #expect(try other.generations() == [step > 1 ? "g-2" : "g-1"])
        }
    }
}
