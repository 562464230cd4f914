import ArgumentParser
import Console

/// The command-line tool of administrators.
struct Kho: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kho",
        abstract: "Runs clusters of Kho, the shared data repository.",
        discussion: """
            Data goes to the standard output, messages to the standard error. Exit status: 0 done, 1 failed, 2 a check said no, \
            64 wrong usage, 65 wrong data, 69 nobody or no quorum answers, 70 a fault in kho, 75 try again, 77 no permission, \
            78 wrong configuration.
            """,
        subcommands: [
            InitCommand.self, ClusterCommand.self, MemberCommand.self, ApplyCommand.self, AgencyCommand.self, PrincipalCommand.self, DatasetCommand.self,
            AgreementCommand.self, AccessCommand.self, GetCommand.self, ScanCommand.self, CountCommand.self, PutCommand.self, UpdateCommand.self,
            DeleteCommand.self, ImportCommand.self, DemoCommand.self, CertCommand.self, ConfigCommand.self, ContextCommand.self, VersionCommand.self,
        ])
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
