import Core
import Glibc
import Records
import Testing

@testable import Store

@Suite struct DurabilityTests {
    func filled() throws -> Fixture {
        let world = try Fixture()
        try world.makeWorld()
        for i in 0..<50 { _ = try world.write([try world.put("units", "u\(i)", [(1, .string("Đơn vị \(i)"))])]) }
        return world
    }

    func figures(_ store: StateStore) throws -> [DatasetFigures] {
        try store.withReadView { view throws(StoreError) in try view.figures().map(\.figures) }
    }

    @Test func aStopLosesWhatWasNotCheckpointedAndTheLogBringsItBack() throws {
        let world = try filled()
        try world.store.checkpoint()
        let at = world.store.applied.position
        for i in 0..<20 { _ = try world.write([try world.put("units", "u\(i)", [(1, .string("mới"))])]) }
        let want = try figures(world.store)
        try world.reopen()
        #expect(world.store.applied.position == at)
        try world.replay()
        #expect(try figures(world.store) == want)
        #expect(try world.get("units", "u3")?[FieldID(1)] == .string("mới"))
    }

    @Test func howEntriesAreBatchedMakesNoDifference() throws {
        let world = try filled()
        let want = try figures(world.store)
        let other = try Fixture()
        var rest = world.log[...]
        var random = SeededRandom(seed: 3)
        while !rest.isEmpty {
            let count = Int.random(in: 1...9, using: &random)
            _ = try other.store.apply(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        #expect(try figures(other.store) == want)
        #expect(other.store.applied == world.store.applied)
    }

    /// Any mixture of the pages of the checkpoint and of later ones, LMDB's meta pages included, opens as the checkpoint.
    @Test func aPowerCutLeavesTheCheckpoint() throws {
        let seed = SystemRandom.uint64()
        var random = SeededRandom(seed: seed)
        for _ in 0..<12 {
            let world = try filled()
            try world.store.checkpoint()
            let want = try figures(world.store)
            let data = world.store.directory + "/g-1/data.mdb"
            let old = try DurableFiles().read(data, limit: 64 << 20)!
            for i in 0..<60 {
                _ = try world.write([try world.put("units", "v\(i)", [(1, .string(String(repeating: "x", count: 300)))])])
                if i % 7 == 0 { _ = try world.write([try world.put("units", "u\(i % 50)", [], kind: .delete)]) }
            }
            let new = try DurableFiles().read(data, limit: 64 << 20)!
            var image = new
            for page in 0..<old.count / 4_096 where Bool.random(using: &random) {
                image.replaceSubrange(page * 4_096..<page * 4_096 + 4_096, with: old[page * 4_096..<page * 4_096 + 4_096])
            }
            // What the file had grown by may be missing as well.
            if Bool.random(using: &random) { image = Array(image[..<max(old.count, new.count / 2 / 4_096 * 4_096)]) }
            let directory = world.folder + "/image"
            try DurableFiles().makeFolder(directory)
            try DurableFiles().makeFolder(directory + "/g-1")
            try DurableFiles().replace(directory, "current", with: Array("1\n".utf8))
            try DurableFiles().replace(directory + "/g-1", "data.mdb", with: image)
            try DurableFiles().replace(directory + "/g-1", "checkpoint", with: try DurableFiles().read(world.store.directory + "/g-1/checkpoint")!)
            let restored = try StateStore(directory: directory, cluster: world.cluster, options: .init(mapBytes: 64 << 20))
            #expect(try figures(restored) == want, "seed \(seed)")
            // And it can be written to.
            _ = try restored.apply(world.log.filter { $0.index > restored.applied.position.index })
            #expect(try figures(restored) == figures(world.store), "seed \(seed)")
        }
    }

    @Test func aSnapshotMakesTheSameState() throws {
        let world = try filled()
        let source = try world.store.exportSnapshot()
        let other = try Fixture()
        let sink = try other.store.beginInstall(try SnapshotHeader(decoding: source.header.encoded()))
        while let chunk = try source.nextChunk() { try sink.write(chunk) }
        try other.store.install(sink)
        #expect(other.store.applied == world.store.applied)
        #expect(try figures(other.store) == figures(world.store))
        try other.reopen()
        #expect(other.store.applied == world.store.applied)
        #expect(try other.get("units", "u7")?[FieldID(1)] == .string("Đơn vị 7"))
    }

    @Test func aDamagedOrShortSnapshotIsRefusedAndTheOldStateStays() throws {
        let world = try filled()
        let other = try Fixture()
        let source = try world.store.exportSnapshot()
        let sink = try other.store.beginInstall(source.header)
        var chunk = try source.nextChunk()!
        chunk[100] ^= 1
        #expect(throws: StoreError.self) { try sink.write(chunk) }
        #expect(throws: StoreError.self) { try other.store.install(sink) }
        #expect(other.store.applied == AppliedState())
        try other.reopen()
        #expect(other.store.applied == AppliedState())
    }

    @Test func errorsNameTheFileAndTheRemedy() throws {
        let world = try filled()
        #expect(throws: StoreError.locked(path: world.store.directory)) { try StateStore(directory: world.store.directory, cluster: world.cluster) }
        let checkpoint = world.store.directory + "/g-1/checkpoint"
        var bytes = try DurableFiles().read(checkpoint)!
        let directory = world.store.directory
        world.store = try StateStore(directory: world.folder + "/other", cluster: world.cluster, options: .init(mapBytes: 1 << 20))
        #expect(throws: StoreError.foreign(path: directory + "/g-1", cluster: world.cluster)) {
            try StateStore(directory: directory, cluster: ClusterID(high: 9, low: 9))
        }
        bytes[60] ^= 1
        try DurableFiles().replace(directory + "/g-1", "checkpoint", with: bytes)
        do throws(StoreError) {
            _ = try StateStore(directory: directory, cluster: world.cluster)
            Issue.record("a damaged checkpoint was taken")
        } catch {
            guard case .corrupt(checkpoint, _) = error else { return #expect(Bool(false), "\(error)") }
            #expect(!error.remedy.isEmpty)
        }
        unlink(checkpoint)
        #expect(throws: StoreError.corrupt(path: checkpoint, what: "the file is missing")) {
            try StateStore(directory: directory, cluster: world.cluster)
        }
    }

    @Test func aFullMapIsAnErrorOfTheNodeAndNotAnOutcome() throws {
        let world = try Fixture()
        try world.makeWorld()
        world.store = try StateStore(directory: world.folder + "/small", cluster: world.cluster, options: .init(mapBytes: 1 << 19))
        try world.replay()
        var failed: StoreError?
        for i in 0..<3_000 where failed == nil {
            do { _ = try world.write([try world.put("units", "u\(i)", [(1, .string(String(repeating: "x", count: 900)))])]) } catch { failed = error as? StoreError }
        }
        guard case let .environment(error) = failed else { return #expect(Bool(false), "the map never filled") }
        #expect(error.isFull)
    }

    /// A program that this one starts must not keep the directory's lock when the store has gone.
    @Test func aChildProcessDoesNotKeepTheDirectory() throws {
        let world = try Fixture()
        let directory = world.store.directory
        var child = pid_t()
        let arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("60"), nil]
        defer { arguments.forEach { free($0) } }
        #expect(posix_spawn(&child, "/bin/sleep", nil, nil, arguments, nil) == 0)
        defer {
            kill(child, SIGKILL)
            waitpid(child, nil, 0)
        }
        world.store = try StateStore(directory: world.folder + "/other", cluster: world.cluster, options: .init(mapBytes: 1 << 20))
        world.store = try StateStore(directory: directory, cluster: world.cluster, options: .init(mapBytes: 64 << 20))
    }
}
