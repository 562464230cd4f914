import Core
import Glibc
import LMDB
import Testing

@testable import Store

/// Pages of LMDB's file that end the process: it leaves a mark, the next start reads everything before it serves, and only what cannot be read then is given up.
@Suite struct UnreadableTests {
    /// What becomes of the pages that hold the records u150 to u159, while the state is open.
    enum Damage: String, CaseIterable, Codable {
        /// Nothing of what leads to them is left but one way, which LMDB's own pages never are: it gives up.
        case narrowed
        /// The file ends before them.
        case cut
        /// Their entries have a flag that leads LMDB to what is not there.
        case astray

        func happen(in path: String) throws {
            let bytes = try #require(try DurableFiles().read(path, limit: 64 << 20))
            let file = Glibc.open(path, O_WRONLY | O_CLOEXEC)
            defer { close(file) }
            for page in stride(from: 2 * 4_096, to: bytes.count, by: 4_096) {
                // Its flags: 1 a branch, 2 a leaf.
                if self == .narrowed, bytes[page + 10] & 1 != 0 {
                    #expect(pwrite(file, [18, 0] as [UInt8], 2, off_t(page + 12)) == 2)
                    continue
                }
                guard bytes[page + 10] & 2 != 0, Self.holds(Array("Unit 15".utf8), bytes[page..<page + 4_096]) else { continue }
                switch self {
                case .narrowed: break
                case .cut: return #expect(ftruncate(file, off_t(page)) == 0)
                case .astray:
                    // Places of the page's entries, two bytes each, begin at its 17th byte; their flags at an entry's fifth.
                    let entries = (Int(bytes[page + 12]) | Int(bytes[page + 13]) << 8) - 16
                    for place in stride(from: page + 16, to: page + 16 + entries, by: 2) {
                        let entry = page + (Int(bytes[place]) | Int(bytes[place + 1]) << 8)
                        var flags = bytes[entry + 4] | 4
                        #expect(pwrite(file, &flags, 1, off_t(entry + 4)) == 1)
                    }
                }
            }
        }

        static func holds(_ wanted: [UInt8], _ bytes: ArraySlice<UInt8>) -> Bool {
            bytes.indices.dropLast(wanted.count).contains { bytes[$0] == wanted[0] && bytes[$0..<$0 + wanted.count].elementsEqual(wanted) }
        }
    }

    /// A closed state with 200 records on several pages.
    func closed() throws -> (Fixture, directory: String) {
        let world = try Fixture()
        try world.makeWorld()
        try world.apply(StandInTests.members)
        for i in 0..<200 { _ = try world.write([try world.put("units", "u\(i)", [(1, .string("Unit \(i)!"))])]) }
        try world.store.checkpoint()
        let directory = world.store.directory
        try world.close()
        return (world, directory)
    }

    /// In a process of its own: opens the state, has the damage happen, and reads all records. 74 if that ended it, 3 if it was damage like any other.
    static func read(_ directory: String, after damage: Damage?) -> Never {
        do {
            let store = try StateStore(directory: directory, cluster: ClusterID(high: 1, low: 2), options: .init(mapBytes: 64 << 20))
            try damage?.happen(in: directory + "/g-1/data.mdb")
            _ = try store.withReadView { view throws(StoreError) in try view.rescan() }
            exit(0)
        } catch let error as StoreError where error.isDamage { exit(3) } catch { exit(1) }
    }

    func names(_ directory: String) throws -> [String] { try DurableFiles().names(in: directory + "/g-1").filter { $0 != "lock.mdb" } }

    func open(_ directory: String, canBeRebuilt: Bool = false) throws(StoreError) -> StateStore {
        try StateStore(directory: directory, cluster: ClusterID(high: 1, low: 2), options: .init(mapBytes: 64 << 20)) { _ in canBeRebuilt }
    }

    private func expectEnd(_ damage: Damage, of directory: String) async throws {
        switch damage {
        case .narrowed: await #expect(processExitsWith: .exitCode(74)) { [directory = directory as String] in Self.read(directory, after: .narrowed) }
        case .cut: await #expect(processExitsWith: .exitCode(74)) { [directory = directory as String] in Self.read(directory, after: .cut) }
        case .astray: await #expect(processExitsWith: .exitCode(74)) { [directory = directory as String] in Self.read(directory, after: .astray) }
        }
        #expect(try names(directory) == ["checkpoint", "data.mdb", "unreadable"])
        let why = String(decoding: try #require(try DurableFiles().read(directory + "/g-1/unreadable")), as: UTF8.self)
        switch damage {
        case .narrowed: #expect(why.contains("Assertion"), "\(why)")
        case .cut: #expect(why.hasPrefix("SIGBUS at page "), "\(why)")
        case .astray: #expect(why.contains("SIGSEGV"), "\(why)")
        }
    }

    /// The disk's bad moment: what can be read again is used again.
    @Test(arguments: Damage.allCases) func whatCanBeReadAgainIsUsedAgain(after damage: Damage) async throws {
        let (world, directory) = try closed()
        let data = directory + "/g-1/data.mdb"
        let good = try #require(try DurableFiles().read(data, limit: 64 << 20))
        try await expectEnd(damage, of: directory)
        try DurableFiles().replace(directory + "/g-1", "data.mdb", with: good)
        world.store = try open(directory, canBeRebuilt: true)
        let look = try #require(world.store.look)
        #expect(world.store.damage == nil && look.found == nil && !look.why.isEmpty)
        #expect(try world.get("units", "u150")?[FieldID(1)] == .string("Unit 150!"))
        // Until a checkpoint was made it stays suspect: what ended the process may come with what is applied again.
        #expect(try names(directory) == ["checkpoint", "data.mdb", "suspect"])
        try world.store.checkpoint()
        #expect(try names(directory) == ["checkpoint", "data.mdb"])
        try world.reopen()
        #expect(world.store.look == nil)
    }

    /// What ends the process again after a sound look, before a checkpoint: writing meets what reading does not.
    @Test func anEndAfterASoundLookIsGivenUp() throws {
        let (world, directory) = try closed()
        try DurableFiles().replace(directory + "/g-1", "unreadable", with: Array("mdb.c: Assertion".utf8))
        _ = try open(directory)
        try DurableFiles().replace(directory + "/g-1", "unreadable", with: Array("mdb.c: Assertion".utf8))
        #expect(try #require(#expect(throws: StoreError.self) { try open(directory) }).isDamage)
        world.store = try open(directory, canBeRebuilt: true)
        #expect(world.store.damage?.hasPrefix("it cannot be opened: ") == true)
    }

    @Test(arguments: Damage.allCases) func whatCannotBeReadAgainIsGivenUp(after damage: Damage) async throws {
        let (world, directory) = try closed()
        try await expectEnd(damage, of: directory)
        // What was cut is filled with zeros, also where databases begin: that ends nothing.
        if damage != .cut {
            await #expect(processExitsWith: .exitCode(74)) { [directory = directory as String] in Self.read(directory, after: nil) }
            #expect(try names(directory) == ["checkpoint", "data.mdb", "suspect", "unreadable"])
        }
        let error = #expect(throws: StoreError.self) { try open(directory) }
        let text = "\(try #require(error))"
        #expect(error?.isDamage == true && text.contains("`unreadable` and `suspect` are there") == (damage != .cut))
        world.store = try open(directory, canBeRebuilt: true)
        #expect(world.store.damage?.hasPrefix("it cannot be opened: ") == true)
        let other = try Fixture()
        _ = try other.store.apply(world.log)
        let source = try other.store.exportSnapshot()
        let sink = try world.store.beginInstall(source.header)
        while let chunk = try source.nextChunk() { try sink.write(chunk) }
        try world.store.install(sink)
        #expect(world.store.damage == nil)
        #expect(try world.generations().count == 1)
        try world.reopen()
        #expect(try world.get("units", "u150")?[FieldID(1)] == .string("Unit 150!"))
    }

    /// A start that was killed while it looked through the state does so again. Damage that the look finds is damage like any other: a state that others can
    /// replace is marked, one that is alone serves the rest.
    @Test(arguments: ["Unit 150!", "session"]) func theLookFinds(_ what: String) throws {
        let (world, directory) = try closed()
        let files = DurableFiles(), data = directory + "/g-1/data.mdb"
        try files.replace(directory + "/g-1", "suspect", with: Array("SIGBUS at page 7".utf8))
        var bytes = try #require(try files.read(data, limit: 64 << 20))
        if what == "session" {
            // Pages of stored answers: leaves without a record's text, of the largest database but that of the records. Their kind becomes none.
            let leaves = stride(from: 2 * 4_096, to: bytes.count, by: 4_096).filter { page in
                bytes[page + 10] == 2 && bytes[page + 12] > 100 && !Damage.holds(Array("Unit ".utf8), bytes[page..<page + 4_096])
            }
            #expect(!leaves.isEmpty)
            for page in leaves { bytes[page + 10] = 0 }
        } else {
            let text = Array(what.utf8)
            for place in 0..<bytes.count - text.count where bytes[place..<place + text.count].elementsEqual(text) { bytes[place] ^= 1 }
        }
        try files.replace(directory + "/g-1", "data.mdb", with: bytes)
        for _ in 0..<2 {
            let store = try open(directory)
            #expect(store.look?.why == "SIGBUS at page 7" && store.look?.found != nil && store.damage == nil)
        }
        world.store = try open(directory, canBeRebuilt: true)
        #expect(world.store.damage != nil && world.store.damage == world.store.look?.found)
        try world.reopen()
        // It is known to be damaged: nothing is looked for.
        #expect(world.store.damage != nil && world.store.look == nil)
    }

    /// A fault elsewhere is none of the file's.
    @Test func anotherFaultLeavesNoMark() async throws {
        let (world, directory) = try closed()
        await #expect(processExitsWith: .signal(SIGSEGV)) { [directory = directory as String] in
            // Swift's own report of it takes minutes in a large program.
            signal(SIGSEGV, SIG_DFL)
            let store = try StateStore(directory: directory, cluster: ClusterID(high: 1, low: 2), options: .init(mapBytes: 64 << 20))
            try store.withReadView { view throws(StoreError) in
                _ = view.state
                UnsafeMutablePointer<UInt8>(bitPattern: 64)!.pointee = 1
            }
        }
        #expect(try names(directory) == ["checkpoint", "data.mdb"])
        withExtendedLifetime(world) {}
    }
}
