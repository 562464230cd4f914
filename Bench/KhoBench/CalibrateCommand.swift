import ArgumentParser
import BenchTargets

/// `kho-bench calibrate`
struct CalibrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calibrate", abstract: "Measures the generator against a server that knows nothing.",
        discussion: """
            The null server answers every GET over KHO/1 and TLS with the same record. A run of kho that reaches more than 70 % of what is found here in \
            the same shape, by the same program on the same machine, says "bound by the generator" from then on. compare does this for shapes that have no ceiling yet.
            """)

    @Option(help: "Shapes, with commas.") var shapes = "1x1,16x16,64x1,64x16,64x64"
    @Option(help: "Rounds in turns; the medians are kept.") var rounds = 3
    @OptionGroup var options: MeasureOptions

    func run() async throws {
        let shapes = try shapes.split(separator: ",").map { try LoadShape(String($0)) }
        let environment = MeasureOptions.environment()
        try await Stage.whileSet {
            var calibration = options.calibration(environment)
            try await calibration.measure(shapes, rounds: rounds) { options.request($0, environment, ceilings: [:]) }
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
