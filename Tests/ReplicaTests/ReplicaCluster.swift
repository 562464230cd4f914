import Catalogue
import Core
import Glibc
import Raft
import Records
import SegmentLog
import Store
import Synchronization
import Testing

@testable import Replica

/// Carries messages between replicas of one process, unless a link is cut.
final class MemoryNetwork: Sendable {
    private struct State {
        var replicas: [NodeID: Replica] = [:]
        /// Messages that are being heard by each.
        var delivering: [NodeID: Int] = [:]
        var isolated: Set<NodeID> = []
        /// Whether answers to who forwarded a command are lost.
        var losesAnswers = false
        /// Whether chunks of snapshots are lost.
        var losesSnapshots = false
        /// The numbers of transfers whose beginning was sent, each once.
        var transfers: Set<UInt64> = []
    }

    private let state = Mutex(State())

    func connect(_ node: NodeID, _ replica: Replica) { state.withLock { $0.replicas[node] = replica } }

    /// Nothing is delivered to the node any more. Waits for what is being delivered: whoever does that holds the replica, and it the store.
    func disconnect(_ node: NodeID) {
        state.withLock { $0.replicas[node] = nil }
        while state.withLock({ $0.delivering[node, default: 0] > 0 }) { usleep(100) }
    }

    func isolate(_ node: NodeID) { state.withLock { _ = $0.isolated.insert(node) } }
    func loseAnswers(_ isOn: Bool) { state.withLock { $0.losesAnswers = isOn } }
    func loseSnapshots(_ isOn: Bool) { state.withLock { $0.losesSnapshots = isOn } }
    var losesSnapshots: Bool { state.withLock { $0.losesSnapshots } }
    var transfers: Int { state.withLock { $0.transfers.count } }

    private func noteTransfer(_ bytes: [UInt8]) {
        guard let message = try? ReplicaMessage(decoding: bytes), case let .snapshotBegin(transfer, _) = message else { return }
        state.withLock { _ = $0.transfers.insert(transfer) }
    }

    func heal() { state.withLock { $0.isolated = [] } }

    func deliver(_ bytes: [UInt8], from: NodeID, to: NodeID) -> Bool {
        var replica: Replica? = state.withLock { state in
            let isCut = state.isolated.contains(from) || state.isolated.contains(to) || state.losesAnswers && Self.isAnswer(bytes)
            guard !isCut, let replica = state.replicas[to] else { return nil }
            state.delivering[to, default: 0] += 1
            return replica
        }
        guard replica != nil else { return false }
        let isHeard = replica?.receive(bytes, from: from) ?? false
        replica = nil
        state.withLock { $0.delivering[to, default: 0] -= 1 }
        return isHeard
    }

    private static func isAnswer(_ bytes: [UInt8]) -> Bool {
        do throws(DecodingError) {
            switch try ReplicaMessage(decoding: bytes) {
            case .forwardAccepted, .forwardRefused: return true
            default: return false
            }
        } catch { return false }
    }

    struct End: ReplicaTransport {
        let node: NodeID
        let network: MemoryNetwork

        func send(_ bytes: [UInt8], to other: NodeID, bulk: Bool) -> Bool {
            if bulk { network.noteTransfer(bytes) }
            return !(bulk && network.losesSnapshots) && network.deliver(bytes, from: node, to: other)
        }
        func membershipChanged(_ membership: Membership, at index: LogIndex) {}
        func standsIn(_ node: NodeID) -> Bool { false }
    }
}

/// Replicas with real logs and real stores in a temporary folder, on a network in memory.
final class ReplicaCluster {
    let folder: String
    let cluster = ClusterID(high: 7, low: 9)
    let network = MemoryNetwork()
    let voters: Membership
    private(set) var replicas: [NodeID: Replica] = [:]
    private(set) var stores: [NodeID: StateStore] = [:]
    let failures = FailureList()
    let repairs = FailureList()
    var retainedLogBytes = 64 << 20
    var segmentBytes = 16 << 20
    var proposalMilliseconds: UInt64 = 10_000
    var mapBytes = 256 << 20
    var applyPauseMilliseconds: UInt64 = 0
    var batchPauseMicroseconds: UInt64 = 2_000
    var batchSiblings = 4
    var applyOperationsMax = 65_536
    var freshnessMilliseconds: UInt64 = 200
    var unappliedBytesMax = Limits.unappliedBytes
    var comparisonMilliseconds: Int64 = 200
    /// What stands between a replica and its store.
    var machine: (NodeID, StateStore) -> any StateMachine = { $1 }

    final class FailureList: Sendable {
        private let all = Mutex<[String]>([])
        func add(_ text: String) { all.withLock { $0.append(text) } }
        var texts: [String] { all.withLock { $0 } }
    }

    init(voters count: Int = 3) throws {
        var template = Array("/tmp/kho-replica-XXXXXX".utf8CString)
        let made = mkdtemp(&template).map { String(cString: $0) }
        folder = try #require(made)
        let ids = (1...count).map { NodeID(UInt32($0)) }
        voters = Membership(
            members: ids.map { Membership.Member(id: $0, name: "\($0)", peerAddress: "", adminAddress: "", incarnation: Incarnation(UInt64($0.rawValue))) },
            voters: ids)
    }

    deinit {
        stopAll()
        remove(folder)
    }

    func start(_ node: NodeID, membership: Membership? = nil) throws {
        let path = "\(folder)/\(node)"
        mkdir(path, 0o755)
        let store = try StateStore(directory: path + "/state", cluster: cluster, options: .init(mapBytes: mapBytes)) { membership in
            (membership == .empty ? self.voters : membership).members.contains { $0.id != node }
        }
        var logOptions = LogOptions()
        logOptions.segmentBytes = segmentBytes
        let (log, recovered) = try SegmentLog.open(
            directory: path + "/log", identity: LogIdentity(cluster: cluster, node: node, incarnation: Incarnation(UInt64(node.rawValue))),
            options: logOptions)
        var options = ReplicaOptions(node: node)
        options.electionTicks = 15
        options.heartbeatTicks = 3
        options.checkpointMilliseconds = 200
        options.checkpointBytes = min(options.checkpointBytes, Fullness.checkpointBytesMax(ofMap: mapBytes))
        options.retainedLogBytes = retainedLogBytes
        options.unappliedBytesMax = unappliedBytesMax
        options.proposalMilliseconds = proposalMilliseconds
        options.wantsLease = !voters.contains(node)
        options.repairMilliseconds = 100
        options.applyPauseMilliseconds = applyPauseMilliseconds
        (options.batchPauseMicroseconds, options.batchSiblings) = (batchPauseMicroseconds, batchSiblings)
        options.applyOperationsMax = applyOperationsMax
        options.freshnessMilliseconds = freshnessMilliseconds
        options.comparisonMilliseconds = comparisonMilliseconds
        options.firstMembership = membership ?? voters
        let (failures, repairs) = (failures, repairs)
        let replica = try Replica(
            options: options, machine: machine(node, store), log: log, recovered: recovered, transport: MemoryNetwork.End(node: node, network: network),
            failed: { failures.add("\(node): \($0)") }, repair: { repairs.add("\(node): \($0)") })
        replicas[node] = replica
        stores[node] = store
        network.connect(node, replica)
        replica.start()
    }

    func startAll() throws { for member in voters.members { try start(member.id) } }

    func stop(_ node: NodeID) {
        network.disconnect(node)
        replicas.removeValue(forKey: node)?.stop()
        stores[node] = nil
    }

    func stopAll() { for node in replicas.keys.sorted() { stop(node) } }

    func wipe(_ node: NodeID) { remove("\(folder)/\(node)") }

    private func remove(_ path: String) {
        guard let handle = opendir(path) else { return }
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) } }
            if name == "." || name == ".." { continue }
            if unlink(path + "/" + name) != 0 { remove(path + "/" + name) }
        }
        closedir(handle)
        rmdir(path)
    }

    // MARK: Waiting

    /// Waits for a condition, at most so long.
    func wait(_ what: String, seconds: Double = 20, _ condition: () throws -> Bool) throws {
        let begin = MonotonicTime.now()
        while try !condition() {
            guard MonotonicTime.now().milliseconds(since: begin) < seconds * 1_000 else {
                Issue.record("waited in vain for \(what); \(replicas.values.map { "\($0.raftStatus)" }) failures \(failures.texts)")
                throw TimedOut()
            }
            usleep(2_000)
        }
    }

    struct TimedOut: Error {}

    /// The leader that a majority of those who run agrees on.
    func leader(not other: NodeID? = nil) throws -> NodeID {
        var found: NodeID?
        try wait("a leader") {
            found = replicas.keys.sorted().first { node in
                guard node != other, let status = replicas[node]?.raftStatus, status.role == .leader else { return false }
                return replicas.values.filter { $0.raftStatus.leader == node && $0.raftStatus.term == status.term }.count * 2 > voters.members.count
            }
            return found != nil
        }
        return try #require(found)
    }

    // MARK: Asking

    func propose(_ command: Command, at node: NodeID) throws -> ProposalResult {
        let answer = Mailbox<ProposalResult>()
        try #require(replicas[node]).propose(command.encoded()) { answer.post($0) }
        return try #require(answer.take(atMostNanoseconds: 20_000_000_000)?.first)
    }

    /// Proposes until it is applied; for commands that may be repeated.
    @discardableResult
    func apply(_ command: Command, at node: NodeID) throws -> CommandOutcome? {
        var outcome: CommandOutcome?
        try wait("a command to be applied at \(node)") {
            guard case let .applied(found, _) = try propose(command, at: node) else { return false }
            outcome = found
            return true
        }
        return outcome
    }

    func barrier(at node: NodeID) throws -> ReadBarrier {
        let answer = Mailbox<ReadBarrier>()
        try #require(replicas[node]).readBarrier { answer.post($0) }
        return try #require(answer.take(atMostNanoseconds: 20_000_000_000)?.first)
    }

    /// Waits until a barrier passes. One that falls into a change of leaders, which a busy machine brings about, says rightly that no quorum answered.
    func passBarrier(at node: NodeID) throws { try wait("a barrier at \(node)") { try barrier(at: node) == .passed } }

    func applied(_ node: NodeID) -> LogIndex { stores[node]?.applied.position.index ?? LogIndex(0) }

    /// Waits until everybody has applied as much as the furthest, and compares what they hold.
    func expectEqualStates(_ nodes: [NodeID]? = nil) throws {
        let nodes = nodes ?? replicas.keys.sorted()
        try wait("equal indexes") { Set(nodes.map { applied($0) }).count == 1 }
        let figures = try nodes.map { node in
            try #require(stores[node]).withReadView { view throws(StoreError) in
                "\(view.state.position.index) " + (try view.figures()).map { "\($0.dataset) \($0.figures.records) \($0.figures.digest)" }.joined(separator: ";")
            }
        }
        // A time entry may come between two looks.
        #expect(Set(figures.map { $0.split(separator: " ", maxSplits: 1).last ?? "" }).count == 1, "\(figures)")
    }

    // MARK: A small world

    func makeWorld(at node: NodeID) throws {
        try apply(.genesis(.init(clusterName: "test", tokenKey: [UInt8](repeating: 1, count: 32), agency: "ops", system: "admin")), at: node)
        try change(.agency, ["code": "a"], at: node)
        try change(.principal, ["code": "sys", "agency": "a"], at: node)
        try change(
            .dataset,
            [
                "code": "units", "owner": "a", "class": "open", "kind": "codeList",
                "fields": [["name": "name", "kind": "string", "sensitivity": "public", "maxBytes": 1_000_000]],
            ],
            at: node)
    }

    func change(_ kind: ObjectKind, _ document: Document, at node: NodeID) throws {
        try apply(.catalogue(.init(actor: PrincipalID(2), change: .init(kind: kind, document: document))), at: node)
    }

    func put(_ key: String, bytes: Int = 40, at node: NodeID) throws -> Command {
        try put(key, text: String(repeating: "v", count: bytes), at: node)
    }

    func put(_ key: String, text: String, at node: NodeID) throws -> Command {
        try write(.put, key, [.init(FieldID(1), .string(text))], at: node)
    }

    func delete(_ key: String, at node: NodeID) throws -> Command { try write(.delete, key, [], at: node) }

    private func write(_ kind: WriteOperation.Kind, _ key: String, _ fields: [WriteOperation.Field], at node: NodeID) throws -> Command {
        var (principal, dataset): (PrincipalID?, DatasetID?)
        // A node that has only just been elected may not have applied what was acknowledged elsewhere.
        try wait("the dataset at \(node)") {
            (principal, dataset) = try #require(stores[node]).withReadView { view throws(StoreError) in
                (view.catalogue.principal(path: "a/sys")?.id, view.catalogue.dataset(code: "units")?.id)
            }
            return dataset != nil
        }
        return .write(
            WriteCommand(
                principal: try #require(principal), session: .none, sequence: 0, policyIndex: LogIndex(0),
                operations: [
                    WriteOperation(kind: kind, dataset: try #require(dataset), key: Array(key.utf8), fields: fields)
                ]))
    }

    func records(_ node: NodeID) throws -> UInt64 {
        try #require(stores[node]).withReadView { view throws(StoreError) in try view.figures().first?.figures.records ?? 0 }
    }
}
