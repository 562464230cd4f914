import Core
import Transport

/// Bounds of a network; the values of `Limits` unless a test says otherwise.
package struct PeerLimits: Sendable {
    /// Bytes of one message at most.
    package var frameBytes = Limits.peerFrameBytes
    /// Bytes that wait for one lane of one peer.
    package var queueBytes = Limits.peerQueueBytes
    /// Accepted connections in their handshake.
    package var handshakes = Limits.peerHandshakes
    package var handshakeMilliseconds = Limits.handshakeMilliseconds
    package var pingMilliseconds = Limits.peerPingMilliseconds
    package var silenceMilliseconds = Limits.peerSilenceMilliseconds
    package var redialMilliseconds = Limits.peerRedialMilliseconds
    package var redialMillisecondsMax = Limits.peerRedialMillisecondsMax

    package init() {}
}

/// What a network counts, as of one moment. Everything counts from the network's making.
package struct PeerCounters: Equatable, Sendable {
    /// Messages taken by `send`.
    package var sent: UInt64 = 0
    package var sentBytes: UInt64 = 0
    package var received: UInt64 = 0
    package var receivedBytes: UInt64 = 0
    /// Messages that `send` did not take: not connected, queue full, or too large.
    package var dropped: UInt64 = 0
    /// Bytes that had been taken and still waited when their connection ended.
    package var lostBytes: UInt64 = 0
    /// Open connections closed for what the other side sent: a frame too large, damaged or unknown.
    package var misbehaved: UInt64 = 0
    /// Open connections closed because nothing was heard on them.
    package var silent: UInt64 = 0
    /// Open connections closed because the certificate had expired or the owner no longer admitted the node.
    package var ended: UInt64 = 0
    /// Handshakes that failed, either side's, by reason.
    package var refused: [PeerRefusal: UInt64] = [:]
}

/// What keeps a network from starting.
package enum PeerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The own certificate is not one of a node of this cluster.
    case wrongCertificate(String, expected: String)
    /// The TLS library refuses the identity.
    case tls(TransportError)
    /// The system refuses to listen there.
    case listen(address: String, reason: String)
    /// `start` was called before, or `stop`.
    case notFresh

    package var description: String {
        switch self {
        case let .wrongCertificate(name, expected): "the certificate says \(name), but a node of this cluster needs \(expected)"
        case let .tls(error): error.description
        case let .listen(address, reason): "cannot listen on \(address): \(reason)"
        case .notFresh: "a peer network starts once"
        }
    }
}
