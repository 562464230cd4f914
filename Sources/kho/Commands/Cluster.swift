import ArgumentParser
import Configuration
import Console
import KhoClient

/// `kho cluster`
struct ClusterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster", abstract: "How the cluster is.", subcommands: [Status.self, Health.self, Verify.self])

    /// `kho cluster status`
    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows every member: role, state, how far its log and its state are, its disk.",
            discussion: "LAG is how many entries a node is behind the newest commit, DATA its records and its log on disk. Works without a quorum.")
        @Flag(help: "Show it again every two seconds, until Ctrl-C.")
        var watch = false
        @OptionGroup var cluster: ClusterOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let administration = try cluster.administration()
            while true {
                let report = try await ClusterLook.take(administration).statusReport
                // Homes the cursor and clears what is below, so that a terminal shows one table that changes.
                if watch, Terminal.current().outputIsTerminal { StandardStreams.write("\u{1B}[H\u{1B}[2J") }
                output.print(report)
                guard watch else { return }
                try await Task.sleep(for: .seconds(2))
            }
        }
    }

    /// `kho cluster health`
    struct Health: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Checks the cluster: leader, quorum, members, lag, alarms, versions.", discussion: "Exit status 2 if a check says no.")
        @OptionGroup var cluster: ClusterOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let look = try await ClusterLook.take(try cluster.administration())
            output.print(look.healthReport)
            let failed = look.checks.filter { !$0.holds }
            guard failed.isEmpty else {
                throw CommandError.checkFailed(
                    "the cluster is not healthy", details: failed.map { "\($0.name): \($0.finding)" }, remedy: "kho cluster status")
            }
        }
    }

    /// `kho cluster verify`
    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compares every dataset's digest on every node, at one log index.",
            discussion: "Exit status 2 if nodes differ, if one does not answer, or if they were at no common index within the time.")
        @OptionGroup var cluster: ClusterOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let administration = try cluster.administration()
            let end = MonotonicTime.now().adding(milliseconds: cluster.timeout.milliseconds)
            var look = try await ClusterLook.take(administration)
            // A node that is starting gets its time.
            while look.nodes.contains(where: { $0.answer == nil }), MonotonicTime.now() < end {
                try await Task.sleep(for: .milliseconds(200))
                look = try await ClusterLook.take(administration)
            }
            let silent = look.nodes.filter { $0.answer == nil }
            guard silent.isEmpty else {
                throw CommandError.checkFailed(
                    "not every node can be compared", details: silent.map { "\($0.name)  \($0.member["admin"]?.string ?? "")  \($0.trouble ?? "")" },
                    remedy: "kho cluster status")
            }
            let addresses = look.nodes.compactMap { $0.member["admin"]?.string.flatMap { HostPort($0) } }
            var comparison = DigestComparison(nodes: look.nodes.map(\.name))
            while comparison.commonIndex == nil {
                for (node, answer) in zip(comparison.nodes, await administration.askAll(addresses, "cluster.figures")) {
                    if let figures = try? answer.get() { comparison.take(figures, from: node) }
                }
                guard comparison.commonIndex == nil else { break }
                guard MonotonicTime.now() < end else {
                    throw CommandError.checkFailed(
                        "the nodes were at no common log index within \(cluster.timeout)", remedy: "the same with a longer --timeout, or at a quieter time")
                }
                try await Task.sleep(for: .milliseconds(50))
            }
            output.print(comparison.report)
            let different = comparison.rows.filter { $0["equal"] == .bool(false) }
            guard different.isEmpty else {
                throw CommandError.checkFailed(
                    "\(ClusterLook.counted(different.count, "dataset")) \(different.count == 1 ? "differs" : "differ") between nodes",
                    details: different.map { row in
                        "\(row["dataset"]?.string ?? "")  different at \((row["different"]?.array ?? []).compactMap(\.string).joined(separator: ", "))"
                    })
            }
        }
    }
}
