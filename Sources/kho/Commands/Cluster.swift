import ArgumentParser
import Configuration
import Console
import KhoClient

/// `kho cluster`
struct ClusterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster", abstract: "How the cluster is.", subcommands: [Status.self, Health.self, Verify.self, Configure.self])

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
}
