import ArgumentParser
import Configuration
import Console
import Core
import KhoClient

/// What every command takes that speaks to a cluster.
struct ClusterOptions: ParsableArguments {
    @OptionGroup var reach: ReachOptions
    @OptionGroup var context: ContextOptions
    @Option(help: ArgumentHelp("How long the answer may take, as 500ms, 10s, 2m.", valueName: "time"))
    var timeout = TimeSpan(milliseconds: 10_000)

    var access: ClusterAccess { ClusterAccess(reach: reach.reach, contextName: context.context, timeout: timeout) }

    func settings() throws(CommandError) -> Settings { try access.settings() }
    func client() async throws(CommandError) -> KhoClient { try await access.client() }
    func administration() throws(CommandError) -> Administration { try access.administration() }
}

/// How a command gets at a cluster: what the flags say, and how long it waits.
struct ClusterAccess: Sendable {
    var reach: Reach
    var contextName: String?
    var timeout: TimeSpan

    func settings() throws(CommandError) -> Settings { try Settings.current(reach, contextName: contextName) }

    /// A client of the query nodes, connected: nobody there shows at once and not only at the deadline.
    func client() async throws(CommandError) -> KhoClient {
        let settings = try settings()
        guard let endpoints = settings.endpoints else { throw Settings.missing("where the query nodes are", flag: "--endpoints", variable: "KHO_ENDPOINTS") }
        let tls = try settings.tls()
        EventLoops.use(1)
        do throws(KhoError) {
            return try await KhoClient.connect(endpoints: endpoints.value.map(\.description), tls: tls, settings: clientSettings)
        } catch {
            throw CommandError(error)
        }
    }

    /// The administration ports that the settings name.
    func administration() throws(CommandError) -> Administration {
        let settings = try settings()
        guard let endpoints = settings.adminEndpoints else {
            throw Settings.missing("where the nodes' administration ports are", flag: "--admin-endpoints", variable: "KHO_ADMIN_ENDPOINTS")
        }
        return try administration(at: endpoints.value, settings)
    }

    /// Other administration ports than those of the settings.
    func administration(at endpoints: [Endpoint], _ settings: Settings) throws(CommandError) -> Administration {
        EventLoops.use(1)
        return Administration(endpoints: endpoints, tls: try settings.tls(), settings: clientSettings)
    }

    private var clientSettings: KhoSettings {
        KhoSettings(deadline: timeout.duration, connectTimeout: min(.seconds(3), timeout.duration), program: "kho", programVersion: Version.current)
    }
}

extension Settings {
    /// The caller's certificate, its key and the authority.
    func tls() throws(CommandError) -> KhoTLS {
        guard let certificate, let key else { throw Self.missing("who you are", flag: "--cert and --key", variable: "KHO_CERT and KHO_KEY") }
        guard let ca else { throw Self.missing("which authority to trust", flag: "--ca", variable: "KHO_CA") }
        return KhoTLS(certificate: certificate.value, key: key.value, authority: ca.value)
    }
}

/// A time span on the command line: `500ms`, `10s`, `2m`; digits alone are seconds.
struct TimeSpan: ExpressibleByArgument, Equatable, CustomStringConvertible {
    var milliseconds: UInt64

    init(milliseconds: UInt64) { self.milliseconds = milliseconds }

    init?(argument: String) {
        let units: [(String, UInt64)] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("", 1_000)]
        guard let (unit, factor) = units.first(where: { argument.hasSuffix($0.0) }), let number = UInt64(argument.dropLast(unit.count)),
            (1...86_400_000).contains(number), number * factor <= 86_400_000
        else { return nil }
        milliseconds = number * factor
    }

    var duration: Duration { .milliseconds(milliseconds) }
    var description: String { milliseconds % 1_000 == 0 ? "\(milliseconds / 1_000)s" : "\(milliseconds)ms" }
    var defaultValueDescription: String { description }
}
