import Glibc
import Harness
import Testing

/// A data directory that is put back to what it was before has forgotten what its node has promised since.
extension ProcessTests {
    private func copy(_ folder: String, to other: String) throws {
        let process = try ChildProcess("/bin/cp", ["-a", folder, other])
        try #require(process.wait() == 0)
    }

    @Test func aVoterThatWasPutBackIsRefusedUntilItIsReplaced() async throws {
        let members = try await Members()
        defer { members.end() }
        let cluster = members.cluster
        try await members.leads(try #require(await leader(members)))
        let voter = try #require(cluster.node("n3"))
        let (data, backup) = (voter.dataFolder, voter.dataFolder + ".backup")
        cluster.kill("n3")
        try copy(data, to: backup)
        // The others meet it twice more; the second time is one more than the backup will come with.
        let others = ["n1", "n2"].compactMap { cluster.node($0) }
        for _ in 0..<2 {
            let before = others.map { try? Files.bytes($0.dataFolder + "/met") }
            try cluster.start("n3")
            try await wait(for: "the others to have met it", seconds: 30) {
                zip(others, before).allSatisfy { node, old in (try? Files.bytes(node.dataFolder + "/met")).map { $0 != old } ?? false }
            }
            cluster.kill("n3")
        }
        Files.removeTree(data)
        try #require(rename(backup, data) == 0)
        func refusals(_ node: LocalCluster.Node) -> Int {
            (((try? Files.text(node.dataFolder + "/audit.jsonl")) ?? "").split(separator: "\n")).count { $0.contains("put back to an earlier state") }
        }
        // However often it is started: the number of its start comes to those that were met, and passes them.
        for attempt in 1...4 {
            let before = others.map(refusals)
            try cluster.start("n3")
            try await wait(for: "its refusal, attempt \(attempt)", seconds: 30) { zip(others, before).allSatisfy { refusals($0) > $1 } }
            #expect(await members.status("n3")?["raftRole"]?.string != "leader")
            cluster.kill("n3")
        }
        // The others go on without it, and another takes its place.
        try await members.succeed(["member", "add", "--learner", members.address("n4")])
        try await members.succeed(["member", "replace", "n3", "--by", "n4", "--yes"])
        #expect(try await members.voters() == ["n1", "n2", "n4"])
    }

    /// A copy of a directory is started beside its node, with the next number. It is heard first, as if it were the node; when the node itself is met again both are refused, and
    /// what is open to either of them ends.
    @Test func aCopyAndItsNodeAreBothCutOff() async throws {
        let members = try await Members()
        defer { members.end() }
        let cluster = members.cluster
        try await members.leads(try #require(await leader(members)))
        try await members.succeed(["member", "transfer-leader", "n1"])
        try await members.leads("n1")
        let voter = try #require(cluster.node("n3")), copy = try #require(cluster.node("n4"))
        // The copy has the place of a node that waits for one.
        cluster.kill("n4")
        Files.removeTree(copy.dataFolder)
        var text = try Files.text(voter.configuration)
        for (own, other) in [(voter.peerAddress, copy.peerAddress), (voter.adminAddress, copy.adminAddress), (voter.dataFolder, copy.dataFolder)] {
            #expect(text.contains(own))
            text.replace(own, with: other)
        }
        try Files.write(text, to: copy.configuration)
        try self.copy(voter.dataFolder, to: copy.dataFolder)
        try cluster.start("n4")
        func refusals(_ name: String) -> Int {
            guard let node = cluster.node(name), let text = try? Files.text(node.dataFolder + "/audit.jsonl") else { return 0 }
            return text.split(separator: "\n").count { $0.contains("it was refused before") }
        }
        try await Self.patience("both to be refused") { refusals("n1") > 1 && refusals("n2") > 1 }
        for name in ["n3", "n4"] {
            try await Self.patience("\(name) to hear nobody") { await members.status(name)?["raftRole"]?.string == "preCandidate" }
        }
        // The others go on.
        cluster.kill("n3")
        cluster.kill("n4")
        try await members.succeed(["cluster", "configure", "--read-mode", "lease"])
    }

    private func leader(_ members: Members) async throws -> String? {
        var found: String?
        try await Self.patience("a leader") {
            for name in ["n1", "n2", "n3"] where await members.status(name)?["raftRole"]?.string == "leader" { found = name }
            return found != nil
        }
        return found
    }
}
