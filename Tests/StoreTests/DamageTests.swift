import Core
import Testing

@testable import Store

/// That a state must not be used any more is said in its own folder: it survives any stop, and ends with the state.
@Suite struct DamageTests {
    @Test func theMarkLastsUntilASnapshotIsInstalled() throws {
        let world = try Fixture(), other = try Fixture()
        for one in [world, other] { try one.makeWorld() }
        _ = try other.write([try other.put("units", "u1", [(1, .string("x"))])])
        #expect(world.store.damage == nil)
        try world.store.markDamaged("a record of dataset 3 does not fit its checksum")
        try world.store.markDamaged("another reason")
        #expect(world.store.damage == "a record of dataset 3 does not fit its checksum")
        try world.reopen()
        #expect(world.store.damage == "a record of dataset 3 does not fit its checksum")

        let source = try other.store.exportSnapshot()
        let sink = try world.store.beginInstall(source.header)
        while let chunk = try source.nextChunk() { try sink.write(chunk) }
        try sink.prepare()
        // Up to the switch it is the old state that would be opened.
        #expect(world.store.damage != nil)
        try world.store.install(sink)
        #expect(world.store.damage == nil)
        try world.reopen()
        #expect(world.store.damage == nil && world.store.applied.position == other.store.applied.position)
        #expect(try world.generations() == ["g-2"])
    }

    @Test func aStopBeforeTheSwitchLeavesTheMark() throws {
        let world = try Fixture()
        try world.makeWorld()
        try world.store.markDamaged("rot")
        let source = try world.store.exportSnapshot()
        let sink = try world.store.beginInstall(source.header)
        while let chunk = try source.nextChunk() { try sink.write(chunk) }
        try sink.prepare()
        try world.reopen()
        #expect(world.store.damage == "rot")
        #expect(try world.generations() == ["g-1"])
    }

    @Test func whatIsDamageAndWhatIsADisk() {
        #expect(StoreError.corruptRecord(dataset: DatasetID(1)).isDamage)
        #expect(StoreError.corrupt(path: "catalogue", what: "x").isDamage)
        #expect(!StoreError.file(operation: "write", path: "/x", errno: 5).isDamage)
        #expect(!StoreError.badSnapshot("x").isDamage)
    }
}
