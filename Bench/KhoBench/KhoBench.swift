import ArgumentParser

/// Measures Kho for those who do not believe a number that they cannot take apart.
@main
struct KhoBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kho-bench", abstract: "Measures Kho and others.",
        subcommands: [
            RunCommand.self, CompareCommand.self, SearchCommand.self, CalibrateCommand.self, EngineCommand.self, ReportCommand.self, DiffCommand.self,
            NullServerCommand.self,
        ])
}
