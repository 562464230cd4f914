import BenchMeasure
import BenchTargets
import Foundation

/// What the generator gives against the null server: its ceiling on this machine, kept in a file below the results.
struct Calibration {
    /// What a ceiling belongs to: another machine, program or number of threads has another one.
    struct Maker: Codable, Equatable {
        var processor: String
        var processors: Int
        /// As `MeasuredProgram` describes it.
        var program: String
        var threads: Int

        init(_ environment: RunEnvironment, threads: Int) {
            processor = environment.processor
            processors = environment.processors
            program = environment.programs?.first { $0.hasPrefix("kho-bench ") } ?? "unknown"
            self.threads = threads
        }
    }
    private let maker: Maker
    private let file: String
    /// Operations a second, by shape.
    private(set) var ceilings: [String: Double] = [:]

    /// What this maker has found so far; none of another one, and none if the file cannot be read.
    init(of maker: Maker, file: String = Places.results + "/calibration.json") {
        self.maker = maker
        self.file = file
        guard let data = FileManager.default.contents(atPath: file), let kept = try? JSONDecoder().decode(Kept.self, from: data), kept.maker == maker
        else { return }
        ceilings = kept.ceilings
    }

    /// Measures these shapes in turns and keeps the medians.
    mutating func measure(_ shapes: [LoadShape], rounds: Int, _ request: (LoadShape) -> TargetSession.Request) async throws {
        guard !shapes.isEmpty else { return }
        let workload = try Places.workload("lgsp-lookup")
        let session = try await Stage.session("null", records: 1_000, [workload])
        var rates: [String: [Double]] = [:]
        var doubtful: Set<String> = []
        for _ in 0..<rounds {
            for shape in shapes {
                let result = try await session.measure(workload, request(shape)).result
                Output.say(Output.line(result, shape: shape.description))
                // That the generator is the bound is what is looked for.
                if result.warnings.contains(where: { !$0.hasPrefix("bound by the generator") }) {
                    Output.remarks(result)
                    doubtful.insert(shape.description)
                }
                rates[shape.description, default: []].append(result.operations[0].perSecond)
            }
        }
        // Those are good for now, and are measured again the next time.
        try keep(rates.filter { !doubtful.contains($0.key) })
        for shape in doubtful { ceilings[shape] = rates[shape].flatMap { Statistics.median($0) } }
    }

    /// Keeps the median of each shape's rounds, in the file too.
    mutating func keep(_ rates: [String: [Double]]) throws {
        for (shape, rounds) in rates { ceilings[shape] = Statistics.median(rounds) }
        let file = URL(fileURLWithPath: file)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try JSONEncoder().encode(Kept(maker: maker, ceilings: ceilings)).write(to: file)
    }

    /// The file's contents.
    private struct Kept: Codable {
        var maker: Maker
        var ceilings: [String: Double]
    }

    /// Of these shapes, those without a ceiling, each once. Open loads have none: what is due is given.
    func missing(of shapes: [LoadShape]) -> [LoadShape] {
        var missing: [LoadShape] = []
        for shape in shapes where shape.ratePerSecond == nil && ceilings[shape.description] == nil && !missing.contains(shape) { missing.append(shape) }
        return missing
    }
}
