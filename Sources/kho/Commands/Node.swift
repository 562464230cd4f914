import ArgumentParser
import Console
import Core
import KhoClient

/// `kho node`
struct NodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "node", abstract: "One node.", 
        subcommands: [Status.self, Drain.self, Resume.self, Rebuild.self, Backup.self, Restore.self, Verify.self, BackupKeyCommand.self])

    /// `kho node status`
    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "What a node says of itself. Works without a quorum.")
        @Argument(help: "The member's name, or its administration address.")
        var node: String
        @OptionGroup var cluster: ClusterOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            output.print(Report(schema: "kho.node.status/1", body: try await NodeCommand.only(node, cluster).call("node.status", target: node)))
        }
    }

    /// `kho node drain`
    struct Drain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prepares a node for maintenance: it hands leadership over and does not lead as long as others can.",
            discussion: "Lasts until `kho node resume` or the node's next start.")
        @Argument(help: "The member's name, or its administration address.")
        var node: String
        @OptionGroup var cluster: ClusterOptions
        @OptionGroup var output: OutputOptions

        func run() async throws { output.print(try await NodeCommand.drain(node, true, cluster)) }
    }

    /// `kho node resume`
    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Ends what `kho node drain` began.")
        @Argument(help: "The member's name, or its administration address.")
        var node: String
        @OptionGroup var cluster: ClusterOptions
        @OptionGroup var output: OutputOptions

        func run() async throws { output.print(try await NodeCommand.drain(node, false, cluster)) }
    }

    /// `kho node rebuild`
    struct Rebuild: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Has a node replace its state by another node's.",
            discussion: """
                For a node whose digests differ from the others' in `kho cluster verify`. A node that finds its records damaged begins by itself. Until \
                it is done the node answers no client; it votes and takes part all the same. Without --yes, the command only says what it would do.
                """)
        @Argument(help: "The member's name, or its administration address.")
        var node: String
        @Flag(help: "Do it.")
        var yes = false
        @OptionGroup var cluster: ClusterOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            guard yes else {
                throw CommandError.usage("\(node) would answer nobody until its state is replaced by another node's", remedy: "kho node rebuild \(node) --yes")
            }
            let administration = try await NodeCommand.only(node, cluster)
            let answer = try await administration.call("node.rebuild", changes: true, target: node)
            let end = MonotonicTime.now().adding(milliseconds: cluster.timeout.milliseconds)
            while true {
                let status = try await administration.call("node.status", target: node)
                let isDone = status["damage"] == .null
                if isDone || MonotonicTime.now() >= end {
                    let report = Report(
                        schema: "kho.node.rebuild/1",
                        body: ["name": answer["name"] ?? .string(node), "rebuilt": .bool(isDone), "appliedIndex": status["appliedIndex"] ?? .null])
                    output.print(report)
                    guard isDone else { throw CommandError.checkFailed("\(node) is not rebuilt yet; it goes on", remedy: "kho node status \(node)") }
                    return
                }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// Tells the node, and waits until it does not lead any more, as long as somebody else can.
    private static func drain(_ node: String, _ isOn: Bool, _ cluster: ClusterOptions) async throws -> Report {
        let administration = try await only(node, cluster)
        let answer = try await administration.call("node.drain", ["on": .bool(isOn)], changes: true, target: node)
        let end = MonotonicTime.now().adding(milliseconds: cluster.timeout.milliseconds)
        var role: String?
        repeat {
            role = try await administration.call("node.status", target: node)["raftRole"]?.string
            guard isOn, role == "leader", MonotonicTime.now() < end else { break }
            try await Task.sleep(for: .milliseconds(20))
        } while true
        if isOn, role == "leader" {
            throw CommandError.checkFailed("\(node) still leads: no other voter could take over", remedy: "kho cluster status")
        }
        return Report(
            schema: "kho.node.drain/1", body: ["name": answer["name"] ?? .string(node), "draining": .bool(isOn), "role": role.map { .string($0) } ?? .null])
    }

    /// The administration port of one node, by its name in the cluster or by its address.
    static func only(_ node: String, _ cluster: ClusterOptions) async throws -> Administration {
        let administration = try cluster.administration()
        func at(_ endpoint: Endpoint) -> Administration {
            Administration(endpoints: [endpoint], tls: administration.tls, settings: administration.settings)
        }
        if node.utf8.contains(UInt8(ascii: ":")) {
            guard let endpoint = Endpoint(node, defaultPort: Reach.adminPort) else { throw CommandError.usage("\"\(node)\" is neither a member's name nor host:port") }
            return at(endpoint)
        }
        let look = try await ClusterLook.take(administration)
        guard let found = look.nodes.first(where: { $0.name.utf8.elementsEqual(node.utf8) }) else {
            throw CommandError.usage("no member is called \(node); the members are \(look.nodes.map(\.name).joined(separator: ", "))", remedy: "kho member list")
        }
        guard let endpoint = found.member["admin"]?.string.flatMap({ Endpoint($0) }) else { throw CommandError.bug("\(node) has no administration address") }
        return at(endpoint)
    }
}
