import ArgumentParser
import Console
import Testing

@testable import kho

@Suite struct EndingTests {
    /// How a command line that is not right ends.
    func ending(_ arguments: String...) -> (output: String, errors: String, status: Int32) {
        do {
            var command = try Kho.parseAsRoot(arguments)
            try command.run()
            return ("taken", "", 0)
        } catch {
            return Ending.ending(of: error)
        }
    }

    @Test(arguments: [
        (["cert", "node"], "kho: error KHO-8001: Missing expected argument '--name <name>'\n  try: kho cert node --help"),
        (["cert", "bogus"], "kho: error KHO-8001: Unexpected argument 'bogus'\n  try: kho cert --help"),
        (["version", "-o", "xml"], "kho: error KHO-8001: The value 'xml' is invalid for '-o <output>'. Please provide one of 'table', 'json', 'yaml' or 'csv'.\n  try: kho version --help"),
        (["cert", "ca", "--cluster", "c", "--days", "0"], "kho: error KHO-8001: --days must be from 1 to 36500\n  try: kho cert ca --help"),
    ])
    func wrongUsageEndsWith64(arguments: [String], text: String) {
        do {
            _ = try Kho.parseAsRoot(arguments)
            Issue.record("taken")
        } catch {
            let ending = Ending.ending(of: error)
            #expect(ending.status == 64)
            #expect(ending.errors == text)
            #expect(ending.output.isEmpty)
        }
    }

    /// `-o` as in other commands, and what is written is one of the two that an import reads.
    @Test(arguments: [("csv", TransferFormat.csv), ("json", .jsonl), ("jsonl", .jsonl)])
    func anExportTakesTheFormatAsOthersDo(_ word: String, _ format: TransferFormat) throws {
        for flag in ["-o", "--output", "--format"] {
            let command = try #require(try Kho.parseAsRoot(["export", "d", flag, word]) as? ExportCommand)
            #expect(command.format == format)
        }
        #expect(throws: (any Error).self) { try Kho.parseAsRoot(["export", "d", "-o", "table"]) }
    }

    @Test func helpIsNoError() {
        let ending = ending("cert", "--help")
        #expect(ending.status == 0)
        #expect(ending.errors.isEmpty)
        #expect(ending.output.contains("SUBCOMMANDS"))
    }

    @Test func everyErrorHasItsStatus() {
        struct Surprise: Error {}
        #expect(Ending.ending(of: CommandError.configuration("x")).status == 78)
        #expect(Ending.ending(of: InputError(file: "f", line: 1, "x")).errors == "kho: error KHO-8004: f:1: x")
        #expect(Ending.ending(of: InputError(file: "f", line: 1, "x")).status == 65)
        #expect(Ending.ending(of: Surprise()).status == 70)
        #expect(Ending.ending(of: ExitCode(2)).status == 2)
    }

    /// Every command explains itself, and no two flags collide.
    @Test func theWholeTreeOfCommandsIsSound() {
        var seen = 0
        func visit(_ command: any ParsableCommand.Type, _ path: [String]) {
            seen += 1
            #expect(!command.configuration.abstract.isEmpty, "\(path) says nothing of itself")
            let ending = Ending.ending(of: CleanExit.helpRequest(command))
            #expect(ending.status == 0)
            #expect(ending.output.contains("USAGE: "))
            for child in command.configuration.subcommands { visit(child, path + [child._commandName]) }
        }
        visit(Kho.self, [])
        #expect(seen > 15)
    }
}
