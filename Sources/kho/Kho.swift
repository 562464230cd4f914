import ArgumentParser
import Console

/// The command-line tool of administrators.
struct Kho: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "kho",
            abstract: "Runs clusters of Kho, the shared data repository.",
            discussion: """
                Data goes to the standard output, messages to the standard error. Exit status: 0 done, 1 failed, 2 a check said no, \
                64 wrong usage, 65 wrong data, 69 nobody or no quorum answers, 70 a fault in kho, 75 try again, 77 no permission, \
                78 wrong configuration.
                """,
            subcommands: subcommands(for: CommandLine.arguments.dropFirst().first))
    }

    static let all: [(name: String, command: any ParsableCommand.Type)] = [
        ("init", InitCommand.self), ("cluster", ClusterCommand.self), ("member", MemberCommand.self), ("node", NodeCommand.self), ("apply", ApplyCommand.self),
        ("agency", AgencyCommand.self), ("principal", PrincipalCommand.self), ("dataset", DatasetCommand.self),
        ("agreement", AgreementCommand.self), ("access", AccessCommand.self), ("get", GetCommand.self), ("scan", ScanCommand.self),
        ("count", CountCommand.self), ("put", PutCommand.self), ("update", UpdateCommand.self), ("delete", DeleteCommand.self),
        ("import", ImportCommand.self), ("export", ExportCommand.self), ("demo", DemoCommand.self), ("cert", CertCommand.self),
        ("config", ConfigCommand.self), ("context", ContextCommand.self), ("version", VersionCommand.self),
    ]

    /// Every command, or the named one alone: looking through all of them takes the parser half of the time of a whole `kho get`.
    private static func subcommands(for name: String?) -> [any ParsableCommand.Type] {
        if let name, let named = all.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) { return [named.command] }
        return all.map(\.command)
    }
}

@main
enum Main {
    static func main() async {
        do {
            var command = try Kho.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            Ending.end(with: error)
        }
    }
}
