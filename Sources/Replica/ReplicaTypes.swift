import Core
import Raft
import SegmentLog
import Store

/// How a replica reaches the others. Sending never blocks; what is dropped is sent again by whoever needs it.
package protocol ReplicaTransport: Sendable {
    /// False if the message was dropped.
    func send(_ bytes: [UInt8], to node: NodeID, bulk: Bool) -> Bool
    /// Another membership is in force: that of the log's entry `index`, 0 for a new cluster's first.
    func membershipChanged(_ membership: Membership, at index: LogIndex)
    /// Whether who speaks as this node is another directory of it than the membership names: what it grants or acknowledges does not count.
    func standsIn(_ node: NodeID) -> Bool
}

/// Why a command was not taken. It had no effect.
package enum ProposalRefusal: UInt8, Error, Equatable, Sendable {
    /// No leader is known, or it is another by now.
    case notLeader = 1
    /// Too much is under way.
    case busy = 2
    case membershipPending = 3
    case membershipInvalid = 4
    /// The leader's disk or its state's map is nearly full: only what has no patience (`Command.Need`) is taken.
    case diskFull = 5
    /// It has more than `Limits.entryPayloadBytes`.
    case tooLarge = 6
    /// A node that is to vote does not answer, or does not have nearly all of the log yet.
    case learnerBehind = 7
    /// Of those who are to vote no majority answers.
    case quorumAtRisk = 8
    /// The node that is to lead is no voter that answers, or leads already.
    case targetUnfit = 9
    /// The node that was to lead did not come to it in time.
    case transferFailed = 10
    /// The leader's state is damaged and to be rebuilt from that of another: nobody is removed meanwhile.
    case stateDamaged = 11

    init(_ refusal: Refusal) {
        switch refusal {
        case .notLeader, .noQuorum: self = .notLeader
        case .busy, .transferring: self = .busy
        case .membershipPending: self = .membershipPending
        case .membershipInvalid: self = .membershipInvalid
        case .learnerBehind: self = .learnerBehind
        case .quorumAtRisk: self = .quorumAtRisk
        case .targetUnfit: self = .targetUnfit
        case .transferFailed: self = .transferFailed
        }
    }
}

/// What became of a command.
package enum ProposalResult: Equatable, Sendable {
    /// It was applied here; the outcome is the same on every replica. nil for an entry without one.
    case applied(CommandOutcome?, LogPosition)
    case refused(ProposalRefusal)
    /// It may take effect or not: leadership changed, or the answer did not come in time.
    case unknown
}

/// What became of a transfer of leadership.
package enum TransferResult: Equatable, Sendable {
    case leads(NodeID)
    case refused(ProposalRefusal)
}

/// What became of a read barrier.
package enum ReadBarrier: Equatable, Sendable {
    /// The state here contains everything that was acknowledged before the barrier was asked for.
    case passed
    /// No quorum answered, or the state here is damaged.
    case noQuorum
}

/// Why a replica had to stop. The process ends in good order.
package enum ReplicaFailure: Error, Sendable, CustomStringConvertible {
    case log(LogError)
    case store(StoreError)
    /// The log does not reach back to the state's checkpoint.
    case gap(checkpoint: LogIndex, logBegins: LogIndex)

    package var description: String {
        switch self {
        case let .log(error): error.description
        case let .store(error): error.description
        case let .gap(checkpoint, begins):
            "the log begins after entry \(begins) but the state's checkpoint is at entry \(checkpoint): entries are missing between them"
        }
    }

    package var remedy: String {
        switch self {
        case let .log(error): error.remedy
        case let .store(error): error.remedy
        case .gap: Remedy.damagedDirectory
        }
    }
}

/// What a replica is made with.
package struct ReplicaOptions: Sendable {
    package var node: NodeID
    /// Of the node's directory; nil if memberships do not tell it apart.
    package var incarnation: Incarnation?
    package var electionTicks = 50
    package var heartbeatTicks = 5
    package var tickMilliseconds = 10
    /// A checkpoint is due after so many bytes were applied: of entries, or written to the state if these are more; or after so many milliseconds if any were.
    package var checkpointBytes = 64 << 20
    package var checkpointMilliseconds = 10_000
    /// Bytes of entries that are kept in the log, for followers that are a little behind, though a checkpoint has them.
    package var retainedLogBytes = 32 << 20
    /// Bytes of a snapshot that are sent to a node in a second, beyond a window's at once: a transfer must leave disk and network to those who wait.
    package var snapshotBytesPerSecond = 64 << 20
    /// Bytes of entries that are committed and not applied here, above which no more are taken.
    package var unappliedBytesMax = Limits.unappliedBytes
    /// Entries, bytes of them, and operations of their writes, applied in one transaction. Of the operations an eighth where the state's map is nearly full.
    package var applyEntriesMax = 4_096
    package var applyBytesMax = 8 << 20
    package var applyOperationsMax = 65_536
    /// How long committed entries wait for more to be applied together with, as long as nobody waits for any of them and the state's map is not
    /// nearly full: a page that many of them change is written once.
    package var applyPauseMilliseconds: UInt64 = 0
    /// Microseconds from the beginning of one batch of proposals to that of the next on a leader, where the one had at least so many proposals and the next has not many bytes (`ProposalBatches`).
    package var batchPauseMicroseconds: UInt64 = 2_000
    package var batchSiblings = 4
    /// Milliseconds after which the answer to a command is given up.
    package var proposalMilliseconds: UInt64 = 10_000
    /// Milliseconds after which the leader's word about where a forwarded command stands is given up: it comes at once, or within a batch's pause, or was lost with a connection.
    package var forwardMilliseconds: UInt64 = 2_000
    /// Milliseconds between two barriers of a replica that nobody asks, so that it knows how old its state is.
    package var freshnessMilliseconds: UInt64 = 200
    /// Whether the node wants read leases where the cluster reads by them: a query node.
    package var wantsLease = false
    /// Milliseconds between the first two times that a replica whose state is damaged asks for another; later ones are up to 16 times as far apart.
    package var repairMilliseconds: UInt64 = 2_000
    /// Milliseconds of the log's time from one mark to the next at which nodes compare what their states are. The same on all of them.
    package var comparisonMilliseconds: Int64 = 10_000
    /// The membership of a new cluster, in force until the log has one.
    package var firstMembership = Membership.empty
    /// Sets bounds of the core other than the usual ones, for simulations: small ones are met often.
    package var adjustCore: @Sendable (inout RaftConfiguration) -> Void = { _ in }

    package init(node: NodeID) { self.node = node }
}

/// What a replica says of itself.
package struct ReplicaStatus: Sendable {
    package var raft: RaftStatus
    package var membership: Membership
    /// The leader's view of the others; empty elsewhere.
    package var followers: [FollowerStatus]
    /// The position before the first entry that the log still has.
    package var logBase: LogPosition
    package var applied: AppliedState
    package var checkpointed: LogPosition
    /// Bytes of the log's segments and of the data file in use.
    package var logBytes: Int
    package var dataBytes: Int
    /// Microseconds of the log's syncs in a recent stretch, 99 of 100 of which took no longer; nil before the first.
    package var syncMicroseconds99: Int?
    /// Whether the disk is nearly full.
    package var isLowOnSpace: Bool
    /// Milliseconds since the state was known to be current; nil if it never was.
    package var stalenessMilliseconds: UInt64?
    /// Whether the clocks have disagreed in the last minutes.
    package var isClockAlarmed: Bool
    /// Commands, barriers and transfers that wait for something; 0 at rest.
    package var waiting: Int
    /// Whether it was told not to lead as long as others can.
    package var isDraining: Bool
    /// How often another node's state has taken the place of its own since it began, for it was too far behind or damaged.
    package var snapshotsInstalled: UInt64
    /// Why it is out of service until it is rebuilt; nil if it serves.
    package var damage: String?
}
