import Core
import Peers
import Replica
import Synchronization

/// Between the replica, which thinks in messages, and the peer network, which thinks in connections.
final class PeerAdapter: PeerDelegate, ReplicaTransport {
    private struct Ends {
        var network: PeerNetwork?
        var replica: Replica?
    }

    private let ends = Mutex(Ends())
    private let membership = Mutex(Membership.empty)
    private let refused: @Sendable (PeerIdentity, String, String) -> Void

    /// - Parameter refused: a node's handshake was refused: who it said it was, its certificate's name, why.
    init(refused: @escaping @Sendable (PeerIdentity, String, String) -> Void) { self.refused = refused }

    func connect(network: PeerNetwork, replica: Replica) {
        ends.withLock { $0 = Ends(network: network, replica: replica) }
        network.setPeers(addresses(membership.withLock { $0 }))
    }

    /// Breaks the ring of references.
    func disconnect() { ends.withLock { $0 = Ends() } }

    // MARK: ReplicaTransport

    func send(_ bytes: [UInt8], to node: NodeID, bulk: Bool) -> Bool {
        ends.withLock { $0.network }?.send(bytes, to: node, lane: bulk ? .bulk : .consensus) ?? false
    }

    func membershipChanged(_ new: Membership) {
        membership.withLock { $0 = new }
        ends.withLock { $0.network }?.setPeers(addresses(new))
    }

    private func addresses(_ membership: Membership) -> [(node: NodeID, address: String)] {
        membership.members.map { (node: $0.id, address: $0.peerAddress) }
    }

    // MARK: PeerDelegate

    func received(_ bytes: [UInt8], from node: NodeID, lane: PeerLane) { ends.withLock { $0.replica }?.receive(bytes, from: node) }
    func connected(_ node: NodeID) {}
    func disconnected(_ node: NodeID) { ends.withLock { $0.replica }?.disconnected(node) }

    /// A member, in the life that the membership knows, with the certificate of its name. A node that was added and knows no membership yet
    /// believes those that the cluster's authority and id vouch for.
    func admits(_ hello: PeerIdentity, certificateName: String) -> PeerVerdict {
        let membership = membership.withLock { $0 }
        guard !membership.members.isEmpty else { return .admit }
        let verdict = judge(hello, certificateName, membership)
        if case let .refuse(reason) = verdict { refused(hello, certificateName, reason) }
        return verdict
    }

    private func judge(_ hello: PeerIdentity, _ certificateName: String, _ membership: Membership) -> PeerVerdict {
        guard let member = membership.member(hello.node) else { return .refuse("\(hello.node) is no member") }
        guard member.name.utf8.elementsEqual(certificateName.utf8) else { return .refuse("\(hello.node) is \(member.name), not \(certificateName)") }
        guard member.incarnation == hello.incarnation else {
            return .refuse("\(hello.node) has the data directory \(hello.incarnation), not \(member.incarnation) of the membership")
        }
        return .admit
    }
}
