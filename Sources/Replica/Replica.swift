import Core
import Raft
import SegmentLog
import Store
import Synchronization

/// One node's replica of the cluster's state: drives the consensus core, its log and its state machine, each in a lane of its own.
///
/// Everything here may be called from any thread and never blocks, but `start` and `stop`. Completions are called from the replica's
/// threads and must not block.
package final class Replica: Sendable {
    private let node: NodeID
    private let machine: any StateMachine
    private let loop: ReplicaLoop
    private let logLane: LogLane
    private let applyLane: ApplyLane
    private let checkpointLane: CheckpointLane
    private let receiver: SnapshotReceiver
    private let lane: Lane<ReplicaLoop.Item>
    let host: ReplicaHost
    private let failure: FailureLatch
    private let standing: Standing
    private let report: @Sendable (String) -> Bool
    private let standsIn: @Sendable (NodeID) -> Bool
    /// What entries that this node has received are about; of a node that wants leases.
    let touched: TouchedRecords?

    /// Puts a replica together from what the log and the store hold; starts nothing.
    ///
    /// - Parameters:
    ///   - failed: called once, from any thread, if the log or the store fails. The node must stop.
    ///   - alarm: something that an administrator should hear of.
    ///   - repair: what befalls a damaged state.
    package init(
        options: ReplicaOptions, machine: any StateMachine, log: any DurableLog, recovered: RecoveredLog, transport: some ReplicaTransport,
        host: ReplicaHost = .system,
        failed: @escaping @Sendable (ReplicaFailure) -> Void, alarm: @escaping @Sendable (RaftAlarm) -> Void = { _ in },
        repair: @escaping @Sendable (RepairEvent) -> Void = { _ in }
    ) throws(ReplicaFailure) {
        node = options.node
        let restored = try Restoration.restore(machine: machine, log: log, recovered: recovered, firstMembership: options.firstMembership)
        let lane = Lane<ReplicaLoop.Item>(.loop, host: host)
        let latch = FailureLatch(failed)
        let send: @Sendable (ReplicaMessage, NodeID) -> Void = { message, node in
            _ = transport.send(message.encoded(), to: node, bulk: message.isBulk)
        }
        let logLane = LogLane(
            log: log, host: host,
            calls: LogLane.Calls(
                send: { send(.raft($0), $0.to) }, persisted: { lane.post(.persisted($0)) }, compacted: { lane.post(.compacted($0)) },
                failed: { latch.fail(.log($0)) }))
        let standing = Standing(of: options.node, in: restored.applied.membership, damage: machine.damage)
        let checkpoints = CheckpointLane(
            machine: machine, options: options, host: host,
            calls: CheckpointLane.Calls(
                checkpointed: { lane.post(.checkpointed($0)) },
                damaged: { what in
                    guard standing.hasOthers else { return false }
                    lane.post(.checkpointMetDamage(what))
                    return true
                },
                failed: { latch.fail(.store($0)) }))
        let applyLane = ApplyLane(
            machine: machine, checkpoints: checkpoints, options: options, host: host,
            calls: ApplyLane.Calls(
                applied: { lane.post(.applied($0)) }, failed: { latch.fail(.store($0)) }, canBeRebuilt: { standing.hasOthers },
                outOfService: { standing.damage = $0 },
                damaged: { lane.post(.damaged($0)) }, digested: { lane.post(.digested($0)) }))
        let receiver = SnapshotReceiver(
            machine: machine, host: host,
            calls: SnapshotReceiver.Calls(
                send: send, received: { sink, completion in if !lane.post(.snapshotReceived(sink, completion)) { completion(false) } },
                failed: { latch.fail(.store($0)) }))
        let report: @Sendable (String) -> Bool = { what in
            guard standing.hasOthers else { return false }
            if standing.note(newDamage: what) { applyLane.post(.damaged(what)) }
            return true
        }
        touched = options.wantsLease ? TouchedRecords() : nil
        loop = ReplicaLoop(
            options: options, restored: restored, lane: lane,
            surroundings: ReplicaLoop.Surroundings(
                machine: machine, host: host, logLane: logLane, applyLane: applyLane, send: send,
                trySend: { transport.send($0.encoded(), to: $1, bulk: $0.isBulk) }, membershipChanged: {
                    standing.note($0)
                    transport.membershipChanged($0, at: $1)
                },
                alarm: alarm, repair: repair, standing: standing, touched: touched, reportDamage: report, heardSnapshotAt: { receiver.heardAt }))
        self.receiver = receiver
        self.machine = machine
        self.standing = standing
        self.report = report
        self.host = host
        self.lane = lane
        self.logLane = logLane
        self.applyLane = applyLane
        standsIn = { transport.standsIn($0) }
        checkpointLane = checkpoints
        failure = latch
    }

    package func start() {
        logLane.start()
        checkpointLane.start()
        applyLane.start()
        receiver.start()
        loop.start()
    }

    /// Stops in order: nothing more is decided, what was decided is written, a last checkpoint is made. Blocks for the disk.
    package func stop() {
        loop.stop()
        receiver.stop()
        logLane.stop()
        applyLane.stop()
        checkpointLane.stop()
    }

    // MARK: Damage

    /// Takes the replica out of service until another replica's state has taken the place of its own, over restarts too: barriers fail, commands are
    /// refused, nothing is known of how old the state is. It goes on voting and writing its log. To be called when a stored record does not
    /// fit its checksum, when a rescan finds a difference, or when an administrator says so.
    ///
    /// - Returns: false if there is no other replica to rebuild it from; nothing changes then.
    @discardableResult
    package func reportDamage(_ what: String) -> Bool { report(what) }

    /// Why the replica is out of service; nil if it serves.
    package var damage: String? { standing.damage }
    /// Whether the replica is out of service. Costs a load, and shares nothing that is written.
    package var isDamaged: Bool { standing.isDamaged }

    // MARK: What clients want

    /// Replicates a command, wherever the leader is, and answers once it is applied here.
    package func propose(_ payload: [UInt8], _ completion: @escaping @Sendable (ProposalResult) -> Void) {
        // What becomes of it could not be said here; elsewhere it can.
        guard !standing.isDamaged else { return completion(.refused(.notLeader)) }
        if !lane.post(.propose(payload, completion)) { completion(.refused(.notLeader)) }
    }

    /// Changes the membership. Only the leader can; others refuse.
    package func propose(_ membership: Membership, _ completion: @escaping @Sendable (ProposalResult) -> Void) {
        if !lane.post(.proposeMembership(membership, completion)) { completion(.refused(.notLeader)) }
    }

    /// Hands leadership over to this voter, or to the one that is best fit. Only the leader can; others refuse.
    package func transferLeadership(to node: NodeID?, _ completion: @escaping @Sendable (TransferResult) -> Void) {
        if !lane.post(.transferLeadership(node, completion)) { completion(.refused(.notLeader)) }
    }

    /// The node shall not lead as long as others can, or shall again. Forgotten at a restart.
    package func drain(_ isDraining: Bool) { lane.post(.drain(isDraining)) }

    /// Calls when the state here contains everything that was acknowledged anywhere before this call. All barriers that wait share
    /// one round to a quorum.
    package func readBarrier(_ completion: @escaping @Sendable (ReadBarrier) -> Void) {
        guard !standing.isDamaged else { return completion(.noQuorum) }
        if !lane.post(.read(host.now(), completion)) { completion(.noQuorum) }
    }

    /// Milliseconds since the state here was known to be current; nil if it never was.
    package var stalenessMilliseconds: UInt64? {
        loop.freshAt.map { host.now().nanoseconds(since: $0) / 1_000_000 }
    }

    // MARK: What the others say

    /// A message from another node's replica. One that cannot be read is dropped; false then.
    @discardableResult
    package func receive(_ bytes: [UInt8], from node: NodeID) -> Bool {
        do throws(DecodingError) {
            let message = try ReplicaMessage(decoding: bytes)
            switch message {
            case let .raft(raft) where raft.from != node || raft.to != self.node: return false
            case let .raft(raft) where raft.body.counts && standsIn(node): return true
            case .snapshotBegin, .snapshotChunk, .snapshotEnd: receiver.hear(message, from: node)
            default: lane.post(.message(message, from: node))
            }
            return true
        } catch { return false }
    }

    /// The connection to the node is lost, and what was under way to it.
    package func disconnected(_ node: NodeID) { lane.post(.disconnected(node)) }

    // MARK: What administrators ask

    package func status(_ completion: @escaping @Sendable (ReplicaStatus) -> Void) {
        let (logLane, machine, standing) = (logLane, machine, standing)
        let staleness = stalenessMilliseconds
        lane.post(.inspect { seen in
            let figures = logLane.figuresNow
            completion(
                ReplicaStatus(
                    raft: seen.raft, membership: seen.membership, followers: seen.followers, logBase: seen.logBase, applied: machine.applied,
                    checkpointed: machine.checkpointed,
                    logBytes: figures.bytes, dataBytes: machine.usedBytes, syncMicroseconds99: figures.syncMicroseconds99,
                    isLowOnSpace: figures.isLowOnSpace || machine.fullness != .roomy, stalenessMilliseconds: staleness, isClockAlarmed: seen.isClockAlarmed,
                    waiting: seen.waiting, isDraining: seen.isDraining, snapshotsInstalled: seen.snapshotsInstalled, damage: standing.damage))
        })
    }

    /// The core's word of role, term and leader, as of its last step.
    package var raftStatus: RaftStatus { loop.raftStatus }
    package var membership: Membership { loop.membership }
    /// The node's newest read lease, or none.
    package var readLease: ReadLease { loop.readLease }
}

/// Reports the first failure and no other.
final class FailureLatch: Sendable {
    private let isSet = Atomic(false)
    private let report: @Sendable (ReplicaFailure) -> Void

    init(_ report: @escaping @Sendable (ReplicaFailure) -> Void) { self.report = report }

    func fail(_ failure: ReplicaFailure) {
        if !isSet.exchange(true, ordering: .acquiringAndReleasing) { report(failure) }
    }
}
