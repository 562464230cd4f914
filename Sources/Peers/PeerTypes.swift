import Admission
import Core

/// A connection of its own to each peer, so that a snapshot never delays a heartbeat.
package enum PeerLane: UInt8, Sendable, CaseIterable {
    case consensus = 0
    case bulk = 1
}

/// What the network tells its owner. Every call comes on an event loop and must not block; calls about one lane of one node come in order.
package protocol PeerDelegate: AnyObject, Sendable {
    /// A message arrived. Messages of one connection come in the order in which they were sent; the next connection
    /// may begin before the last message of a broken one was delivered.
    func received(_ bytes: [UInt8], from node: NodeID, lane: PeerLane)
    /// This node's consensus lane to the other is open: `send` reaches it from now on.
    func connected(_ node: NodeID)
    /// This node's consensus lane to the other is lost, and messages under way with it.
    func disconnected(_ node: NodeID)
    /// What this node says of its own place, in each handshake.
    var standing: PeerStanding { get }
    /// Whether the other side of a handshake may go on: is it a member, with this incarnation and this certificate? The cluster's id, the node's
    /// number and the certificate's cluster and role are checked already; `certificateName` is the last part of its URI,
    /// and binding it to the number is the delegate's part. Asked again of open connections at each `setPeers`. `begun`: when the connection began,
    /// before its handshake.
    func admits(_ hello: PeerIdentity, standing: PeerStanding, certificateName: String, begun: MonotonicTime) -> PeerVerdict
}

/// Why a handshake did not end in an open connection. The raw value goes over the wire.
package enum PeerRefusal: UInt8, Error, Sendable, CaseIterable, CustomStringConvertible {
    /// TLS itself failed: another authority, no certificate, an expired one, no TLS at all.
    case tls = 1
    /// Nobody agreed to speak `kho-peer/1`.
    case wrongProtocol = 2
    /// The certificate has no name `kho://…`, or more than one.
    case nameless = 3
    /// The certificate is of another cluster's name.
    case wrongClusterName = 4
    /// The certificate is a client's, not a node's.
    case wrongRole = 5
    /// Another version of the peer protocol.
    case wrongVersion = 6
    /// Another group of replicas than 0.
    case wrongGroup = 7
    /// Another cluster's id.
    case wrongCluster = 8
    /// The other side is not the node that was dialled, or it looked for another node than this.
    case wrongNode = 9
    /// The owner does not admit it: no member, another incarnation, another certificate.
    case notAdmitted = 10
    /// The handshake took longer than allowed.
    case tooSlow = 11
    /// Too many connections were in their handshake; this was the oldest.
    case tooMany = 12
    /// Bytes that are no handshake.
    case malformed = 13
    /// The other side has refused this node.
    case byPeer = 14

    package var description: String {
        switch self {
        case .tls: "the TLS handshake failed"
        case .wrongProtocol: "the other side does not speak kho-peer/1"
        case .nameless: "the certificate has no name of Kho"
        case .wrongClusterName: "the certificate names another cluster"
        case .wrongRole: "the certificate is not a node's"
        case .wrongVersion: "another version of the peer protocol"
        case .wrongGroup: "another group of replicas"
        case .wrongCluster: "another cluster id"
        case .wrongNode: "not the node expected"
        case .notAdmitted: "not admitted: membership, incarnation or certificate"
        case .tooSlow: "the handshake took too long"
        case .tooMany: "too many handshakes at a time"
        case .malformed: "malformed handshake"
        case .byPeer: "refused by the other side"
        }
    }
}
