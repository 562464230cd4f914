import Admission
import Core
import Dispatch
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
    private let admission: Mutex<PeerAdmission>
    private let unreadable = Atomic<Int>(0)
    private let refused: @Sendable (PeerIdentity, String, String) -> Void
    private let save: @Sendable (MetStarts) -> Void
    /// Writes one after the other, off the event loops.
    private let disk = DispatchQueue(label: "kho-met")
    private let isKeeping = Atomic(false)

    /// - Parameters:
    ///   - save: writes the starts that were met, and blocks for the disk. A start that was met in the moment before a crash may be missing.
    ///   - refused: a node's handshake was refused: who it said it was, its certificate's name, why.
    init(
        _ admission: PeerAdmission, save: @escaping @Sendable (MetStarts) -> Void,
        refused: @escaping @Sendable (PeerIdentity, String, String) -> Void
    ) {
        self.admission = Mutex(admission)
        self.save = save
        self.refused = refused
    }

    func connect(network: PeerNetwork, replica: Replica) {
        ends.withLock { $0 = Ends(network: network, replica: replica) }
        dial()
    }

    /// Breaks the ring of references.
    func disconnect() { ends.withLock { $0 = Ends() } }

    private func dial() { ends.withLock { $0.network }?.setPeers(admission.withLock { $0.addresses }) }

    // MARK: ReplicaTransport

    func send(_ bytes: [UInt8], to node: NodeID, bulk: Bool) -> Bool {
        ends.withLock { $0.network }?.send(bytes, to: node, lane: bulk ? .bulk : .consensus) ?? false
    }

    func membershipChanged(_ new: Membership, at index: LogIndex) {
        admission.withLock { $0.change(to: new, at: index) }
        dial()
    }

    func standsIn(_ node: NodeID) -> Bool { admission.withLock { $0.standsIn(node) } }

    // MARK: PeerDelegate

    func received(_ bytes: [UInt8], from node: NodeID, lane: PeerLane) {
        if ends.withLock({ $0.replica })?.receive(bytes, from: node) == false { unreadable.add(1, ordering: .relaxed) }
    }

    /// Messages of admitted nodes that could not be read, spoke in another's name, or were for another: a newer version's, or a fault.
    var unreadableMessages: Int { unreadable.load(ordering: .relaxed) }

    /// Writes what was met, and what is met until then with it.
    private func keep() {
        guard !isKeeping.exchange(true, ordering: .acquiringAndReleasing) else { return }
        disk.async { [self] in
            isKeeping.store(false, ordering: .sequentiallyConsistent)
            save(admission.withLock { $0.met })
        }
    }

    func connected(_ node: NodeID) {}
    func disconnected(_ node: NodeID) { ends.withLock { $0.replica }?.disconnected(node) }

    var standing: PeerStanding { admission.withLock { $0.standing } }

    func admits(_ hello: PeerIdentity, standing: PeerStanding, certificateName: String, begun: MonotonicTime) -> PeerVerdict {
        let (verdict, isGuest, isToBeKept, isPast) = admission.withLock { admission in
            let verdict = admission.judge(hello, standing, certificateName: certificateName)
            guard verdict == .admit else {
                let isPast = admission.isPast(hello, begun: begun)
                return (verdict, false, admission.condemn(hello, standing, certificateName: certificateName, begun: begun), isPast)
            }
            return (verdict, admission.welcome(hello, standing), admission.meet(hello), false)
        }
        if isToBeKept { keep() }
        // Connections that are open are judged again: what is known now may speak against them.
        if isGuest || isToBeKept { dial() }
        if case let .refuse(reason) = verdict, !isPast { refused(hello, certificateName, reason) }
        return verdict
    }
}
