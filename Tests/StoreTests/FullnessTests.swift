import Core
import Testing

@testable import Store

/// How full a state's map is, with an old image of it that somebody looks at.
@Suite struct FullnessTests {
    /// Writes one record again and again, with a checkpoint each 50 times, so that nearly all pages are used again, until `isEnough`. How many times.
    private func write(_ world: Fixture, atMost count: Int, until isEnough: () throws -> Bool) throws -> Int {
        for number in 0..<count {
            if try isEnough() { return number }
            _ = try world.write([try world.put("units", "u\(number % 20)", [(1, .string("v\(number)"))])])
            if number % 50 == 49 { try world.store.checkpoint() }
        }
        return count
    }

    /// What an image keeps from being used again is no room, though each checkpoint lets it go; it is the moment that the image is let go.
    @Test func pagesThatAnImageShowsAreNoRoom() throws {
        let world = try Fixture()
        try world.makeWorld()
        var image: SnapshotSource? = try world.store.exportSnapshot()
        let count = try write(world, atMost: 20_000) { world.store.fullness != .roomy }
        #expect(count > 100 && count < 20_000)
        try world.store.checkpoint()
        try world.store.checkpoint()
        #expect(world.store.fullness != .roomy)
        #expect(image?.obstacle != nil)
        image = nil
        #expect(world.store.fullness == .roomy)
        // Nothing is in the way: as much again needs no more of the file.
        let used = world.store.usedBytes
        #expect(try write(world, atMost: 1_000) { world.store.fullness != .roomy } == 1_000)
        #expect(world.store.usedBytes < used + (2 << 20))
    }

    /// An image says that it is in the way when half of the room that there was is gone, long before there is none.
    @Test func anImageIsInTheWayWhenHalfOfTheRoomIsGone() throws {
        let world = try Fixture()
        try world.makeWorld()
        let image = try world.store.exportSnapshot()
        #expect(image.obstacle == nil)
        let room = world.store.room
        _ = try write(world, atMost: 20_000) { image.obstacle != nil }
        #expect(world.store.room < room / 2 && world.store.room > room / 3)
        #expect(world.store.fullness == .roomy)
        // A new one begins with what there is then.
        #expect(try world.store.exportSnapshot().obstacle == nil)
    }

    /// The oldest of all who look, the checkpoint among them.
    @Test func theOldestReaderIsFound() throws {
        let world = try Fixture()
        try world.makeWorld()
        let environment = try world.store.exportSnapshot().generation.environment
        let pinned = try #require(try environment.oldestReader())
        _ = try world.write([try world.put("units", "a", [(1, .string("x"))])])
        try world.store.checkpoint()
        let later = try #require(try environment.oldestReader())
        #expect(later > pinned)
        let image = try world.store.exportSnapshot()
        _ = try world.write([try world.put("units", "a", [(1, .string("y"))])])
        try world.store.checkpoint()
        #expect(try environment.oldestReader() == later && image.generation.pinnedTransaction > later)
        withExtendedLifetime(image) {}
    }
}
