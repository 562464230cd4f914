import ArgumentParser
import BenchEngine

/// `kho-bench engine`
struct EngineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engine", abstract: "The access path in one process, against mdb_get on the same data.",
        discussion: "Needs some 1.3 GB of memory or disk under TMPDIR for each million records.")

    @Option(help: "Records, at least 1,000.") var records = 1_000_000
    @Option(help: "Rounds in turns; medians are printed.") var rounds = 5
    @Option(help: "Seconds of each measurement.") var seconds = 2.0

    func validate() throws {
        guard (1_000...100_000_000).contains(records) else { throw ValidationError("--records is from 1000 to 100000000, not \(records)") }
        guard (1...100).contains(rounds) else { throw ValidationError("--rounds is from 1 to 100, not \(rounds)") }
        guard seconds > 0, seconds <= 600 else { throw ValidationError("--seconds is more than 0 and at most 600, not \(seconds)") }
    }

    func run() throws {
        #if DEBUG
        print("warning: a debug build; its figures say nothing")
        #endif
        let data = try EngineData(records: records)
        defer { data.remove() }
        try EngineRun(data).run(rounds: rounds, seconds: seconds)
    }
}
