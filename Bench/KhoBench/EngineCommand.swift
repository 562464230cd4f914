import ArgumentParser
import BenchEngine
import BenchMeasure
import BenchReport
import Core
import Foundation

/// `kho-bench engine`
struct EngineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engine", abstract: "The access path in one process, against mdb_get on the same data.",
        discussion: """
            Needs some 1.3 GB of memory or disk under TMPDIR for each million records. Writes engine.json and report.html; the aims are those of the \
            documentation's table.
            """)

    @Option(help: "Records, at least 1,000.") var records = 1_000_000
    @Option(help: "Rounds in turns; medians are reported.") var rounds = 5
    @Option(help: "Seconds of each measurement.") var seconds = 2.0
    @Option(help: "The folder of the results; a new one below .build/bench if not given.") var out: String?

    func validate() throws {
        guard (1_000...100_000_000).contains(records) else { throw ValidationError("--records is from 1000 to 100000000, not \(records)") }
        guard (1...100).contains(rounds) else { throw ValidationError("--rounds is from 1 to 100, not \(rounds)") }
        guard seconds > 0, seconds <= 600 else { throw ValidationError("--seconds is more than 0 and at most 600, not \(seconds)") }
    }

    func run() async throws {
        var environment = MeasureOptions.environment()
        let data = try EngineData(records: records)
        defer { data.remove() }
        let busy = await EnvironmentProbe.settle(below: Warnings.busyShareMax, atMostSeconds: TargetSession.settleSecondsMax)
        environment.loadBefore = EnvironmentProbe.load
        let beganAt = WallClock.now() / 1_000
        let figures = try EngineRun(data).run(rounds: rounds, seconds: seconds)
        var result = EngineResult(
            beganAt: beganAt, environment: environment, records: records, recordBytes: data.recordBytes, rounds: rounds, seconds: seconds,
            appliedPerSecond: data.appliedPerSecond, figures: figures.map { .init(name: $0.name, unit: $0.unit, nanoseconds: $0.nanoseconds) }, aims: [],
            warnings: Warnings.of(environment, busyShare: busy) + (rounds < 5 ? ["medians of fewer than 5 rounds"] : []))
        result.aims = Self.aims(of: result)
        let folder = out ?? Places.resultFolder("engine-\(records)")
        try RunFolder.write(result, to: folder)
        try ReportWriter.write(for: folder)
        show(result)
        Output.say("written to \(folder); read \(folder)/report.html")
    }

    /// Of `mdb_get`, for who sees eight of ten fields; and records examined by a scan.
    private static func aims(of result: EngineResult) -> [Aim] {
        result.figures.dropFirst().compactMap { figure in
            guard let share = result.share(figure) else {
                return Aim(name: "\(figure.name), one thread", atLeast: 3_000_000, reached: 1e9 / max(1, figure.median), unit: "records/s")
            }
            return Aim(name: "GET, \(figure.name), of mdb_get", atLeast: 0.6, reached: share, unit: "×")
        }
    }

    private func show(_ result: EngineResult) {
        Output.say("\(Output.grouped(Double(records))) records applied at \(Output.grouped(result.appliedPerSecond))/s in key order, without a log")
        Output.say("medians of \(rounds) round\(rounds > 1 ? "s" : "") of \(seconds) s, one thread")
        for figure in result.figures {
            let range = "\(Int(figure.nanoseconds.min() ?? 0)) – \(Int(figure.nanoseconds.max() ?? 0))"
            Output.say("\(Output.padded(figure.name, 30)) \(Output.padded(String(Int(figure.median.rounded())), 6, right: true)) ns a \(figure.unit) (\(range))")
        }
        Output.aims(result.aims)
        for warning in result.warnings { Output.say("warning: \(warning)") }
    }
}
