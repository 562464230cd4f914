import ArgumentParser
import BenchMeasure
import BenchTargets
import Foundation

/// What the generator gives against the null server, by shape: its ceiling on this machine.
struct Calibration: Codable {
    var ceilings: [String: Double] = [:]

    private static var path: String { Places.results + "/calibration.json" }

    /// The last one; empty if there is none.
    static func read() -> Calibration {
        guard let data = FileManager.default.contents(atPath: path) else { return Calibration() }
        return (try? JSONDecoder().decode(Calibration.self, from: data)) ?? Calibration()
    }

    func write() throws {
        try FileManager.default.createDirectory(atPath: Places.results, withIntermediateDirectories: true)
        try JSONEncoder().encode(self).write(to: URL(fileURLWithPath: Self.path))
    }
}

/// `kho-bench calibrate`
struct CalibrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calibrate", abstract: "Measures the generator against a server that knows nothing.",
        discussion: """
            The null server answers every GET over KHO/1 and TLS with the same record. A run of kho that reaches more than 70 % of what is found here in \
            the same shape says "bound by the generator" from then on.
            """)

    @Option(help: "Shapes, with commas.") var shapes = "1x1,16x16,64x1,64x16,64x64"
    @Option(help: "Rounds in turns; the medians are kept.") var rounds = 3
    @OptionGroup var options: MeasureOptions

    func run() async throws {
        let shapes = try shapes.split(separator: ",").map { try LoadShape(String($0)) }
        let environment = MeasureOptions.environment()
        let workload = try Places.workload("lgsp-lookup")
        try await Stage.whileSet {
            let session = try await Stage.session("null", records: 1_000, [workload])
            var rates: [LoadShape: [Double]] = [:]
            for _ in 0..<rounds {
                for shape in shapes {
                    let result = try await session.measure(workload, options.request(shape, environment, ceilings: [:])).result
                    Output.say(Output.line(result, shape: shape.description))
                    rates[shape, default: []].append(result.operations[0].perSecond)
                }
            }
            var calibration = Calibration.read()
            for shape in shapes { calibration.ceilings[shape.description] = rates[shape].flatMap { Statistics.median($0) } }
            try calibration.write()
        }
    }
}

/// `kho-bench null-server`, which `calibrate` starts.
struct NullServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "null-server", abstract: "Answers every request with the same bytes.", shouldDisplay: false)

    @Option var port: Int
    @Option var cert: String
    @Option var key: String
    @Option var ca: String

    func run() async throws { try await NullServer.serve(port: port, certificate: cert, key: key, authority: ca) }
}
