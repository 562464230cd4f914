import ArgumentParser
import BenchLoad
import BenchMeasure
import BenchReport
import BenchTargets
import Core

/// `kho-bench run`
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Starts one target, loads it, gives it one load, and writes a folder of what was found.",
        discussion: """
            A shape is connections by depth, as 64x16: a closed load, in which a request follows an answer. open-5000 is an open load of 5,000 requests \
            a second that are sent when they are due, whether answers come or not; latency counts from when they were due.
            """)

    @Option(help: "kho, redis, redis-tls, etcd, postgres, postgres-batch, lmdb, null.") var target = "kho"
    @Option(help: "The name of a file of Bench/Workloads, or a path.") var workload = "lgsp-lookup"
    @Option(help: "64x16, open-5000.") var shape = "64x16"
    @OptionGroup var options: MeasureOptions

    func run() async throws {
        let workload = try Places.workload(workload), shape = try LoadShape(shape)
        let environment = MeasureOptions.environment()
        let folder = options.out ?? Places.resultFolder("\(target)-\(workload.name)-\(shape)")
        try await Stage.whileSet {
            let session = try await Stage.session(target, records: options.records ?? workload.records, [workload], queryNodes: options.queryNodes)
            let (result, histograms) = try await session.measure(workload, options.request(shape, environment, ceilings: options.calibration(environment).ceilings))
            try RunFolder.write(result, histograms: histograms, to: folder)
            try ReportWriter.write(for: folder)
            Output.say(Output.line(result, shape: shape.description))
            for check in result.checks where check.passed { Output.say("    held: \(check.name): \(check.detail)") }
            Output.remarks(result)
            Output.say("written to \(folder); read \(folder)/report.html")
            if result.checks.contains(where: { !$0.passed }) { throw ExitCode(1) }
        }
    }
}
