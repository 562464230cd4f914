import ArgumentParser
import BenchLoad
import BenchMeasure
import BenchTargets
import Core
import Foundation

/// What every measuring command takes.
struct MeasureOptions: ParsableArguments {
    @Option(help: "Records to load, instead of the workload's number.") var records: Int?
    @Option(help: "Seconds that are measured.") var seconds = 5.0
    @Option(help: "Seconds before that, thrown away.") var warmUp = 1.0
    @Option(help: "Threads of the load; half of the processors if not given.") var threads: Int?
    @Option(help: "Query nodes of kho, over which the connections are spread.") var queryNodes = 1
    @Option(help: "Seed of keys and arrivals; each round of a comparison has the next one.") var seed: UInt64 = 1
    @Option(help: "Of open loads: poisson or constant.") var arrivals = "poisson"
    @Option(help: "The folder of the results; a new one below .build/bench if not given.") var out: String?

    func validate() throws {
        if let records { guard (1_000...100_000_000).contains(records) else { throw ValidationError("--records is from 1000 to 100000000, not \(records)") } }
        guard seconds >= 0.1, seconds <= 3_600 else { throw ValidationError("--seconds is from 0.1 to 3600, not \(seconds)") }
        guard warmUp >= 0, warmUp <= 600 else { throw ValidationError("--warm-up is from 0 to 600, not \(warmUp)") }
        if let threads { guard (1...256).contains(threads) else { throw ValidationError("--threads is from 1 to 256, not \(threads)") } }
        guard Targets.queryNodes.contains(queryNodes) else {
            throw ValidationError("--query-nodes is from \(Targets.queryNodes.lowerBound) to \(Targets.queryNodes.upperBound), not \(queryNodes)")
        }
        guard LoadDescription.Arrivals(rawValue: arrivals) != nil else { throw ValidationError("--arrivals is poisson or constant, not \(arrivals)") }
    }

    /// - Parameter round: from 1; each draws other keys.
    func request(_ shape: LoadShape, _ environment: RunEnvironment, ceilings: [String: Double], round: Int = 1) -> TargetSession.Request {
        TargetSession.Request(
            shape: shape, warmUpSeconds: warmUp, seconds: seconds, threads: threads(on: environment), seed: seed &+ UInt64(round - 1),
            arrivals: LoadDescription.Arrivals(rawValue: arrivals) ?? .poisson, environment: environment, ceilings: ceilings)
    }

    private func threads(on environment: RunEnvironment) -> Int { threads ?? max(1, environment.processors / 2) }

    /// The ceilings that are known of this program on this machine.
    func calibration(_ environment: RunEnvironment) -> Calibration { Calibration(of: .init(environment, threads: threads(on: environment))) }

    /// Looks at the machine; says at once what spoils every figure.
    static func environment() -> RunEnvironment {
        var environment = EnvironmentProbe.look(folder: FileManager.default.temporaryDirectory.path, checkout: Places.checkout)
        let programs = MeasuredProgram.all
        environment.programs = programs.map(\.description)
        environment.programsAreOlderThanSources = Places.checkout.map { checkout in programs.contains { $0.isOlder(thanSourcesIn: checkout) } }
        for warning in Warnings.of(environment) { Output.say("warning: \(warning)") }
        return environment
    }
}

extension RunResult {
    /// The operations of the measured load: without what an import beside it wrote.
    var own: ArraySlice<OperationResult> {
        operations.count == 2 && operations[0].kind != OperationKind.importBatch.name && operations[1].kind == OperationKind.importBatch.name
            ? operations.prefix(1) : operations[...]
    }

    /// Processor time of the target for each operation. Of an import beside the load nobody knows what share of it was.
    var processorNanoseconds: Double? {
        guard let usage, own.count == operations.count else { return nil }
        let count = operations.reduce(0.0) { $0 + Double($1.count) }
        return count > 0 && usage.processorSeconds > 0 ? usage.processorSeconds * 1e9 / count : nil
    }
}

/// What is printed.
enum Output {
    static func say(_ text: String) {
        FileHandle.standardOutput.write(Data((text + "\n").utf8))
    }

    static func grouped(_ number: Double) -> String {
        let digits = String(Int(number.rounded()))
        var text = ""
        for (place, digit) in digits.enumerated() {
            if place > 0, (digits.count - place) % 3 == 0 { text += "," }
            text.append(digit)
        }
        return text
    }

    /// Nanoseconds as milliseconds.
    static func milliseconds(_ nanoseconds: UInt64?) -> String { nanoseconds.map { String(format: "%.3f", Double($0) / 1e6) } ?? "-" }

    static func padded(_ text: String, _ width: Int, right: Bool = false) -> String {
        let blanks = String(repeating: " ", count: max(0, width - text.count))
        return right ? blanks + text : text + blanks
    }

    /// One line for a run.
    static func line(_ result: RunResult, shape: String) -> String {
        let rate = result.own.reduce(0) { $0 + $1.perSecond }
        let latencies = result.own.first.map { $0.response ?? $0.service }
        var text = "\(padded(result.target.name, 10)) \(padded(result.workload.name, 23)) \(padded(shape, 9)) \(padded(grouped(rate), 9, right: true))/s"
        text += "  p50 \(milliseconds(latencies?.p50))  p99 \(milliseconds(latencies?.p99))  max \(milliseconds(latencies?.max)) ms"
        if let nanoseconds = result.processorNanoseconds { text += String(format: "  %.1f µs processor", nanoseconds / 1_000) }
        return text
    }

    static func aims(_ aims: [Aim]) {
        if !aims.isEmpty { say("\naims") }
        for aim in aims {
            if aim.atLeast == 0 {
                say("         \(aim.name): \(aim.unit == "×" ? String(format: "%.2f×", aim.reached) : "\(grouped(aim.reached)) \(aim.unit)")")
                continue
            }
            let figures = aim.unit == "×" ? String(format: "%.2f× of at least %.2f×", aim.reached, aim.atLeast)
                : "\(grouped(aim.reached)) of at least \(grouped(aim.atLeast)) \(aim.unit)"
            say("\(aim.isMet ? "met     " : "NOT MET ") \(aim.name): \(figures)")
        }
    }

    static func remarks(_ result: RunResult) {
        for check in result.checks where !check.passed { say("    FAILED: \(check.name): \(check.detail)") }
        for warning in result.warnings { say("    warning: \(warning)") }
        for operation in result.operations { for error in operation.errorSamples { say("    error of \(operation.kind): \(error)") } }
    }
}
