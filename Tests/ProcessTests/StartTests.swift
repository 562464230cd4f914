import Core
import DemoData
import Glibc
import Harness
import KhoClient
import Testing

@testable import kho

/// What is wrong with a node's files or a caller's certificate is said with an exit code and a remedy, and nothing is lost by it.
extension ProcessTests {
    /// The configuration of the first storage node with some of its lines replaced.
    private func configuration(_ world: World, _ changes: [(String, String)]) throws -> String {
        let ports = HeldPort.forGood(2)
        let node = try #require(world.cluster.storageNodes.first)
        var text = try Files.text(node.configuration).replacing(node.peerAddress, with: "127.0.0.1:\(ports[0])")
            .replacing(node.adminAddress, with: "127.0.0.1:\(ports[1])").replacing(node.dataFolder, with: world.folder + "/other-data")
        for (old, new) in changes { text = text.replacing(old, with: new) }
        Files.removeTree(world.folder + "/other-data")
        return text
    }

    private func expect(_ result: CommandResult, _ status: Int32, _ texts: String..., at line: SourceLocation = #_sourceLocation) {
        #expect(result.status == status, "\(result.errors)", sourceLocation: line)
        for text in texts { #expect(result.errors.contains(text), "expected \"\(text)\" in: \(result.errors)", sourceLocation: line) }
    }

    @Test func aNodeWithoutTheRightFilesDoesNotStart() async throws {
        let world = try await World.ready()
        let certificates = world.cluster.certificates
        // A typing error in the configuration.
        expect(try await world.khod(try configuration(world, [("segment_size", "segment_siez")])), 78, "segment_siez", "did you mean", "try:")
        // The certificate of a consumer, and of another node.
        expect(try await world.khod(try configuration(world, [("n1.crt", "tax.crt"), ("n1.key", "tax.key")])), 78, "kho://processes/consumer/", "try:")
        expect(try await world.khod(try configuration(world, [("n1.crt", "n2.crt"), ("n1.key", "n2.key")])), 78, "node/-/n2", "try:")
        expect(try await world.khod(try configuration(world, [("n1.key", "n2.key")])), 78, "n2.key", "try:")
        // A folder that cannot be: a file is in its way.
        try Files.write("", to: world.folder + "/file")
        expect(try await world.khod(try configuration(world, [(world.folder + "/other-data", world.folder + "/file/data")])), 74, "file/data", "try:")
        // The data directory of a node that runs.
        let node = try #require(world.cluster.storageNodes.first)
        expect(try await world.khod(try configuration(world, [(world.folder + "/other-data", node.dataFolder)])), 75, node.dataFolder, "try:")

        // The data directory of another cluster.
        let other = LocalCluster(name: "elsewhere", folder: world.folder + "/elsewhere", programs: world.cluster.programs)
        try Files.makeFolder(other.folder)
        try other.makeAuthority()
        try other.issue(.node(name: "n1", host: "127.0.0.1"))
        let foreign = try configuration(world, [(certificates, other.certificates)])
        world.cluster.kill("n1")
        expect(try await world.khod(foreign.replacing(world.folder + "/other-data", with: node.dataFolder)), 78, "cluster processes", "try:")
        // The data directory of another node of the same cluster.
        let second = try #require(world.cluster.storageNodes.dropFirst().first)
        world.cluster.kill(second.name)
        expect(
            try await world.khod(try configuration(world, [(world.folder + "/other-data", second.dataFolder)])), 78, "the data directory of node \(second.name)", "try:")
        try await world.heal()
    }

    @Test(.enabled(if: Mounting.isPossible || geteuid() != 0, "root, to whom no folder is closed, and without the right to mount a read-only one"))
    func aFolderThatCannotBeWrittenIsSaid() async throws {
        let world = try await World.ready()
        let path = world.folder + "/mounted"
        try Files.makeFolder(path)
        // Without the right to mount, the rights of a folder keep everybody out but root.
        guard Mounting.isPossible else {
            chmod(path, 0o500)
            defer { chmod(path, 0o700) }
            expect(try await world.khod(try configuration(world, [(world.folder + "/other-data", path + "/data")])), 74, path, "try:")
            return
        }
        try #require(world.mountMemory(at: path, "size=1m", isReadOnly: true), "errno \(errno)")
        expect(try await world.khod(try configuration(world, [(world.folder + "/other-data", path + "/data")])), 74, "Read-only file system", "try:")
        umount(path)
    }

    /// A storage node's disk fills: it stops or refuses, the others go on, and with room again it has everything.
    @Test(.enabled(if: Mounting.isPossible, "no right to mount, so there is no disk that could be filled"))
    func aFullDiskLosesNothing() async throws {
        let world = try await World.ready()
        try await Units.imported(world)
        let client = try world.client(DemoCatalogue.publisher.identity)
        let dataset = try await client.dataset(named: DemoCatalogue.households)
        let node = try #require(world.cluster.storageNodes.last)
        // The node's files move to a disk of their own, on which little is free.
        world.cluster.kill(node.name)
        let original = node.folder + "/data-before"
        guard rename(node.dataFolder, original) == 0 else { throw Failure("rename \(errno)") }
        try Files.makeFolder(node.dataFolder)
        try #require(world.mountMemory(at: node.dataFolder, "size=400m"), "errno \(errno)")
        let copied = try ChildProcess.run("/bin/cp", ["-a", original + "/.", node.dataFolder])
        try #require(copied.status == 0, "\(copied.errors)")
        let filler = node.dataFolder + "/filler"
        _ = try ChildProcess.run("/bin/sh", ["-c", "cat /dev/zero > \(filler) 2>/dev/null; true"])
        // A start needs no free byte: it answers, whatever becomes of it when it has to write more.
        func starts() -> Int { ((try? Files.text(node.logFile)) ?? "").split(separator: "\n").count { $0.contains("ready") && $0.contains("role=storage") } }
        let before = starts()
        try world.start(node.name)
        try await wait(for: "the node to be ready", seconds: 30) { starts() > before || !world.cluster.isRunning(node.name) }
        #expect(starts() > before, "\((try? Files.text(node.logFile)) ?? "")")
        var acknowledged: [[UInt8]] = []
        for household in Array(BusinessHouseholds(count: 7_200).dropFirst(7_000)) {
            let operation = DemoFailover.operation(household, dataset)
            try await client.put(operation.key, in: dataset.id, operation.fields)
            acknowledged.append(operation.key)
        }
        // It has ended with the right code, or it goes on without having lost anything.
        if !world.cluster.isRunning(node.name) { #expect(world.cluster.node(node.name)?.process?.wait() == 74) }
        Files.removeTree(filler)
        try await world.heal()
        let found = try await client.multiGet(acknowledged, from: dataset.id).value
        #expect(found.allSatisfy { $0 != nil })
        _ = try await world.equalRecords(of: DemoCatalogue.households)
        // Back to the folder that goes with the tests.
        world.cluster.kill(node.name)
        let back = try ChildProcess.run("/bin/sh", ["-c", "rm -rf \(original)/* && cp -a \(node.dataFolder)/. \(original)"])
        try #require(back.status == 0, "\(back.errors)")
        umount(node.dataFolder)
        rmdir(node.dataFolder)
        _ = rename(original, node.dataFolder)
        try await world.heal()
        _ = try await world.equalRecords(of: DemoCatalogue.households)
    }

    @Test func aCallerWithTheWrongCertificateIsRefused() async throws {
        let world = try await World.ready()
        try world.cluster.issue(.client(role: "consumer", agency: "nobody", system: "nothing", name: "stranger"))
        try world.cluster.issue(.client(role: "administrator", agency: "nobody", system: "nothing", name: "other-admin"))
        let other = LocalCluster(name: "processes", folder: world.folder + "/forgery", programs: world.cluster.programs)
        try Files.makeFolder(other.folder)
        try other.makeAuthority()
        try other.makeConsumer(agency: DemoCatalogue.tax.agency, system: DemoCatalogue.tax.system, name: "tax")
        let get = ["get", DemoCatalogue.households, "2400000017", "--timeout", "5s"]
        // Of another authority, though it says the same cluster and a known system: both sides end the handshake.
        let forged = ["--cert", other.certificates + "/tax.crt", "--key", other.certificates + "/tax.key"]
        expect(try await world.run(get + forged, as: "tax"), 69, "another authority issued it")
        // A consumer that the catalogue does not know; a node's certificate; an administrator's.
        expect(try await world.run(get, as: "stranger"), 77, "KHO-2001")
        expect(try await world.run(get, as: "n1"), 77, "KHO-2001")
        expect(try await world.run(["cluster", "status", "--timeout", "5s"], as: "n1"), 77, "KHO-2001")
        expect(try await world.run(["cluster", "status", "--timeout", "5s"], as: "tax"), 77, "KHO-2001")
        expect(try await world.run(["agency", "list", "--timeout", "5s"], as: "other-admin"), 77, "KHO-2003")
        // Who may is still served.
        _ = try await world.succeed(["cluster", "status"])
    }

    /// Bytes in the middle of a log are flipped: the node says where and ends, the others go on; a query node is made anew, and a storage node whose
    /// bytes come back has everything.
    @Test func aDamagedLogIsNotTaken() async throws {
        let world = try await World.ready()
        try await Units.imported(world)
        let client = try world.client(DemoCatalogue.publisher.identity)
        let dataset = try await client.dataset(named: DemoCatalogue.households)
        let voter = try #require(world.cluster.storageNodes.last)
        let query = try #require(world.cluster.queryNodes.first)
        for household in Array(BusinessHouseholds(count: 8_100).dropFirst(8_000)) {
            let operation = DemoFailover.operation(household, dataset)
            try await client.put(operation.key, in: dataset.id, operation.fields)
        }
        let records = try await world.equalRecords(of: DemoCatalogue.households)
        for node in [voter, query] {
            world.cluster.kill(node.name)
            let (path, before) = try damage(node)
            let result = try await world.khod(try Files.text(node.configuration))
            expect(result, 74, path, "is damaged at byte", "try:")
            let operation = DemoFailover.operation(try #require(Array(BusinessHouseholds(count: 1)).first), dataset)
            if node.role == "storage" {
                // The two that are left acknowledge what comes meanwhile.
                try await client.put(operation.key, in: dataset.id, operation.fields)
                try Files.write(before, to: path)
                try world.start(node.name)
            } else {
                Files.removeTree(node.dataFolder)
                try world.start(node.name)
                _ = try await world.succeed(["member", "add", "--learner", node.adminAddress], within: 20)
            }
            try await world.heal()
        }
        #expect(try await world.equalRecords(of: DemoCatalogue.households) >= records)
    }

    /// A storage node of which nothing but its identity is left has promised what it no longer knows: it must not begin anew under that identity.
    @Test func anIdentityWithoutLogAndStateIsNotTaken() async throws {
        let world = try await World.ready()
        let voter = try #require(world.cluster.storageNodes.last)
        world.cluster.kill(voter.name)
        let parts = ["log", "state"].map { "\(voter.dataFolder)/\($0)" }
        for part in parts { try #require(rename(part, part + ".away") == 0) }
        let result = try await world.khod(try Files.text(voter.configuration))
        expect(result, 74, "holds no log, though this node has had one", "try:")
        for part in parts {
            Files.removeTree(part)
            try #require(rename(part + ".away", part) == 0)
        }
        try world.start(voter.name)
        try await world.heal()
        _ = try await world.succeed(["cluster", "verify", "--timeout", "30s"], within: 60)
    }

    /// Flips bytes of the first entry of the segment that holds the most: many synced entries follow it, so it is no torn tail. The path, and
    /// what it held before.
    private func damage(_ node: LocalCluster.Node) throws -> (path: String, before: [UInt8]) {
        let folder = node.dataFolder + "/log"
        var (name, before, most) = ("", [UInt8](), 0)
        for file in Files.names(in: folder) where file.hasPrefix("segment-") {
            let bytes = try Files.bytes(folder + "/" + file)
            let end = bytes.lastIndex { $0 != 0 } ?? 0
            if end > most { (name, before, most) = (file, bytes, end) }
        }
        try #require(most > 16_384, "a segment of \(node.name) with entries: \(Files.names(in: folder))")
        var bytes = before
        // Two copies of the header come first, 4 KiB each.
        for place in 8_192 + 24..<8_192 + 32 { bytes[place] ^= 0x5A }
        try Files.write(bytes, to: folder + "/" + name)
        return (folder + "/" + name, before)
    }
}
