import ArgumentParser
import BenchReport

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Writes report.html of a folder of results anew.",
        discussion: "A comparison's runs get theirs too. Each is one file that needs no other and no network.")

    @Argument(help: "The folder, with summary.json, comparison.json or engine.json in it.") var folder: String

    func run() throws { print(try ReportWriter.write(for: folder)) }
}
