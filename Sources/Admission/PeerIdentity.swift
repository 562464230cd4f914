import Core

/// Who a node is: what both sides of a peer connection tell each other first.
package struct PeerIdentity: Equatable, Sendable {
    package var cluster: ClusterID
    package var node: NodeID
    /// The life of the node's data directory.
    package var incarnation: Incarnation
    /// The start of the node's process, counted in that directory.
    package var start: PeerStart

    package init(cluster: ClusterID, node: NodeID, incarnation: Incarnation, start: PeerStart = .untold) {
        self.cluster = cluster
        self.node = node
        self.incarnation = incarnation
        self.start = start
    }
}

/// One start of a node on its data directory. The directory counts them, so that one that was put back to an earlier state shows to those who have met a
/// later start of it.
package struct PeerStart: Equatable, Sendable {
    /// From 1.
    package var number: UInt64
    /// Drawn at the start: two starts of one number are of two copies of a directory.
    package var mark: UInt64

    /// An older form of the handshake does not tell.
    package static let untold = PeerStart(number: 0, mark: 0)

    package init(number: UInt64, mark: UInt64) {
        self.number = number
        self.mark = mark
    }
}

/// What a node's own log says of its place in the cluster, told in the handshake. It lets a node that is far behind hear a leader that came
/// after the last membership that it knows.
package struct PeerStanding: Equatable, Sendable {
    /// The index of the entry with the membership that the node goes by, if that names the node in its incarnation; 0 if it does not.
    package var membershipIndex: LogIndex
    /// Where that membership says the node is to be dialled, as `host:port`.
    package var address: String

    package static let none = PeerStanding(membershipIndex: LogIndex(0), address: "")

    package init(membershipIndex: LogIndex, address: String) {
        self.membershipIndex = membershipIndex
        self.address = address
    }
}

/// Whether another node may talk to this one.
package enum PeerVerdict: Equatable, Sendable {
    case admit
    /// The reason is for this node's log and not told to the other side.
    case refuse(String)
}
