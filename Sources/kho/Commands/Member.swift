import ArgumentParser
import Configuration
import Console
import Core
import KhoClient

/// `kho member`
struct MemberCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "member", abstract: "The cluster's members.", subcommands: [Add.self, Promote.self, Remove.self, Replace.self, TransferLeader.self, List.self])

    /// `kho member add`
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Adds a node, which follows the log without a vote.",
            discussion: """
                The node must run and wait for a place. A query node serves from then on; a storage node can be given a vote by `kho member promote` or \
                `kho member replace`. A node without a vote that has lost its data directory is added again by the same command: it gets its old number, \
                and the records anew. Repeating the command changes nothing.
                """)
        @Option(help: ArgumentHelp("The node's administration address, host:port.", valueName: "host"))
        var learner: String
        @OptionGroup var cluster: ClusterOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            guard let endpoint = Endpoint(learner, defaultPort: Reach.adminPort) else {
                throw CommandError.usage("--learner must be host:port, not \"\(learner)\"")
            }
            let formation = Formation(try cluster.administration())
            let node = try await formation.identify(endpoint)
            let number = try await formation.add(learner: node)
            output.print(Report(
                schema: "kho.member.add/1",
                body: [
                    "name": .string(node.name), "node": .string("n\(number)"), "role": .string(node.role == "query" ? "query" : "learner"), "peer": .string(node.peer), "admin": .string(node.admin),
                    "client": .string(node.client),
                ]))
        }
    }

    /// `kho member list`
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the members as the log has them. Works without a quorum.")
        @OptionGroup var cluster: ClusterOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let members = try await cluster.administration().call("member.list").array ?? []
            output.print(Self.report(members))
        }

        static func report(_ members: [Document]) -> Report {
            Report(
                schema: "kho.member.list/1",
                body: [
                    "members": .array(members.map { member in
                        [
                            "node": .string("n\(member["node"]?.int ?? 0)"), "name": member["name"] ?? .null,
                            "role": member["voter"]?.bool == true ? "voter" : member["client"]?.string?.isEmpty == false ? "query" : "learner", "peer": member["peer"] ?? .null,
                            "admin": member["admin"] ?? .null,
                            "client": member["client"]?.string.flatMap { $0.isEmpty ? nil : .string($0) } ?? .null,
                            "incarnation": member["incarnation"] ?? .null,
                        ]
                    }),
                ],
                rows: "members",
                columns: [
                    .init("NODE", "node"), .init("NAME", "name"), .init("ROLE", "role"), .init("PEERS", "peer"), .init("ADMINISTRATION", "admin"),
                    .init("CLIENTS", "client"), .init("INCARNATION", "incarnation"),
                ])
        }
    }
}
