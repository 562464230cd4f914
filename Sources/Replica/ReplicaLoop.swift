import Core
import Raft
import SegmentLog
import Store
import Synchronization

/// The replica loop: one thread that owns the consensus core, feeds it events and carries out its effects.
final class ReplicaLoop: Sendable {
    /// What others leave for the loop.
    enum Item: Sendable {
        case message(ReplicaMessage, from: NodeID)
        case propose([UInt8], @Sendable (ProposalResult) -> Void)
        case proposeMembership(Membership, @Sendable (ProposalResult) -> Void)
        case read(MonotonicTime, @Sendable (ReadBarrier) -> Void)
        case persisted(AppendNumber)
        case applied(LogIndex)
        case checkpointed(LogPosition)
        case compacted(LogIndex)
        /// A snapshot has come whole and checked; the completion says whether its position is reached.
        case snapshotReceived(SnapshotSink, @Sendable (Bool) -> Void)
        case snapshotFinished(NodeID, LogPosition, delivered: Bool)
        case disconnected(NodeID)
        case inspect(@Sendable (Inspection) -> Void)
    }

    /// What the core and its driver say of themselves.
    struct Inspection: Sendable {
        let raft: RaftStatus
        let membership: Membership
        let followers: [FollowerStatus]
        let logBase: LogPosition
        let clockAlarms: Int
    }

    /// What the loop hands its work to.
    struct Surroundings: Sendable {
        let store: StateStore
        let logLane: LogLane
        let applyLane: ApplyLane
        let send: @Sendable (ReplicaMessage, NodeID) -> Void
        /// The same, and whether it is on its way: false if it surely is not.
        let trySend: @Sendable (ReplicaMessage, NodeID) -> Bool
        let membershipChanged: @Sendable (Membership) -> Void
        let alarm: @Sendable (RaftAlarm) -> Void
    }

    private let options: ReplicaOptions
    private let restored: RestoredState
    private let mailbox: Mailbox<Item>
    private let surroundings: Surroundings
    private let thread = Mutex<LaneThread?>(nil)
    private let published: Mutex<Published>

    private struct Published {
        var status: RaftStatus
        var membership: Membership
        var freshAt: MonotonicTime?
        var lease = ReadLease.none
    }

    init(options: ReplicaOptions, restored: RestoredState, mailbox: Mailbox<Item>, surroundings: Surroundings) {
        self.options = options
        self.restored = restored
        self.mailbox = mailbox
        self.surroundings = surroundings
        published = Mutex(
            Published(
                status: RaftStatus(
                    id: options.node, role: .follower, term: restored.hardState.term, leader: .none,
                    commitIndex: restored.applied.position.index, lastIndex: restored.entries.last?.index ?? restored.base.index),
                membership: restored.applied.membership))
    }

    var raftStatus: RaftStatus { published.withLock { $0.status } }
    var membership: Membership { published.withLock { $0.membership } }
    /// The last moment at which the state here was known to be current.
    var freshAt: MonotonicTime? { published.withLock { $0.freshAt } }

    /// The newest read lease, or none.
    var readLease: ReadLease { published.withLock { $0.lease } }

    func publish(_ lease: ReadLease) { published.withLock { $0.lease = lease } }
    func publish(_ status: RaftStatus) { published.withLock { $0.status = status } }
    func publish(_ membership: Membership) { published.withLock { $0.membership = membership } }
    func publish(freshAt time: MonotonicTime) {
        published.withLock { if $0.freshAt.map({ $0 < time }) ?? true { $0.freshAt = time } }
    }

    func report(_ item: Item) { mailbox.post(item) }

    func start() {
        let lane = LaneThread("kho-replica") { [self] in run() }
        thread.withLock { $0 = lane }
    }

    func join() { thread.withLock { $0.take() }?.join() }

    private func run() {
        let tick = UInt64(options.tickMilliseconds) * 1_000_000
        let driver = Driver(options: options, restored: restored, loop: self, surroundings: surroundings)
        var nextTick = MonotonicTime.now().nanoseconds + tick
        while true {
            let now = MonotonicTime.now().nanoseconds
            guard let items = mailbox.take(atMostNanoseconds: nextTick > now ? nextTick - now : 0) else { break }
            driver.take(items, from: mailbox)
            let after = MonotonicTime.now().nanoseconds
            if after >= nextTick {
                driver.tick()
                // After a pause of the process there is one tick, not all that were missed: others must be heard first.
                nextTick = max(nextTick + tick, after)
            }
        }
        driver.end()
    }
}
