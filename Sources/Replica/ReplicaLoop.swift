import Core
import Raft
import SegmentLog
import Store
import Synchronization

/// The replica loop: the lane that owns the consensus core, feeds it events and carries out its effects.
final class ReplicaLoop: LaneWork {
    /// What others leave for the loop.
    enum Item: Sendable {
        case message(ReplicaMessage, from: NodeID)
        case propose([UInt8], @Sendable (ProposalResult) -> Void)
        case proposeMembership(Membership, @Sendable (ProposalResult) -> Void)
        case transferLeadership(NodeID?, @Sendable (TransferResult) -> Void)
        case drain(Bool)
        case read(MonotonicTime, @Sendable (ReadBarrier) -> Void)
        case persisted(AppendNumber)
        case applied(LogIndex)
        case checkpointed(LogPosition)
        case checkpointMetDamage(String)
        case compacted(LogIndex)
        /// A snapshot has come whole and checked; the completion says whether its position is reached.
        case snapshotReceived(any IncomingSnapshot, @Sendable (Bool) -> Void)
        /// The state is that of the snapshot now; nil if it was not needed or could not be.
        case snapshotInstalled(InstalledSnapshot?)
        /// The state is damaged, and the apply lane has noted it.
        case damaged(String)
        /// What the state is at a mark of the log's time.
        case digested(StateDigest)
        case snapshotFinished(NodeID, LogPosition, delivered: Bool)
        case disconnected(NodeID)
        case inspect(@Sendable (Inspection) -> Void)

        /// It means nothing any more once another state has taken this one's place.
        var isOfTheState: Bool {
            switch self {
            case .checkpointMetDamage, .digested: true
            default: false
            }
        }
    }

    /// What the core and its driver say of themselves.
    struct Inspection: Sendable {
        let raft: RaftStatus
        let membership: Membership
        let followers: [FollowerStatus]
        let logBase: LogPosition
        let isClockAlarmed: Bool
        let waiting: Int
        let isDraining: Bool
        let snapshotsInstalled: UInt64
    }

    /// What the loop hands its work to.
    struct Surroundings: Sendable {
        let machine: any StateMachine
        let host: ReplicaHost
        let logLane: LogLane
        let applyLane: ApplyLane
        let send: @Sendable (ReplicaMessage, NodeID) -> Void
        /// The same, and whether it is on its way: false if it surely is not.
        let trySend: @Sendable (ReplicaMessage, NodeID) -> Bool
        let membershipChanged: @Sendable (Membership, LogIndex) -> Void
        let alarm: @Sendable (RaftAlarm) -> Void
        let repair: @Sendable (RepairEvent) -> Void
        let standing: Standing
        /// Of a node that wants leases.
        let touched: TouchedRecords?
        /// Takes the state out of service, if there is another replica to rebuild it from: whether there is.
        let reportDamage: @Sendable (String) -> Bool
        /// When a part of a snapshot came last.
        let heardSnapshotAt: @Sendable () -> MonotonicTime
    }

    private let options: ReplicaOptions
    private let restored: RestoredState
    private let lane: Lane<Item>
    private let surroundings: Surroundings
    private let owned = LaneOwned(Owned())
    private let published: Mutex<Published>

    private struct Owned {
        var driver: Driver?
        var nextTick: UInt64 = 0
    }

    private struct Published {
        var status: RaftStatus
        var membership: Membership
    }

    private let lease = PublishedLease()
    /// Nanoseconds; 0 for never.
    private let freshNanoseconds = Atomic<UInt64>(0)

    init(options: ReplicaOptions, restored: RestoredState, lane: Lane<Item>, surroundings: Surroundings) {
        self.options = options
        self.restored = restored
        self.lane = lane
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
    /// The last moment at which the state here was known to be current. Of a damaged one nothing is known.
    var freshAt: MonotonicTime? {
        let nanoseconds = freshNanoseconds.load(ordering: .acquiring)
        return nanoseconds > 0 && !surroundings.standing.isDamaged ? MonotonicTime(nanoseconds: nanoseconds) : nil
    }

    /// The newest read lease, or none; none while the state is damaged.
    var readLease: ReadLease { surroundings.standing.isDamaged ? .none : lease.newest }
    func publish(_ lease: ReadLease) { self.lease.publish(lease) }
    func publish(_ status: RaftStatus) { published.withLock { $0.status = status } }
    func publish(_ membership: Membership) { published.withLock { $0.membership = membership } }
    func publish(freshAt time: MonotonicTime) { freshNanoseconds.max(time.nanoseconds, ordering: .releasing) }

    func report(_ item: Item) { lane.post(item) }

    func start() { lane.start(self) }
    func stop() { lane.stop() }

    // MARK: The work

    private var tickNanoseconds: UInt64 { UInt64(options.tickMilliseconds) * 1_000_000 }

    func begin() -> LanePause {
        owned.value.driver = Driver(options: options, restored: restored, loop: self, surroundings: surroundings)
        owned.value.nextTick = surroundings.host.now().nanoseconds + tickNanoseconds
        return .until(MonotonicTime(nanoseconds: owned.value.nextTick))
    }

    func take(_ items: [Item]) -> LanePause {
        guard let driver = owned.value.driver else { return .ended }
        driver.take(items)
        let after = surroundings.host.now().nanoseconds
        if after >= owned.value.nextTick {
            driver.tick()
            // After a pause of the process there is one tick, not all that were missed: others must be heard first.
            owned.value.nextTick = max(owned.value.nextTick + tickNanoseconds, after)
        }
        let tick = MonotonicTime(nanoseconds: owned.value.nextTick)
        return .until(driver.due.map { min($0, tick) } ?? tick)
    }

    func end() {
        owned.value.driver?.end()
        owned.value.driver = nil
    }

    /// The driver keeps those who send snapshots, and they report to this loop.
    func forget() { owned.value.driver = nil }
}
