import ArgumentParser
import Console
import Core
import KhoClient

extension TransferFormat: ExpressibleByArgument {
    /// `json` too, as other commands call it; an array of everything would have no use for a file that an import reads line by line.
    init?(argument: String) { self.init(rawValue: argument == "json" ? "jsonl" : argument) }
}

/// What importing and exporting have in common: how to reach the cluster, and how long to be patient.
struct TransferOptions: ParsableArguments {
    @OptionGroup var reach: ReachOptions
    @OptionGroup var context: ContextOptions
    @Option(help: ArgumentHelp("How long to go on without progress, as 500ms, 10s, 2m.", valueName: "time"))
    var timeout = TimeSpan(milliseconds: 60_000)

    func client() async throws(CommandError) -> KhoClient {
        let settings = try Settings.current(reach, context)
        guard let endpoints = settings.endpoints else { throw Settings.missing("where the query nodes are", flag: "--endpoints", variable: "KHO_ENDPOINTS") }
        let tls = try settings.tls()
        EventLoops.use(1)
        let connecting = KhoSettings(deadline: timeout.duration, program: "kho", programVersion: Version.current)
        let end = MonotonicTime.now().adding(milliseconds: timeout.milliseconds)
        while true {
            do throws(KhoError) {
                return try await KhoClient.connect(endpoints: endpoints.value.map(\.description), tls: tls, settings: connecting)
            } catch {
                // A node that answers, and has no leader at this moment.
                guard case let .unreachable(reasons) = error, reasons.contains(where: { $0.contains("KHO-") }), MonotonicTime.now() < end else {
                    throw CommandError(error)
                }
                try? await Task.sleep(nanoseconds: 100_000_000)
            }
        }
    }

    /// The format that was given, or the one that the file's name says.
    static func format(_ given: TransferFormat?, file: String) throws(CommandError) -> TransferFormat {
        guard let format = given ?? TransferFormat.guessed(file) else {
            throw .usage("the name \(file) does not say what is in the file", remedy: "--format csv or --format jsonl")
        }
        return format
    }
}
