import ArgumentParser
import Console
import KhoClient

/// `kho access`
struct AccessCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "access", abstract: "Who sees what, and why.", subcommands: [Explain.self])

    /// `kho access explain`
    struct Explain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Says of each field of a dataset what a principal sees, and what gives the right.",
            discussion: """
                visible: shown. withheld: shown in other records, not in this one. unknown: never shown; to this principal there is no such field. Shows no value.
                """)
        @Option(name: .customLong("as"), help: ArgumentHelp("The principal.", valueName: "AGENCY/SYSTEM"))
        var principal: String
        @Option(help: ArgumentHelp("The dataset's code.", valueName: "code"))
        var dataset: String
        @Option(help: ArgumentHelp("A record; without it, what holds of the dataset as a whole.", valueName: "key"))
        var key: String?
        @OptionGroup var cluster: ClusterOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            var members: [Document.Member] = [.init("as", .string(principal)), .init("dataset", .string(dataset))]
            if let key { members.append(.init("key", .string(key))) }
            let answer = try await cluster.administration().call("access.explain", .object(members))
            output.print(Self.report(answer, principal: principal, key: key))
        }

        static func report(_ answer: Document, principal: String, key: String?) -> Report {
            let actions = (answer["actions"]?.array ?? []).compactMap(\.string)
            var heading = "\(principal) in \(answer["dataset"]?.string ?? ""): \(actions.isEmpty ? "no rights" : actions.joined(separator: ", "))"
            if let key { heading += "; record \(key) is \(answer["record"]?.string ?? "unknown")" }
            return Report(
                schema: "kho.access.explain/1",
                body: .object([.init("principal", .string(principal)), .init("key", key.map { .string($0) } ?? .null)] + (answer.members ?? [])), rows: "fields",
                columns: [.init("FIELD", "field"), .init("SENSITIVITY", "sensitivity"), .init("ACCESS", "access"), .init("BECAUSE", "because")],
                heading: heading,
                emphasis: { member, value in
                    guard member == "access" else { return nil }
                    return value == "visible" ? .good : value == "unknown" ? .dim : .warning
                })
        }
    }
}
