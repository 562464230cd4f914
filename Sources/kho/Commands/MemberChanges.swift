import ArgumentParser
import Console
import KhoClient

extension MemberCommand {
    /// `kho member promote`
    struct Promote: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives a storage node that was added a vote.",
            discussion: """
                The node must have nearly all of the log; one that has not caught up yet is refused, and the same command works a little later. \
                An odd number of voters tolerates as many failures as the even number above it.
                """)
        @Argument(help: "The member's name.")
        var name: String
        @OptionGroup var cluster: ClusterOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            output.print(try await MemberChange.carryOut("member.promote", ["name": .string(name)], cluster))
        }
    }

    /// `kho member remove`
    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes a member out of the cluster.",
            discussion: """
                Its data directory is refused from then on; to come back, the node starts with an empty one and is added again. A leader \
                hands over when it is taken out. Without --yes, the command only shows what it would do.
                """)
        @Argument(help: "The member's name.")
        var name: String
        @Flag(help: "Do it.")
        var yes = false
        @OptionGroup var cluster: ClusterOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            guard yes else { throw try await MemberChange.unconfirmed("\(name) would be taken out", "kho member remove \(name) --yes", cluster) }
            output.print(try await MemberChange.carryOut("member.remove", ["name": .string(name)], cluster))
        }
    }

    /// `kho member replace`
    struct Replace: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes a voter out and gives its vote to a storage node that was added, in one change.",
            discussion: "For a storage node that has lost its disk: add the new one, wait until it has caught up, and replace the old one by it.")
        @Argument(help: "The name of the voter that goes.")
        var name: String
        @Option(help: ArgumentHelp("The name of the member that votes in its place.", valueName: "name"))
        var by: String
        @Flag(help: "Do it.")
        var yes = false
        @OptionGroup var cluster: ClusterOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            guard yes else {
                throw try await MemberChange.unconfirmed("\(name) would be taken out, and \(by) would vote", "kho member replace \(name) --by \(by) --yes", cluster)
            }
            output.print(try await MemberChange.carryOut("member.replace", ["name": .string(name), "by": .string(by)], cluster))
        }
    }

    /// `kho member transfer-leader`
    struct TransferLeader: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "transfer-leader", abstract: "Has the leader hand over, to the named voter or to the one that is best fit.",
            discussion: "Writes wait for some milliseconds meanwhile; none is lost.")
        @Argument(help: "The voter's name.")
        var name: String?
        @OptionGroup var cluster: ClusterOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let body: Document = name.map { ["name": .string($0)] } ?? .null
            let answer = try await cluster.administration().call("member.transfer", body, changes: true, target: name)
            output.print(Report(schema: "kho.member.transfer/1", body: answer))
        }
    }
}

/// What the changes of members have in common.
enum MemberChange {
    /// Has the leader carry the change out; the members after it.
    static func carryOut(_ method: String, _ body: Document, _ cluster: ClusterOptions) async throws -> Report {
        let answer = try await cluster.administration().call(method, body, changes: true, target: body["name"]?.string, atLeast: .seconds(15))
        return MemberCommand.List.report(answer["members"]?.array ?? [])
    }

    /// The error of a change that was not confirmed, with how the cluster is.
    static func unconfirmed(_ what: String, _ command: String, _ cluster: ClusterOptions) async throws -> CommandError {
        let look = try await ClusterLook.take(try cluster.administration())
        return .usage("\(what) of a cluster of \(ClusterLook.counted(look.voters.count, "voter")), \(look.answering)", remedy: command)
    }
}
