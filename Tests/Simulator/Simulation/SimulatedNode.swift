import Access
import Admission
import Core
import Glibc
import Raft
import Replica
import SegmentLog
import SimulatedDisk
import Store

/// A lane of a node, run by the simulation one batch at a time.
///
/// `@unchecked Sendable` because a simulation is used by one thread.
final class LaneSlot: @unchecked Sendable {
    let lane: any RunnableLane
    let place: Int
    /// The event of another token is no longer wanted.
    var token: UInt64 = 0
    /// When its next batch is to run; nil if nothing is due.
    var due: UInt64?
    /// When its work wants to go on by itself.
    var wake: UInt64?
    var isBegun = false

    init(_ lane: any RunnableLane, place: Int) {
        self.lane = lane
        self.place = place
    }
}

/// One node: its disk, its clocks, and, while it runs, its replica.
///
/// `@unchecked Sendable` because a simulation is used by one thread.
final class SimulatedNode: @unchecked Sendable {
    let place: Int
    let id: NodeID
    let name: String
    let isVoterAtFirst: Bool
    /// It comes later, when the administrator has it added.
    let isSpare: Bool
    var incarnation: UInt64
    /// It began with the cluster: its log's beginning is the first membership.
    var isFounder: Bool

    // What a crash leaves.
    var disk = ModelLogDisk()
    /// In the place of `disk`, for a real log.
    var files: SimulatedDisk?
    var hasLog = false
    var truth = LogTruth()
    /// What the directory before this one held, which is lost.
    var lost: LogTruth?
    var storage = ModelStorage()
    /// The directory of the real store, if there is one.
    var folder: String?
    /// How often the directory was taken up, and the mark of the last time.
    var start = PeerStart(number: 0, mark: 0)
    /// The starts that it has met of others.
    var met = MetStarts()
    /// A copy of the directory, made some time ago.
    var backup: Backup?
    /// It goes on from the copy, and has forgotten what came after it.
    var isPutBack = false
    /// A copy of the directory runs beside it, under the same identity: the others may come to refuse both.
    var isCopied = false
    /// The others refuse it, or will: somebody gives it an empty directory.
    var isToBeReplaced: Bool { isPutBack || isCopied }

    // While it runs.
    var life = 0
    var replica: Replica?
    var machine: WatchedMachine?
    var log: WatchedLog?
    /// As a query node keeps them.
    var plans = PlanCache()
    var lanes: [LaneSlot] = []
    /// Its log or store failed: it must end, and acknowledge nothing more.
    var hasFailed = false
    /// It ended in the middle of a call of its log.
    var isKilled = false
    /// It is being stopped in order.
    var isStopping = false
    var pausedUntil: UInt64 = 0
    /// Whom it talks to, by the membership that its transport goes by.
    var admission: PeerAdmission
    /// A bit of its log was flipped, and it has not started since: it may refuse to. If it does start, it has read all, and has no excuse later.
    var isDamaged = false

    // What the core said last in this life.
    var seenTerm = Term(0)
    var seenCommit = LogIndex(0)
    var seenRole = RaftRole.follower
    var seenMembership = Membership.empty
    /// The index of its entry.
    var seenMembershipIndex = LogIndex(0)
    /// Whether it has said anything in this life.
    var hasSpoken = false
    /// The first entry that a leader may not commit, though a majority has it; nil if there is none.
    var fenced: Fenced?

    // Its clocks: parts in a million that they run fast, and what they were set to.
    var drift: Int64 = 0
    let offset: UInt64
    /// Time that the clock did not count: a defect on purpose.
    var uncounted: UInt64 = 0
    var wallOffset: Int64 = 0
    /// How long a sync takes, in nanoseconds.
    var diskNanoseconds: UInt64

    /// - Parameter id: the number that comes with its place, if there is none.
    init(place: Int, id: NodeID? = nil, isVoter: Bool, isSpare: Bool = false, dice: inout Dice) {
        self.isSpare = isSpare
        self.place = place
        self.id = id ?? NodeID(UInt32(place + 1))
        name = "\(self.id)"
        admission = PeerAdmission(node: self.id, incarnation: Incarnation(0))
        isVoterAtFirst = isVoter
        isFounder = isVoter
        incarnation = dice.next() | 1
        offset = dice.within(1_000_000_000...100_000_000_000)
        diskNanoseconds = dice.within(50_000...2_000_000)
    }

    /// Another machine, to run a copy of the node's directory.
    convenience init(twinOf node: SimulatedNode, place: Int, dice: inout Dice) {
        self.init(place: place, id: node.id, isVoter: node.isVoterAtFirst, isSpare: node.isSpare, dice: &dice)
        incarnation = node.incarnation
        (drift, wallOffset) = (node.drift, node.wallOffset)
    }

    /// What its state survives a power cut with: a checkpoint, or a snapshot that was installed.
    var checkpointed: LogIndex { machine?.checkpointed.index ?? storage.checkpoint.applied.position.index }

    /// Whether a power cut now would leave this entry, or what came of it.
    func hasDurably(_ position: LogPosition) -> Bool { truth.hasDurably(position) || position.index <= checkpointed || lost?.hasDurably(position) == true }

    /// Whether its process was given this error by the disk of its log.
    func wasGiven(_ errno: Int32) -> Bool { files.map { $0.errors.contains { $0.errno == errno } } ?? disk.errors.contains(errno) }

    /// What became of its log in this life that must end it; nil if nothing did. What the log makes of a write or a sync that the disk failed is no concern of the disk's.
    var fatalError: String? {
        if let error = log?.error { return "\(error)" }
        return files?.errors.first { $0.errno == EIO && ($0.operation == "write" || $0.operation == "sync") }.map { "\($0)" }
    }

    var isUp: Bool { replica != nil }
    /// Its state is damaged and not rebuilt yet, whether it was noticed or not.
    var isRotten: Bool { replica?.damage != nil || machine?.damage != nil || machine?.isRotten == true || machine?.isStray == true || storage.damage != nil || isMarked }
    /// Its directory says so, while it does not run.
    var isMarked = false
    var isLeader: Bool { isUp && seenRole == .leader }

    /// The node's monotonic clock at this moment of the world.
    func clock(_ time: UInt64) -> UInt64 {
        let time = time - min(time, uncounted)
        return offset + UInt64(Int64(time) + Int64(time / 1_000) * drift / 1_000)
    }

    /// The moment of the world at which the node's clock shows this, or a little later.
    func moment(_ clock: UInt64) -> UInt64 {
        guard clock > offset else { return 0 }
        let shown = Int64(clock - offset)
        var time = UInt64(max(0, shown - shown / 1_000 * drift / (1_000 + drift / 1_000))) + uncounted
        while self.clock(time) < clock { time += 1 + (clock - self.clock(time)) }
        return time
    }

    func wall(_ time: UInt64) -> Int64 { 1_700_000_000_000 + (Int64(clock(time)) - Int64(offset)) / 1_000_000 + wallOffset }
}

/// What the replica sends, and whom it may hear.
///
/// `@unchecked Sendable` because a simulation is used by one thread.
final class SimulatedTransport: ReplicaTransport, @unchecked Sendable {
    private unowned let world: World
    private unowned let node: SimulatedNode
    private let life: Int

    init(_ node: SimulatedNode, world: World) {
        self.node = node
        self.world = world
        life = node.life
    }

    func send(_ bytes: [UInt8], to other: NodeID, bulk: Bool) -> Bool {
        guard node.life == life else { return false }
        return world.send(bytes, from: node, to: other, bulk: bulk)
    }

    func membershipChanged(_ membership: Membership, at index: LogIndex) {
        node.admission.change(to: membership, at: index)
    }

    func standsIn(_ other: NodeID) -> Bool { node.admission.standsIn(other) }
}
