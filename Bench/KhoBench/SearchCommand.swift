import ArgumentParser
import BenchMeasure
import BenchReport
import BenchTargets
import Core
import Foundation

/// What latencies must keep to: `p99=5ms`.
struct Objective: Equatable {
    enum Figure: String, CaseIterable { case p50, p90, p95, p99, p999, p9999, max }
    var figure: Figure
    var nanoseconds: UInt64

    init(_ text: String) throws {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        let units: [(String, Double)] = [("ms", 1e6), ("us", 1e3), ("µs", 1e3), ("s", 1e9)]
        guard parts.count == 2, let figure = Figure(rawValue: parts[0]), let unit = units.first(where: { parts[1].hasSuffix($0.0) }),
            let number = Double(parts[1].dropLast(unit.0.count)), number > 0, number < 100_000
        else {
            let names = Figure.allCases.map(\.rawValue).joined(separator: ", ")
            throw BenchError("\(text) is no objective", remedy: "write a percentile and a time, as p99=5ms; the percentiles are \(names)")
        }
        self.figure = figure
        nanoseconds = UInt64(number * unit.1)
    }

    /// The figure; nil if too few samples carry it.
    func reached(_ latencies: Latencies) -> UInt64? {
        switch figure {
        case .p50: latencies.p50
        case .p90: latencies.p90
        case .p95: latencies.p95
        case .p99: latencies.p99
        case .p999: latencies.p999
        case .p9999: latencies.p9999
        case .max: latencies.max
        }
    }
}

/// `kho-bench search`
struct SearchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search", abstract: "Finds the highest rate of an open load at which an objective holds.",
        discussion: """
            Doubles the rate until it does not hold, then halves the interval until it is 5 % wide. A rate holds if no request was skipped or failed. Writes a \
            comparison of the rates.
            """)

    @Option(help: "kho, redis, redis-tls, etcd, postgres, postgres-batch.") var target = "kho"
    @Option(help: "The name of a file of Bench/Workloads, or a path.") var workload = "lgsp-lookup"
    @Option(help: "As p99=5ms.") var slo = "p99=5ms"
    @Option(help: "The rate to begin with.") var from = 2_000.0
    @OptionGroup var options: MeasureOptions

    func run() async throws {
        let workload = try Places.workload(workload), objective = try Objective(slo)
        let environment = MeasureOptions.environment()
        let folder = options.out ?? Places.resultFolder("search-\(target)-\(workload.name)")
        // A comparison of one target: its report has the picture of the rate against p99.
        var comparison = Comparison(beganAt: WallClock.now() / 1_000, environment: environment, rounds: 1, runs: [], warnings: [], aims: [])
        try await Stage.whileSet {
            let session = try await Stage.session(target, records: options.records ?? workload.records, [workload], queryNodes: options.queryNodes)
            var held: Double?
            var failed: Double?
            var rate = from
            while failed == nil || failed! / (held ?? 1) > 1.05 {
                let shape = LoadShape(connections: LoadShape.openConnections, depth: LoadShape.openDepth, ratePerSecond: rate.rounded())
                let line = ComparisonPlan.Line(target: target, workload: workload.name, shape: shape)
                let (result, histograms) = try await session.measure(workload, options.request(shape, environment, ceilings: [:]))
                try RunFolder.write(result, histograms: histograms, to: "\(folder)/runs/\(shape)")
                comparison.add(result, line, round: 1, folder: "runs/\(shape)")
                try RunFolder.write(comparison, to: folder)
                let holds = try holds(result, objective)
                Output.say(Output.line(result, shape: shape.description) + (holds ? "  holds" : "  does not hold"))
                if holds { held = rate } else { failed = rate }
                if let failed, held == nil, failed < 100 { break }
                rate = failed == nil ? rate * 2 : held == nil ? rate / 2 : (rate + (holds ? failed! : held!)) / 2
                if rate > 10_000_000 { break }
            }
            comparison.aims = [Aim(name: "highest rate at which \(slo) holds", atLeast: 0, reached: (held ?? 0).rounded(), unit: "requests/s")]
            try RunFolder.write(comparison, to: folder)
            try ReportWriter.write(for: folder)
            guard let held else {
                throw BenchError("\(slo) does not hold at \(Int(failed ?? from)) requests a second", remedy: "begin lower with --from, or allow more time")
            }
            Output.say("\(slo) holds at \(Output.grouped(held)) requests a second; written to \(folder); read \(folder)/report.html")
        }
    }

    /// - Throws: if that cannot be said: too few samples carry the percentile, or what the target did is not what was asked.
    private func holds(_ result: RunResult, _ objective: Objective) throws -> Bool {
        if let failed = result.checks.first(where: { !$0.passed }) { throw BenchError("\(failed.name) failed: \(failed.detail)") }
        return try result.operations.allSatisfy { operation in
            guard operation.errors == 0, operation.skipped == 0 else { return false }
            guard let figure = objective.reached(operation.response ?? operation.service) else {
                throw BenchError("\(operation.service.samples) samples of \(operation.kind) are too few for \(slo)", remedy: "allow more time with --seconds, or begin higher with --from")
            }
            return figure <= objective.nanoseconds
        }
    }
}
