import Glibc
import Harness
import Testing

/// A data directory that is put back to what it was before has forgotten what its node has promised since.
extension ProcessTests {
    private func copy(_ folder: String, to other: String) throws {
        let process = try ChildProcess("/bin/cp", ["-a", folder, other])
        try #require(process.wait() == 0)
    }

    @Test func aVoterThatWasPutBackIsRefused() async throws {
        let world = try await World.ready()
        let voter = try #require(world.cluster.storageNodes.last)
        let (data, backup, newest) = (voter.dataFolder, voter.dataFolder + ".backup", voter.dataFolder + ".newest")
        world.cluster.kill(voter.name)
        try copy(data, to: backup)
        // The others meet it twice more; the second time is one more than the backup will come with.
        let others = world.cluster.storageNodes.filter { $0.name != voter.name }
        for _ in 0..<2 {
            let before = others.map { try? Files.bytes($0.dataFolder + "/met") }
            try await world.heal()
            try await wait(for: "the others to have met it", seconds: 30) {
                zip(others, before).allSatisfy { node, old in (try? Files.bytes(node.dataFolder + "/met")).map { $0 != old } ?? false }
            }
            world.cluster.kill(voter.name)
        }
        try #require(rename(data, newest) == 0 && rename(backup, data) == 0)
        try world.start(voter.name)
        try await wait(for: "its refusal", seconds: 30) {
            others.allSatisfy { ((try? Files.text($0.dataFolder + "/audit.jsonl")) ?? "").contains("put back to an earlier state") }
        }
        // The others go on without it.
        let leader = try await world.leader()
        #expect(leader != voter.name)
        world.cluster.kill(voter.name)
        Files.removeTree(data)
        try #require(rename(newest, data) == 0)
        try await world.heal()
    }
}
