import Core
import Records
import Testing

@testable import Store

@Suite struct RescanTests {
    func filled() throws -> Fixture {
        let world = try Fixture()
        try world.makeWorld()
        for i in 0..<30 { _ = try world.write([try world.put("units", "u\(i)", [(1, .string("canary-\(i)-canary"))])]) }
        for i in 0..<20 { _ = try world.write([try world.put("houses", "h\(i)", [(1, .string("house")), (2, .string("u\(i)"))])]) }
        for i in 0..<5 { _ = try world.write([try world.put("units", "u\(29 - i)", [], kind: .delete)]) }
        return world
    }

    func rescan(_ world: Fixture) throws -> [RescannedDataset] {
        try #require(try world.store.withReadView { view throws(StoreError) in try view.rescan() })
    }

    @Test func whatIsStoredAddsUpToWhatIsKept() throws {
        let world = try filled()
        let found = try rescan(world)
        let kept = try world.store.withReadView { view throws(StoreError) in try view.figures() }
        #expect(found.map(\.dataset) == kept.map(\.dataset))
        #expect(found.map(\.found) == kept.map(\.figures))
        #expect(found.map(\.found.records) == [25, 20])
        #expect(found.map(\.isSound) == [true, true])
    }

    @Test func anEmptyStoreIsSound() throws {
        let found = try rescan(try Fixture())
        #expect(found.isEmpty)
    }

    @Test func aDatasetWithoutRecordsIsStillListed() throws {
        let world = try Fixture()
        try world.makeWorld()
        _ = try world.write([try world.put("units", "u1", [(1, .string("x"))])])
        _ = try world.write([try world.put("units", "u1", [], kind: .delete)])
        let found = try rescan(world)
        #expect(found.count == 1)
        #expect(found.allSatisfy { $0.isSound && $0.found.records == 0 })
    }

    /// The running digest does not see rot; the rescan does, and says in which dataset.
    @Test func rotIsFound() throws {
        let world = try filled()
        let before = try world.store.withReadView { view throws(StoreError) in try view.figures().map(\.figures) }
        let places = try world.rot("canary-7-canary")
        #expect(places > 0)
        let after = try world.store.withReadView { view throws(StoreError) in try view.figures().map(\.figures) }
        #expect(after == before)
        let found = try rescan(world)
        #expect(found.map(\.isSound) == [false, true])
        #expect(found[0].damaged == 1)
        #expect(found[0].found.records == found[0].kept.records)
    }

    /// An image is what it was, whatever comes after it, and nobody who installs another state waits for whoever reads it.
    @Test func anImageIsRescannedApart() throws {
        let world = try filled()
        let image = try world.store.exportSnapshot()
        let before = try rescan(world)
        let other = try world.store.exportSnapshot()
        var installed = false
        let found = try image.rescan(every: 10) { examined in
            guard examined == 10 else { return true }
            do {
                _ = try world.write([try world.put("units", "new", [(1, .string("new"))])])
                // Another state takes the place of this one, in the middle of the rescan.
                let sink = try world.store.beginInstall(
                    SnapshotHeader(
                        cluster: world.cluster, applied: other.header.applied, time: other.header.time, membership: other.header.membership,
                        membershipIndex: other.header.membershipIndex, entries: other.header.entries))
                while let chunk = try other.nextChunk() { try sink.write(chunk) }
                try world.store.install(sink)
                installed = true
            } catch { Issue.record("\(error)") }
            return true
        }
        #expect(installed && found == before)
        #expect(image.obstacle?.contains("another node's state") == true)
    }

    /// What a digest was taken of is remembered, the last four times, and forgotten with the state.
    @Test func figuresAtMarksAreThoseOfTheirIndexes() throws {
        let world = try filled()
        #expect(world.store.figuresAtMarks.isEmpty)
        var want: [(LogIndex, [DatasetFigures])] = []
        for number in 0..<6 {
            _ = try world.write([try world.put("units", "mark\(number)", [(1, .string("x"))])])
            _ = try world.store.digest()
            want.append((world.store.applied.position.index, try world.store.withReadView { view throws(StoreError) in try view.figures().map(\.figures) }))
        }
        // Once more at the same index changes nothing.
        _ = try world.store.digest()
        let marks = world.store.figuresAtMarks
        #expect(marks.map(\.index) == want.suffix(4).map(\.0))
        #expect(marks.map { $0.figures.map(\.figures) } == want.suffix(4).map(\.1))
        let image = try world.store.exportSnapshot()
        let sink = try world.store.beginInstall(image.header)
        while let chunk = try image.nextChunk() { try sink.write(chunk) }
        try world.store.install(sink)
        #expect(world.store.figuresAtMarks.isEmpty)
    }

    @Test func whoAskedMayEndIt() throws {
        let world = try filled()
        var asked: [UInt64] = []
        let found = try world.store.withReadView { view throws(StoreError) in
            try view.rescan(every: 10) { examined in
                asked.append(examined)
                return examined < 30
            }
        }
        #expect(found == nil)
        #expect(asked == [10, 20, 30])
    }
}
