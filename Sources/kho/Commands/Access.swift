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
        // `--key` is the record's here, so the certificate's key has another flag than elsewhere.
        @Option(help: ArgumentHelp("Nodes' administration addresses, host:port, separated by commas.", valueName: "hosts"))
        var adminEndpoints: String?
        @Option(help: ArgumentHelp("The certificate to connect with (PEM).", valueName: "file"), completion: .file())
        var cert: String?
        @Option(help: ArgumentHelp("The certificate's private key (PEM).", valueName: "file"), completion: .file())
        var certKey: String?
        @Option(help: ArgumentHelp("The cluster's authority (PEM).", valueName: "file"), completion: .file())
        var ca: String?
        @Option(help: ArgumentHelp("How long the answer may take, as 500ms, 10s, 2m.", valueName: "time"))
        var timeout = TimeSpan(milliseconds: 10_000)
        @OptionGroup var context: ContextOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let reach = Reach(adminEndpoints: ReachOptions.split(adminEndpoints), certificate: cert, key: certKey, ca: ca)
            let access = ClusterAccess(reach: reach, contextName: context.context, timeout: timeout)
            var members: [Document.Member] = [.init("as", .string(principal)), .init("dataset", .string(dataset))]
            if let key { members.append(.init("key", .string(key))) }
            let answer: Document
            do throws(CommandError) {
                answer = try await access.administration().call("access.explain", .object(members))
            } catch {
                var error = error
                if error.number == ErrorCode.notFound.rawValue { error.remedy = error.message.hasPrefix("dataset") ? "kho dataset list" : "kho principal list" }
                throw error
            }
            ObjectWarnings.tell(answer)
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
