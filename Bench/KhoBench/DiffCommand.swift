import ArgumentParser
import BenchReport

struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Says whether B is faster or slower than A, or the same, or that it cannot be said.",
        discussion: """
            A and B are folders with runs of the same targets under the same work: a run, a comparison, or a folder that holds several of either. For a \
            verdict each side needs five runs, made in turns with those of the other. Closed loads are compared by operations a second and p99, open ones \
            by p99.

            Exit code: 0 if every row was judged and none is slower, 2 if one is slower, 3 if none is slower but one is inconclusive.
            """)

    @Argument(help: "The folder with the runs to compare with, those of before.") var a: String
    @Argument(help: "The folder with the runs to judge, those of after.") var b: String
    @Option(help: "Ratios that are within so many per cent of 1 are no difference.") var margin = 3.0
    @Option(help: "Of the random choices of the bootstrap.") var seed: UInt64 = 1
    @Flag(help: "Judges runs that were not made in turns too: what changed on the machine between them looks like a difference.")
    var allowRunsOneAfterAnother = false

    func validate() throws {
        guard margin > 0, margin <= 100 else { throw ValidationError("--margin is more than 0 and at most 100 per cent, not \(margin)") }
    }

    func run() throws {
        var settings = DiffResult.Settings()
        settings.equivalenceMargin = margin / 100
        settings.seed = seed
        settings.allowsRunsOneAfterAnother = allowRunsOneAfterAnother
        let result = Diff.compare(a: try ResultFolder.allRuns(below: a), b: try ResultFolder.allRuns(below: b), settings: settings)
        print(result.text, terminator: "")
        guard result.exitCode == 0 else { throw ExitCode(result.exitCode) }
    }
}
