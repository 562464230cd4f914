import Admission
import Core
import Logging
import NIOCore
import NIOSSL
import Synchronization

/// What every connection of a network needs.
final class PeerShared: Sendable {
    let identity: PeerIdentity
    let clusterName: String
    let limits: PeerLimits
    let delegate: any PeerDelegate
    let logger: Logger
    let meters = PeerMeters()
    /// Milliseconds since 1970; ends connections whose certificate has expired.
    let wallClock: @Sendable () -> Int64
    private let client: NIOSSLContext
    private let server: NIOSSLContext
    private let lastNotice = Mutex<[PeerRefusal: MonotonicTime]>([:])

    init(
        identity: PeerIdentity, clusterName: String, limits: PeerLimits, delegate: any PeerDelegate, logger: Logger, client: NIOSSLContext,
        server: NIOSSLContext, wallClock: @escaping @Sendable () -> Int64
    ) {
        self.identity = identity
        self.clusterName = clusterName
        self.limits = limits
        self.delegate = delegate
        self.logger = logger
        self.client = client
        self.server = server
        self.wallClock = wallClock
    }

    /// The pipeline of a connection: TLS, then the handler. On the channel's event loop.
    func configure(_ channel: any Channel, _ handler: PeerHandler, isServer: Bool) throws {
        // Otherwise a connection that once sent a large message keeps as large a buffer.
        var configuration = NIOSSLHandler.Configuration()
        configuration.maximumPreservedOutboundBufferCapacity = 1 << 20
        let pipeline = channel.pipeline.syncOperations
        if isServer {
            try pipeline.addHandler(NIOSSLServerHandler(context: server, customVerificationCallback: nil, configuration: configuration))
        } else {
            try pipeline.addHandler(
                NIOSSLClientHandler(context: client, serverHostname: nil, customVerificationCallback: nil, configuration: configuration))
        }
        try pipeline.addHandler(handler)
    }

    /// Logs a refused handshake of a caller: a notice at most every ten seconds for each reason, so that nobody fills a disk from outside.
    func logRefusal(_ reason: PeerRefusal, _ detail: String, remote: SocketAddress?) {
        let now = MonotonicTime.now()
        let isNews = lastNotice.withLock { last in
            if let before = last[reason], now.milliseconds(since: before) < 10_000 { return false }
            last[reason] = now
            return true
        }
        logger.log(
            level: isNews ? .notice : .debug, "peer connection refused: \(reason)",
            metadata: ["remote": "\(remote?.description ?? "unknown")", "detail": "\(detail)"])
    }
}

/// How a connection ended.
enum PeerEnding: Sendable {
    case refused(PeerRefusal, detail: String)
    case lost(String)
    /// By this side's will: the peer was removed, a newer connection took the place, the network stops.
    case dismissed

    var text: String {
        switch self {
        case let .refused(reason, detail): detail.isEmpty ? "\(reason)" : "\(reason): \(detail)"
        case let .lost(reason): reason
        case .dismissed: "dismissed"
        }
    }
}
