import Core
import Glibc
import Records
import Testing

@testable import Store

/// A state that cannot be opened any more: an empty one stands in for it until a snapshot comes, if there are others to send one.
@Suite struct StandInTests {
    /// What became of a state's files.
    enum Damage: String, CaseIterable {
        case noCheckpoint, rottenCheckpoint, otherTransaction, noName, otherName, noData, cutData, zeroedData, noGeneration, noGenerationNorName

        func happen(in state: String) throws {
            let files = DurableFiles()
            let generation = state + "/g-1"
            let (checkpoint, data) = (generation + "/checkpoint", generation + "/data.mdb")
            switch self {
            case .noCheckpoint: try files.remove(checkpoint)
            case .rottenCheckpoint:
                var bytes = try #require(try files.read(checkpoint))
                bytes[70] ^= 1
                try files.replace(generation, "checkpoint", with: bytes)
            case .otherTransaction:
                var other = try Checkpoint(decoding: try #require(try files.read(checkpoint)), path: checkpoint)
                other.transaction += 1
                try files.replace(generation, "checkpoint", with: other.encoded)
            case .noName: try files.remove(state + "/current")
            case .otherName: try files.replace(state, "current", with: Array("7\n".utf8))
            case .noData: try files.remove(data)
            case .cutData: #expect(truncate(data, 3 * 4_096) == 0)
            case .zeroedData:
                let size = try #require(try files.read(data, limit: 64 << 20)).count
                try files.replace(generation, "data.mdb", with: [UInt8](repeating: 0, count: size))
            case .noGeneration: try files.removeFolder(generation)
            case .noGenerationNorName:
                try files.removeFolder(generation)
                try files.remove(state + "/current")
            }
        }
    }

    static let members = Membership(
        members: [1, 2, 3].map { .init(id: NodeID($0), name: "n\($0)", peerAddress: "", adminAddress: "", incarnation: Incarnation(UInt64($0))) },
        voters: [NodeID(1), NodeID(2), NodeID(3)])

    /// A state with a checkpoint and something after it, closed.
    func closed() throws -> (Fixture, directory: String, checkpointed: AppliedState) {
        let world = try Fixture()
        try world.makeWorld()
        try world.apply(Self.members)
        for i in 0..<60 { _ = try world.write([try world.put("units", "u\(i)", [(1, .string("Đơn vị \(i)"))])]) }
        try world.store.checkpoint()
        let checkpointed = world.store.applied
        _ = try world.write([try world.put("units", "later", [(1, .string("x"))])])
        let directory = world.store.directory
        try world.close()
        return (world, directory, checkpointed)
    }

    func open(_ world: Fixture, _ directory: String, canBeRebuilt: (Membership) -> Bool) throws(StoreError) -> StateStore {
        try StateStore(directory: directory, cluster: world.cluster, options: .init(mapBytes: 64 << 20), canBeRebuilt: canBeRebuilt)
    }

    /// Names and bytes of the state's files.
    func contents(_ path: String) throws -> [String: [UInt8]] {
        var all: [String: [UInt8]] = [:]
        for name in try DurableFiles().names(in: path) where name != "lock.mdb" {
            if name.hasPrefix("g-") { all.merge(try contents(path + "/" + name)) { a, _ in a } } else {
                all[path + "/" + name] = try DurableFiles().read(path + "/" + name, limit: 64 << 20)
            }
        }
        return all
    }

    @Test(arguments: Damage.allCases) func anEmptyStateStandsIn(for damage: Damage) throws {
        let (world, directory, checkpointed) = try closed()
        try damage.happen(in: directory)
        let left = try world.generationsLeft(directory)
        var asked: Membership?
        world.store = try open(world, directory) { asked = $0; return true }
        #expect(asked == Self.members)
        #expect(try #require(world.store.damage).hasPrefix("it cannot be opened: "))
        #expect(world.store.applied.position == checkpointed.position && world.store.applied.time == checkpointed.time)
        #expect(world.store.applied.membershipIndex == checkpointed.membershipIndex)
        #expect(try world.store.withReadView { view throws(StoreError) in try view.membership() } == Self.members)
        // What is left of the old one stays, for whoever wants to look at it.
        #expect(try world.generations().starts(with: left))
        // It stands over restarts, and goes when a sound state comes.
        try world.reopen()
        #expect(world.store.damage != nil && world.store.applied.position == checkpointed.position)
        let other = try Fixture()
        _ = try other.store.apply(world.log)
        let source = try other.store.exportSnapshot()
        let sink = try world.store.beginInstall(source.header)
        while let chunk = try source.nextChunk() { try sink.write(chunk) }
        try world.store.install(sink)
        #expect(world.store.damage == nil && world.store.applied == other.store.applied)
        #expect(try world.generations().count == 1)
        try world.reopen()
        #expect(try world.get("units", "later")?[FieldID(1)] == .string("x"))
    }

    @Test(arguments: Damage.allCases) func withoutOthersNothingIsTouched(by damage: Damage) throws {
        let (world, directory, _) = try closed()
        try damage.happen(in: directory)
        let before = try contents(directory)
        let error = #expect(throws: StoreError.self) { try open(world, directory) { _ in false } }
        #expect(try #require(error).isDamage, "\(String(describing: error))")
        // The meta pages are written back at every start, and a file that was cut has its length again.
        if damage != .cutData && damage != .zeroedData && damage != .otherTransaction { #expect(try contents(directory) == before) }
        #expect(try Set(contents(directory).keys) == Set(before.keys))
    }

    /// A disk that fails, another cluster's state, a state in use are not damage.
    @Test func whatIsNoDamageIsThrown() throws {
        let (world, directory, _) = try closed()
        #expect(throws: StoreError.foreign(path: directory + "/g-1", cluster: world.cluster)) {
            try StateStore(directory: directory, cluster: ClusterID(high: 9, low: 9)) { _ in true }
        }
        world.store = try open(world, directory) { _ in true }
        #expect(world.store.damage == nil)
        #expect(throws: StoreError.locked(path: directory)) { try open(world, directory) { _ in true } }
    }

    /// Where nothing is known of what the log follows, the state's damage is said as before.
    @Test func withoutASummaryNothingStandsIn() throws {
        let (world, directory, _) = try closed()
        let path = directory + "/summary"
        let good = try #require(try DurableFiles().read(path))
        for place in stride(from: 0, to: good.count, by: 5) {
            var bytes = good
            bytes[place] ^= 16
            #expect(throws: StoreError.self, "byte \(place)") { try StateSummary(decoding: bytes, path: path) }
        }
        for bytes in [Array(good.dropLast()), good + [0], []] { #expect(throws: StoreError.self) { try StateSummary(decoding: bytes, path: path) } }
        #expect(try StateSummary(decoding: good, path: path).encoded == good)
        try Damage.noCheckpoint.happen(in: directory)
        for bytes in [Array(good.dropLast()), nil] {
            if let bytes { try DurableFiles().replace(directory, "summary", with: bytes) } else { try DurableFiles().remove(path) }
            #expect(throws: StoreError.corrupt(path: directory + "/g-1/checkpoint", what: "the file is missing")) { try open(world, directory) { _ in true } }
        }
    }

    /// The log may be cut through what the summary says: it is as new as the checkpoint, also after a snapshot's installation.
    @Test func theSummaryIsOfTheLastCheckpoint() throws {
        let world = try Fixture()
        try world.makeWorld()
        func summary() throws -> StateSummary? {
            try DurableFiles().read(world.store.directory + "/summary").map { try StateSummary(decoding: $0, path: "") }
        }
        #expect(try summary() == nil)
        let first = try world.store.checkpoint()
        #expect(try summary()?.applied == first)
        try world.apply(Self.members)
        #expect(try summary()?.membership == .empty)
        #expect(try world.store.checkpoint() == world.store.applied.position)
        #expect(try summary()?.membership == Self.members)
        let other = try Fixture()
        _ = world.entry(
            .write(.init(
                principal: try world.principal("a/sys"), session: .none, sequence: 0, policyIndex: LogIndex(0),
                operations: [try world.put("units", "u", [(1, .string("x"))])])))
        _ = try other.store.apply(world.log)
        let sink = try world.store.beginInstall(try other.store.exportSnapshot().header)
        let source = try other.store.exportSnapshot()
        while let chunk = try source.nextChunk() { try sink.write(chunk) }
        try world.store.install(sink)
        let newest = other.store.applied.position
        #expect(try summary()?.applied == newest)
        // A stop between the switch to it and the summary; or a directory of a version that wrote none.
        for old in [first, nil] {
            let state = try #require(try summary())
            if let old {
                var behind = state
                behind.applied = old
                try DurableFiles().replace(world.store.directory, "summary", with: behind.encoded)
            } else {
                try DurableFiles().remove(world.store.directory + "/summary")
            }
            try world.reopen()
            #expect(try summary() == state)
        }
    }

    /// A start must be possible on a full disk; any other failure of it is one of the disk.
    @Test func aStartNeedsNoFreeSpace() throws {
        let (world, directory, checkpointed) = try closed()
        try DurableFiles().remove(directory + "/summary")
        func open(failingWith errno: Int32) throws(StoreError) -> StateStore {
            try StateStore(directory: directory, cluster: world.cluster, options: .init(mapBytes: 64 << 20), disk: NoNewFiles(errno: errno))
        }
        #expect(throws: StoreError.file(operation: "open", path: directory + "/summary.new", errno: EIO)) { try open(failingWith: EIO) }
        for full in [ENOSPC, EDQUOT] {
            world.store = try open(failingWith: full)
            #expect(world.store.damage == nil && world.store.applied == checkpointed)
            #expect(try DurableFiles().read(directory + "/summary") == nil)
            try world.close()
        }
        world.store = try self.open(world, directory) { _ in false }
        #expect(try DurableFiles().read(directory + "/summary") != nil)
    }

    /// Another version's files are no damage: nothing stands in for them, and that version finds them as they were.
    @Test func aLaterFormatIsNoDamage() throws {
        let (world, directory, _) = try closed()
        let path = directory + "/g-1/checkpoint"
        var bytes = try #require(try DurableFiles().read(path))
        bytes[7] = UInt8(ascii: "2")
        try DurableFiles().replace(directory + "/g-1", "checkpoint", with: bytes)
        // Without its own checksum it is a flipped bit like any other.
        #expect(try #require(#expect(throws: StoreError.self) { try open(world, directory) { _ in false } }).isDamage)
        var sealed = ByteWriter(capacity: bytes.count)
        sealed.write(raw: bytes.dropLast(4))
        sealed.write(CRC32C.of(Array(bytes.dropLast(4))))
        try DurableFiles().replace(directory + "/g-1", "checkpoint", with: sealed.bytes)
        #expect(throws: StoreError.unknownFormat(path: path, what: "KHOCKPT2")) { try open(world, directory) { _ in true } }
        #expect(try world.generationsLeft(directory) == ["g-1"])
    }
}

/// The system's disk, on which no file can be made or replaced.
private final class NoNewFiles: Disk {
    let errno: Int32
    let disk = SystemDisk.shared

    init(errno: Int32) { self.errno = errno }

    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any OpenFile {
        if case .replace = mode { throw DiskError("open", path, errno) }
        return try disk.open(path, mode)
    }
    func openFolder(_ path: String) throws(DiskError) -> any OpenFolder { try disk.openFolder(path) }
    func borrow(descriptor: Int32, path: String) -> any OpenFile { disk.borrow(descriptor: descriptor, path: path) }
    func makeFolder(_ path: String) throws(DiskError) -> Bool { try disk.makeFolder(path) }
    func removeFolder(_ path: String) throws(DiskError) { try disk.removeFolder(path) }
    func rename(_ old: String, to new: String) throws(DiskError) { try disk.rename(old, to: new) }
    func remove(_ path: String) throws(DiskError) { try disk.remove(path) }
    func exists(_ path: String) throws(DiskError) -> Bool { try disk.exists(path) }
    func names(in folder: String) throws(DiskError) -> [String] { try disk.names(in: folder) }
}

extension Fixture {
    func generationsLeft(_ directory: String) throws -> [String] { try DurableFiles().names(in: directory).filter { $0.hasPrefix("g-") }.sorted() }
}
