import Core
import Glibc
import Harness
import KhoClient
import Testing

/// Members come, vote and go in clusters of their own, by the commands that an administrator uses.
extension ProcessTests {
    /// Storage nodes from `n1` on and a query node behind them; the storage nodes behind the founders wait for a place.
    @Processes final class Members {
        let cluster: LocalCluster
        private let folder: TemporaryFolder

        init(_ configuration: String = "", storage: Int = 4, founders: Int = 3) async throws {
            folder = try TemporaryFolder(prefix: "kho-members")
            cluster = LocalCluster(name: "members", folder: folder.path, programs: try World.programs)
            cluster.extraConfiguration = "\n[consensus]\ntick_milliseconds = 20\n" + configuration
            try cluster.makeAuthority()
            try cluster.makeNodes(storage: storage, query: 1)
            try cluster.startAll()
            let addresses = (1...founders).map { address("n\($0)") }.joined(separator: ",")
            _ = try await succeed(["init", "--nodes", addresses, "--query", address("n\(storage + 1)")])
        }

        func end() {
            cluster.killAll()
            folder.remove()
        }

        func address(_ name: String) -> String { cluster.node(name)?.adminAddress ?? "" }

        /// Runs `kho` until it succeeds: a member that has not caught up, or a change under way, is refused at first.
        @discardableResult func succeed(_ arguments: [String]) async throws -> String {
            var last: CommandResult?
            try await wait(for: "kho \(arguments.joined(separator: " "))", seconds: 40, saying: { last?.errors ?? "" }) {
                last = try self.cluster.run(arguments)
                return last?.status == 0
            }
            return last?.output ?? ""
        }

        private func ask(_ endpoints: [String], _ method: String) async throws -> Document {
            let tls = KhoTLS(
                certificate: cluster.certificates + "/admin.crt", key: cluster.certificates + "/admin.key", authority: cluster.certificates + "/ca.crt")
            let client = try AdminClient(
                endpoints: endpoints, tls: tls, settings: KhoSettings(deadline: .seconds(2), connectTimeout: .seconds(1)))
            defer { client.close() }
            return try await client.call(method)
        }

        func status(_ name: String) async -> Document? { cluster.isRunning(name) ? try? await ask([address(name)], "node.status") : nil }

        func leads(_ name: String) async throws {
            try await ProcessTests.patience("\(name) to lead") { await self.status(name)?["raftRole"]?.string == "leader" }
        }

        /// The names of those that vote, by the log of a node that runs.
        func voters() async throws -> [String] {
            let members = try await ask(cluster.storageNodes.filter { cluster.isRunning($0.name) }.map(\.adminAddress), "member.list").array ?? []
            return members.filter { $0["voter"]?.bool == true }.compactMap { $0["name"]?.string }.sorted()
        }
    }

    static func patience(_ what: String, _ condition: () async throws -> Bool) async throws {
        try await wait(for: what, seconds: 40, condition)
    }

    /// While a query node is away, a voter is replaced, and the new one leads. The query node's log does not know its leader: it must hear
    /// it all the same.
    @Test func aQueryNodeThatWasAwayFollowsALeaderThatCameMeanwhile() async throws {
        let members = try await Members()
        defer { members.end() }
        members.cluster.kill("n5")
        try await members.succeed(["member", "add", "--learner", members.address("n4")])
        try await members.succeed(["member", "replace", "n3", "--by", "n4", "--yes"])
        #expect(try await members.voters() == ["n1", "n2", "n4"])
        try await members.succeed(["member", "transfer-leader", "n4"])
        try await members.leads("n4")
        members.cluster.kill("n3")

        try members.cluster.start("n5")
        try await Self.patience("n5 to follow n4") {
            guard let leader = await members.status("n4"), let query = await members.status("n5") else { return false }
            return leader["raftRole"]?.string == "leader" && query["appliedIndex"]?.int == leader["appliedIndex"]?.int && query["term"]?.int == leader["term"]?.int
        }
        try await members.succeed(["cluster", "verify", "--timeout", "20s"])
    }

    /// From one voter to three and to five, and back by the same way to the one that was the first; but its directory is another by then: the first one is lost while
    /// five vote, and with it another of them is away.
    @Test func fromOneVoterToFiveAndBack() async throws {
        let members = try await Members(storage: 5, founders: 1)
        defer { members.end() }
        let cluster = members.cluster
        func vote(_ names: [String]) async throws {
            for name in names {
                try await members.succeed(["member", "add", "--learner", members.address(name)])
                try await members.succeed(["member", "promote", name])
            }
        }
        func remove(_ names: [String]) async throws {
            for name in names {
                try await members.succeed(["member", "remove", name, "--yes"])
                cluster.kill(name)
            }
        }
        #expect(try await members.voters() == ["n1"])
        try await vote(["n2", "n3"])
        #expect(try await members.voters() == ["n1", "n2", "n3"])
        try await vote(["n4", "n5"])
        #expect(try await members.voters() == ["n1", "n2", "n3", "n4", "n5"])
        // Three of five are a majority.
        cluster.kill("n1")
        cluster.kill("n2")
        try await members.succeed(["cluster", "configure", "--read-mode", "lease"])
        Files.removeTree(try #require(cluster.node("n1")).dataFolder)
        try await members.succeed(["member", "remove", "n1", "--yes"])
        try cluster.start("n2")
        try cluster.start("n1")
        try await vote(["n1"])
        #expect(try await members.voters() == ["n1", "n2", "n3", "n4", "n5"])
        try await members.succeed(["cluster", "verify", "--timeout", "20s"])
        try await remove(["n5", "n4"])
        #expect(try await members.voters() == ["n1", "n2", "n3"])
        try await remove(["n3", "n2"])
        #expect(try await members.voters() == ["n1"])
        try await members.leads("n1")
        try await members.succeed(["cluster", "configure", "--read-mode", "read-index"])
        try await members.succeed(["cluster", "verify", "--timeout", "20s"])
    }

    /// From three voters to four, to a change of the way to read, and to three without the one that led.
    @Test func aVoterComesAndTheLeaderGoes() async throws {
        let members = try await Members()
        defer { members.end() }
        try await members.succeed(["member", "add", "--learner", members.address("n4")])
        try await members.succeed(["member", "promote", "n4"])
        #expect(try await members.voters() == ["n1", "n2", "n3", "n4"])
        try await members.succeed(["cluster", "configure", "--read-mode", "lease"])
        try await members.succeed(["member", "transfer-leader", "n1"])
        try await members.leads("n1")
        // Without --yes it only says what it would do.
        let asked = try members.cluster.run(["member", "remove", "n1"])
        #expect(asked.status == 64 && asked.errors.contains("--yes"), "\(asked.errors)")
        try await members.succeed(["member", "remove", "n1", "--yes"])
        members.cluster.kill("n1")
        #expect(try await members.voters() == ["n2", "n3", "n4"])
        try await Self.patience("another leader") {
            for name in ["n2", "n3", "n4"] where await members.status(name)?["raftRole"]?.string == "leader" { return true }
            return false
        }
        try await members.succeed(["node", "drain", "n2"])
        try await Self.patience("a leader that is not drained") {
            for name in ["n3", "n4"] where await members.status(name)?["raftRole"]?.string == "leader" { return true }
            return false
        }
        try await members.succeed(["node", "resume", "n2"])
        try await members.succeed(["cluster", "verify", "--timeout", "20s"])
    }
}
