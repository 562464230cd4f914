import ArgumentParser
import BenchLoad
import BenchMeasure
import BenchReport
import BenchTargets
import Core
import Foundation

/// `kho-bench compare`
struct CompareCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Gives the same work to several targets in turns, round after round, and compares.",
        discussion: """
            Every target is started and loaded once, after the generator's own ceilings were measured. With --table the runs are those that Kho's aims need, and \
            the aims are computed; otherwise they are every target with every workload in every shape. Writes comparison.json and a folder for each run.
            """)

    @Flag(help: "The runs and the aims of the documentation's table.") var table = false
    @Option(help: "Targets, with commas; with --table, only aims that these can show.") var target = "kho,redis-tls"
    @Option(help: "Workloads, with commas.") var workload = "lgsp-lookup"
    @Option(help: "Shapes, with commas.") var shapes = "1x1,16x16,64x1,64x64"
    @Option(help: "Rounds.") var rounds = 5
    @OptionGroup var options: MeasureOptions

    func validate() throws { guard (1...100).contains(rounds) else { throw ValidationError("--rounds is from 1 to 100, not \(rounds)") } }

    func run() async throws {
        let targets = target.split(separator: ",").map(String.init)
        var plan = ComparisonPlan.table
        if !table {
            plan = ComparisonPlan(
                targets: targets, workloads: workload.split(separator: ",").map(String.init),
                shapes: try shapes.split(separator: ",").map { try LoadShape(String($0)) })
        }
        plan.lines.removeAll { !targets.contains($0.target) }
        guard !plan.lines.isEmpty else {
            let names = ComparisonPlan.table.targets.joined(separator: ", ")
            throw BenchError("nothing is left to run", remedy: "--target names targets of the table: \(names)")
        }
        var workloads: [String: Workload] = [:]
        for line in plan.lines where workloads[line.workload] == nil { workloads[line.workload] = try Places.workload(line.workload) }
        let environment = MeasureOptions.environment()
        let folder = options.out ?? Places.resultFolder("comparison")
        var comparison = Comparison(beganAt: WallClock.now() / 1_000, environment: environment, rounds: rounds, runs: [], warnings: [], aims: [])
        let calibrated = options.calibration(environment)
        let ceilings = try await Stage.whileSet {
            var calibration = calibrated
            let missing = calibration.missing(of: plan.lines.filter { $0.target == "kho" }.map(\.shape))
            if !missing.isEmpty { Output.say("the generator's ceiling in \(missing.map(\.description).joined(separator: ", "))") }
            var short = options
            (short.warmUp, short.seconds) = (min(0.5, options.warmUp), min(1, options.seconds))
            try await calibration.measure(missing, rounds: 3) { short.request($0, environment, ceilings: [:]) }
            return calibration.ceilings
        }
        try await Stage.whileSet {
            var sessions: [String: TargetSession] = [:]
            for name in plan.targets {
                let own = plan.lines.filter { $0.target == name }.compactMap { workloads[$0.workload] }
                sessions[name] = try await Stage.session(name, records: options.records ?? own.map(\.records).max() ?? 0, own, queryNodes: options.queryNodes)
            }
            var queryNodeBytes: Double?
            for round in 1...rounds {
                Output.say("round \(round) of \(rounds)")
                for line in plan.lines(inRound: round, of: rounds) {
                    guard let session = sessions[line.target], let workload = workloads[line.workload] else { continue }
                    let (result, histograms) = try await session.measure(workload, options.request(line.shape, environment, ceilings: ceilings, round: round))
                    let place = "runs/\(line.target)-\(line.workload)-\(line.shape)-\(round)"
                    try RunFolder.write(result, histograms: histograms, to: folder + "/" + place)
                    Output.say(Output.line(result, shape: line.shape.description))
                    Output.remarks(result)
                    comparison.add(result, line, round: round, folder: place)
                    if let bytes = result.usage?.anonymousBytesByProcess?.filter({ $0.key.hasPrefix("query") }).values.max() {
                        queryNodeBytes = max(queryNodeBytes ?? 0, Double(bytes))
                    }
                    // Each run is there even if a later one fails.
                    try RunFolder.write(comparison, to: folder)
                }
            }
            var medians = Self.medians(comparison.runs)
            medians.queryNodeBytes = queryNodeBytes
            comparison.aims = plan.goals.compactMap { goal in
                goal.reached(medians).map { Aim(name: goal.name, atLeast: goal.atLeast, reached: $0, unit: goal.unit) }
            }
            try RunFolder.write(comparison, to: folder)
            try ReportWriter.write(for: folder)
            Self.show(plan, medians, comparison)
            Output.say("written to \(folder); read \(folder)/report.html")
            let failed = comparison.warnings.count { $0.contains(": FAILED: ") }
            if failed > 0 { throw BenchError("\(failed) checks failed: no figure above counts", remedy: "read the lines with FAILED") }
        }
    }

    private static func medians(_ runs: [Comparison.Run]) -> ComparisonPlan.Medians {
        var rates: [ComparisonPlan.Line: [Double]] = [:]
        var p99s: [ComparisonPlan.Line: [Double]] = [:]
        for run in runs {
            guard let shape = try? LoadShape(run.shape) else { continue }
            let line = ComparisonPlan.Line(target: run.target, workload: run.workload, shape: shape)
            rates[line, default: []].append(run.perSecond)
            if let p99 = run.p99 { p99s[line, default: []].append(Double(p99)) }
        }
        var medians = ComparisonPlan.Medians()
        medians.perSecond = rates.compactMapValues { Statistics.median($0) }
        medians.p99 = p99s.compactMapValues { Statistics.median($0) }
        return medians
    }

    /// The medians with the lowest and the highest round, then the aims.
    private static func show(_ plan: ComparisonPlan, _ medians: ComparisonPlan.Medians, _ comparison: Comparison) {
        Output.say("\nmedians of \(comparison.rounds) round\(comparison.rounds > 1 ? "s" : "") (lowest – highest)")
        for line in plan.lines {
            guard let median = medians.perSecond[line] else { continue }
            let runs = comparison.runs.filter { $0.target == line.target && $0.workload == line.workload && $0.shape == line.shape.description }
            let rates = runs.map(\.perSecond)
            let range = "(\(Output.grouped(rates.min() ?? 0)) – \(Output.grouped(rates.max() ?? 0)))"
            let name = "\(Output.padded(line.target, 10)) \(Output.padded(line.workload, 23)) \(Output.padded(line.shape.description, 9))"
            Output.say("\(name) \(Output.padded(Output.grouped(median), 9, right: true))/s \(range)")
        }
        Output.aims(comparison.aims)
        if comparison.rounds < 5 { Output.say("warning: fewer than 5 rounds; medians of so few are not to be quoted") }
        if !comparison.warnings.isEmpty { Output.say("\(comparison.warnings.count) warnings; they stand beside the runs above") }
    }
}

extension Comparison {
    /// One more run, with its warnings and what of its checks failed; its folder is below the comparison's.
    mutating func add(_ result: RunResult, _ line: ComparisonPlan.Line, round: Int, folder: String) {
        let latencies = result.own.first.map { $0.response ?? $0.service }
        runs.append(
            Run(
                round: round, target: line.target, workload: line.workload, shape: line.shape.description, folder: folder,
                perSecond: result.own.reduce(0) { $0 + $1.perSecond }, p50: latencies?.p50, p99: latencies?.p99, processorNanoseconds: result.processorNanoseconds))
        for warning in result.warnings + result.checks.filter({ !$0.passed }).map({ "FAILED: \($0.name): \($0.detail)" }) {
            warnings.append("\(line.target), \(line.workload), \(line.shape), round \(round): \(warning)")
        }
    }
}
