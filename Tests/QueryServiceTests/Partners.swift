import Core
import Foundation
import Replica
import SegmentLog
import Store
import Synchronization

/// The other voters of a world's cluster, which no client speaks to, on a network in memory that can be cut.
final class Partners: Sendable {
    private struct State {
        var replicas: [NodeID: Replica] = [:]
        var stores: [NodeID: StateStore] = [:]
        var isCut = false
        var served: HeldMachine?
    }

    private let state = Mutex(State())
    let voters: [NodeID]

    private let readMode: ReadMode

    init(_ count: Int, readMode: ReadMode) {
        voters = (1...count + 1).map { NodeID(UInt32($0)) }
        self.readMode = readMode
    }

    var membership: Membership {
        Membership(
            members: voters.map {
                Membership.Member(id: $0, name: "n\($0)", peerAddress: "", adminAddress: "", incarnation: Incarnation(UInt64($0.rawValue)))
            },
            voters: voters, readMode: readMode)
    }

    /// Whether the first voter, which serves the clients, hears of the others.
    func cut(_ isCut: Bool) { state.withLock { $0.isCut = isCut } }
    /// Whether the first voter applies nothing from the next entries on.
    func hold(_ isHeld: Bool) { state.withLock { $0.served }?.hold(isHeld) }
    func add(_ replica: Replica, as node: NodeID) { state.withLock { $0.replicas[node] = replica } }
    func store(_ node: NodeID) -> StateStore? { state.withLock { $0.stores[node] } }
    func replica(_ node: NodeID) -> Replica? { state.withLock { $0.replicas[node] } }

    /// Starts the others.
    func start(in folder: String, cluster: ClusterID) throws {
        for node in voters.dropFirst() {
            let (replica, store) = try make(node, in: "\(folder)/\(node)", cluster: cluster)
            state.withLock { $0.stores[node] = store }
            replica.start()
        }
    }

    func stop() { for node in voters.dropFirst() { replica(node)?.stop() } }

    func make(_ node: NodeID, in folder: String, cluster: ClusterID) throws -> (Replica, StateStore) {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let store = try StateStore(directory: folder + "/state", cluster: cluster, options: .init(mapBytes: 256 << 20))
        var logOptions = LogOptions()
        logOptions.segmentBytes = 1 << 20
        let (log, recovered) = try SegmentLog.open(
            directory: folder + "/log", identity: LogIdentity(cluster: cluster, node: node, incarnation: Incarnation(UInt64(node.rawValue))),
            options: logOptions)
        var options = ReplicaOptions(node: node)
        options.electionTicks = voters.count == 1 ? 5 : 15
        options.heartbeatTicks = voters.count == 1 ? 1 : 3
        options.wantsLease = node == voters.first
        options.firstMembership = membership
        let machine = HeldMachine(store)
        if node == voters.first { state.withLock { $0.served = machine } }
        let replica = try Replica(
            options: options, machine: machine, log: log, recovered: recovered, transport: Link(partners: self, node: node), failed: { _ in })
        add(replica, as: node)
        return (replica, store)
    }

    private struct Link: ReplicaTransport {
        let partners: Partners
        let node: NodeID

        func send(_ bytes: [UInt8], to other: NodeID, bulk: Bool) -> Bool {
            let first = partners.voters.first
            let replica = partners.state.withLock { $0.isCut && (node == first || other == first) ? nil : $0.replicas[other] }
            return replica?.receive(bytes, from: node) ?? false
        }
        func membershipChanged(_ membership: Membership, at index: LogIndex) {}
        func standsIn(_ node: NodeID) -> Bool { false }
    }
}
