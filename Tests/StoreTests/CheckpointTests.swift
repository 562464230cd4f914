import Core
import Glibc
import Records
import Testing

@testable import Store

/// After any stop the state is exactly that of the last checkpoint, whichever of the pages written since reached the disk.
@Suite struct CheckpointTests {
    static let page = 4_096

    /// A file as it was at some moments: of each page, any of its versions may be what the disk holds after a power cut.
    struct Disk {
        private(set) var moments: [[UInt8]] = []

        mutating func look(_ world: Fixture) throws { moments.append(try DurableFiles().read(world.dataFile, limit: 64 << 20)!) }

        /// A mixture of the pages as they were at the moments from this one on.
        func mixture(from first: Int, _ random: inout SeededRandom) -> [UInt8] {
            let longest = moments[first...].map(\.count).max()!
            var image: [UInt8] = []
            // The file may have grown less far than the last write; LMDB's pages of the checkpoint are all there.
            let length = Bool.random(using: &random) ? longest : Int.random(in: moments[first].count / page...longest / page, using: &random) * page
            for offset in stride(from: 0, to: length, by: page) {
                let moment = moments[first...].randomElement(using: &random)!
                if moment.count >= offset + page {
                    image += moment[offset..<offset + page]
                } else {
                    image += [UInt8](repeating: 0, count: page)
                }
            }
            return image
        }
    }

    func equal(_ a: [(database: Int, key: [UInt8], value: [UInt8])], _ b: [(database: Int, key: [UInt8], value: [UInt8])]) -> Bool {
        a.count == b.count && zip(a, b).allSatisfy { $0 == $1 }
    }

    @Test func anyMixtureOfOldAndNewPagesOpensAsTheCheckpoint() throws {
        let seed = SystemRandom.uint64()
        print("CheckpointTests: seed \(seed)")
        var random = SeededRandom(seed: seed)
        let world = try Fixture()
        try world.makeWorld(nameBytes: 700_000)
        func churn(_ count: Int) throws {
            for _ in 0..<count {
                let key = "u\(Int.random(in: 0..<120, using: &random))"
                if Int.random(in: 0..<4, using: &random) == 0 {
                    _ = try world.write([try world.put("units", key, [], kind: .delete)])
                } else {
                    // Large ones live on pages of their own.
                    let size = Int.random(in: 0..<8, using: &random) == 0 ? 9_000 : 400
                    let text = String(repeating: "\(Int.random(in: 0..<10, using: &random))", count: Int.random(in: 1...size, using: &random))
                    _ = try world.write([try world.put("units", key, [(1, .string(text))])])
                }
            }
        }
        try churn(200)
        for _ in 0..<6 {
            try world.store.checkpoint()
            let want = try world.dump(), applied = world.store.applied
            var disk = Disk()
            try disk.look(world)
            for _ in 0..<4 {
                try churn(25)
                try disk.look(world)
            }
            let checkpoint = try DurableFiles().read(world.store.directory + "/g-1/checkpoint")!
            for _ in 0..<12 {
                let image = try Fixture(of: world, data: disk.mixture(from: 0, &random), checkpoint: checkpoint)
                #expect(image.store.applied == applied, "seed \(seed)")
                #expect(try equal(image.dump(), want), "seed \(seed)")
                // It is a store like any other: what was applied since is applied again, checkpointed, and there after another stop.
                _ = try image.store.apply(world.log.filter { $0.index > applied.position.index })
                #expect(try equal(image.dump(), world.dump()), "seed \(seed)")
                try image.store.checkpoint()
                try image.reopen()
                #expect(try equal(image.dump(), world.dump()), "seed \(seed)")
            }
        }
    }

    /// The second checkpoint is cut short before its file is renamed: the first one holds, and its pages are there.
    @Test func aCheckpointCutShortLeavesTheOneBefore() throws {
        let seed = SystemRandom.uint64()
        var random = SeededRandom(seed: seed)
        let world = try Fixture()
        try world.makeWorld(nameBytes: 700_000)
        for i in 0..<100 { _ = try world.write([try world.put("units", "u\(i)", [(1, .string("a"))])]) }
        try world.store.checkpoint()
        let want = try world.dump()
        let first = try DurableFiles().read(world.store.directory + "/g-1/checkpoint")!
        var disk = Disk()
        try disk.look(world)
        for i in 0..<100 { _ = try world.write([try world.put("units", "u\(i)", [(1, .string("b"))])]) }
        try disk.look(world)
        try world.store.checkpoint()
        try disk.look(world)
        #expect(try DurableFiles().read(world.store.directory + "/g-1/checkpoint")! != first)
        for _ in 0..<10 {
            let image = try Fixture(of: world, data: disk.mixture(from: 0, &random), checkpoint: first)
            #expect(try equal(image.dump(), want), "seed \(seed)")
        }
    }

    /// A new store is checkpointed before its first entry: also the very first pages do no harm.
    @Test func theFirstEntriesWithoutACheckpoint() throws {
        let seed = SystemRandom.uint64()
        var random = SeededRandom(seed: seed)
        let world = try Fixture()
        let checkpoint = try DurableFiles().read(world.store.directory + "/g-1/checkpoint")!
        var disk = Disk()
        try disk.look(world)
        try world.makeWorld(nameBytes: 700_000)
        try disk.look(world)
        for _ in 0..<10 {
            let image = try Fixture(of: world, data: disk.mixture(from: 0, &random), checkpoint: checkpoint)
            #expect(image.store.applied == AppliedState(), "seed \(seed)")
            _ = try image.store.apply(world.log)
            #expect(try equal(image.dump(), world.dump()), "seed \(seed)")
        }
    }

    /// Meta pages of another file, or a damaged checkpoint, are refused.
    @Test func aCheckpointThatDoesNotFitIsRefused() throws {
        let world = try Fixture()
        try world.makeWorld(nameBytes: 700_000)
        try world.store.checkpoint()
        let bytes = try DurableFiles().read(world.store.directory + "/g-1/checkpoint")!
        let data = try DurableFiles().read(world.dataFile, limit: 64 << 20)!
        let good = try Checkpoint(decoding: bytes, path: "x")
        #expect(good.encoded == bytes && good.applied == world.store.applied.position && good.generation == 1)
        func refused(_ checkpoint: [UInt8]) -> Bool {
            do {
                _ = try Fixture(of: world, data: data, checkpoint: checkpoint)
                return false
            } catch StoreError.corrupt { return true } catch {
                Issue.record("\(error)")
                return false
            }
        }
        for place in stride(from: 0, to: bytes.count, by: 97) {
            var damaged = bytes
            damaged[place] ^= 4
            #expect(refused(damaged), "byte \(place)")
        }
        #expect(refused(Array(bytes.dropLast())) && refused(bytes + [0]) && refused([]))
        var other = good
        other.generation = 2
        #expect(refused(other.encoded))
        other = good
        other.transaction += 1
        #expect(refused(other.encoded))
    }

    /// Without the name of the generation there is no telling what the folder holds; it must not be made anew.
    @Test func aStateWithoutItsNameIsNotMadeAnew() throws {
        let world = try Fixture()
        try world.makeWorld(nameBytes: 700_000)
        try world.store.checkpoint()
        let directory = world.store.directory
        try world.close()
        unlink(directory + "/current")
        #expect(throws: StoreError.corrupt(path: directory + "/current", what: "the file is missing, but there is a state")) {
            try StateStore(directory: directory, cluster: world.cluster, options: .init(mapBytes: 64 << 20))
        }
        try DurableFiles().replace(directory, "current", with: Array("x\n".utf8))
        #expect(throws: StoreError.corrupt(path: directory + "/current", what: "it does not name a generation")) {
            try StateStore(directory: directory, cluster: world.cluster, options: .init(mapBytes: 64 << 20))
        }
        // A first start that was cut short before anything was applied goes on.
        let fresh = try Fixture()
        let empty = fresh.store.directory
        try fresh.close()
        unlink(empty + "/current")
        #expect(try StateStore(directory: empty, cluster: fresh.cluster, options: .init(mapBytes: 64 << 20)).applied == AppliedState())
    }

    @Test func smallWritesCountWholePages() throws {
        let world = try Fixture()
        try world.makeWorld()
        _ = try world.write([try world.put("units", "219", [])])
        let before = world.store.writtenBytes
        for _ in 0..<50 { _ = try world.write([try world.put("units", "219", [(1, .string("x"))])]) }
        // Each takes at least the place of the record's page and of the applied index's; and not more than a few.
        let written = world.store.writtenBytes - before
        #expect((50 * 2 * 4_096...50 * 16 * 4_096).contains(written), "\(written)")
    }
}
