import Core
import Transport

/// Where the client's TLS identity stands: paths of PEM files.
public struct KhoTLS: Sendable, Equatable {
    /// The own certificate.
    public var certificate: String
    /// Its private key.
    public var key: String
    /// The cluster's authority.
    public var authority: String
    /// Whether a node's certificate must hold the host name or the IP address that was connected to, beside being of the authority, of the
    /// role *node* and of the own certificate's cluster.
    public var verifiesHost: Bool

    public init(certificate: String, key: String, authority: String, verifiesHost: Bool = true) {
        self.certificate = certificate
        self.key = key
        self.authority = authority
        self.verifiesHost = verifiesHost
    }
}

/// How the client behaves. The defaults suit a service that asks on behalf of people.
public struct KhoSettings: Sendable, Equatable {
    /// How long a call may take, retries included; of a scan, each batch.
    public var deadline: Duration
    /// How long connecting to one endpoint may take, TLS and greeting included.
    public var connectTimeout: Duration
    /// A node from which nothing comes for so long, while it owes an answer, is asked for a sign of life; after as long again the
    /// connection is given up, and what was under way is sent to another node.
    public var silence: Duration
    /// Batches of a scan that may wait in memory, each of about 1 MiB at most.
    public var scanCredit: UInt16
    /// The calling program and its version, for the node's log; at most `Limits.nameBytes` bytes each.
    public var program: String, programVersion: String

    public init(
        deadline: Duration = .seconds(10), connectTimeout: Duration = .seconds(3), silence: Duration = .seconds(2), scanCredit: UInt16 = 4,
        program: String = "KhoClient", programVersion: String = "1"
    ) {
        self.deadline = deadline
        self.connectTimeout = connectTimeout
        self.silence = silence
        self.scanCredit = max(1, scanCredit)
        self.program = program
        self.programVersion = programVersion
    }
}

extension Duration {
    /// Whole milliseconds, from 0 up.
    var milliseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0, seconds < 1 << 40 else { return seconds < 0 ? 0 : UInt64(Int64.max) / 1_000_000 }
        return UInt64(seconds) * 1_000 + UInt64(attoseconds / 1_000_000_000_000_000)
    }
}

extension MonotonicTime {
    static func after(_ duration: Duration) -> MonotonicTime { .now().adding(milliseconds: min(duration.milliseconds, 1 << 40)) }
}

/// What every connection of a client has in common.
struct Dialling: Sendable {
    var endpoints: [Endpoint]
    var port: WirePort
    /// The cluster that a node's certificate must name.
    var cluster: String
    var settings: KhoSettings

    /// Throws `invalid` for an endpoint that is none.
    static func endpoints(_ texts: [String]) throws(KhoError) -> [Endpoint] {
        guard !texts.isEmpty else { throw .invalid("there must be an endpoint") }
        var all: [Endpoint] = []
        for text in texts {
            guard let endpoint = Endpoint(text) else {
                throw .invalid("\"\(text)\" is not an endpoint: expected host:port")
            }
            all.append(endpoint)
        }
        return all
    }
}
