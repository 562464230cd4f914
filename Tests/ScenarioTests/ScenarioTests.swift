import Core
import Foundation
import Harness
import Scenarios
import Testing

/// Short forms of four scenarios with real processes. They run after all other tests, one after the other; `Cluster/verify` runs the long forms.
@Suite(.serialized) struct ScenarioTests {
    @Test func killedLeadersLoseNothing() async throws { try await hold("short-kills") }
    @Test func partitionsLoseNothing() async throws { try await hold("short-partitions") }
    @Test func pausesHalfOpenConnectionsAndSlowLinksLoseNothing() async throws { try await hold("short-mixed") }

    @Test func votersThatChangeRotAndAreLostLoseNothing() async throws { try await hold("short-members") }

    /// A node that waits for signals is seen to leave SIGTERM to whoever waits, so that a scenario's stop is sent at once.
    @Test func aNodeIsSeenToHear() async throws {
        let folder = try TemporaryFolder(prefix: "kho-signal-test")
        let cluster = LocalCluster(name: "signals", folder: folder.path, programs: try programs)
        try cluster.makeAuthority()
        try cluster.makeNodes(storage: 1, query: 0)
        try cluster.start("n1")
        defer { cluster.killAll() }
        try cluster.wait(for: "n1 to wait for signals") { () throws(HarnessError) in cluster.node("n1")?.process?.blocks(SIGTERM) == true }
        // For good, and not only until it waits.
        for _ in 0..<20 {
            #expect(cluster.node("n1")?.process?.blocks(SIGTERM) == true)
            try await Task.sleep(nanoseconds: 50_000_000)
        }
        #expect(cluster.stop("n1") == 0)
    }

    /// The folder of the test binary, where `kho` and `khod` are too.
    private var programs: String {
        get throws {
            for path in ["/proc/self/exe"] + CommandLine.arguments {
                let folder = URL(fileURLWithPath: path).resolvingSymlinksInPath().deletingLastPathComponent()
                for candidate in [folder, folder.deletingLastPathComponent(), folder.deletingLastPathComponent().deletingLastPathComponent()] {
                    if ["kho", "khod"].allSatisfy({ Files.exists(candidate.path + "/" + $0) }) { return candidate.path }
                }
            }
            throw ScenarioFailure("kho and khod are not beside the tests; swift build --build-tests makes them")
        }
    }

    private func hold(_ name: String) async throws {
        let file = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../Cluster/Scenarios/Files/\(name).toml").standardizedFileURL.path
        var scenario = try Scenario.load(file)
        // Tests claim no times: a machine may be slow. The program does claim it.
        scenario.bounds.leaderWithinMilliseconds = 600_000
        let seed = SystemRandom.uint64() >> 16
        let folder = try TemporaryFolder(prefix: "kho-scenario-test")
        print("\(name): seed \(seed)")
        let run = await Run(scenario, seconds: nil, seed: seed, folder: folder.path, programs: try programs) { _ in }
        let verdict = try await run.run()
        #expect(verdict.holds, "\(verdict.text)\n\(verdict.faults.joined(separator: "\n"))")
        #expect(verdict.operations > 50)
    }
}
