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
