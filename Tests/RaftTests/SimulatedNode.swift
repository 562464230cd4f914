import Core
import Raft

/// The simplest driver of a core: a disk that keeps what was made durable, and a state machine that is a running digest.
struct SimulatedNode {
    /// What a state machine is: a digest of all it applied.
    struct State: Equatable {
        var snapshot = InstalledSnapshot(position: .zero, time: .zero, membership: .empty, membershipIndex: LogIndex(0))
        var digest: UInt64 = 0xcbf2_9ce4_8422_2325
    }

    struct Disk {
        var hardState = HardState()
        var base = LogPosition.zero
        var entries: [LogEntry] = []
        /// What a restart begins with.
        var checkpoint = State()

        var lastIndex: LogIndex { LogIndex(base.index.rawValue + UInt64(entries.count)) }

        mutating func write(_ append: AppendEffect) {
            if let hardState = append.hardState { self.hardState = hardState }
            guard let first = append.entries.first else { return }
            precondition(first.index > base.index && first.index <= lastIndex.next, "the log on the disk would have a gap")
            entries.removeSubrange(Int(first.index.rawValue - base.index.rawValue - 1)...)
            entries.append(contentsOf: append.entries)
        }

        func term(at index: LogIndex) -> Term? {
            if index == base.index { return base.term }
            guard index > base.index, index <= lastIndex else { return nil }
            return entries[Int(index.rawValue - base.index.rawValue - 1)].term
        }
    }

    var configuration: RaftConfiguration
    var id: NodeID { configuration.id }
    /// nil while the node is down.
    var core: RaftCore?
    var disk = Disk()
    /// Given to the disk and not durable yet.
    var writing: [AppendEffect] = []
    var state = State()
    var lives: UInt64 = 0
    var ticks: Int64 = 0
    /// The node's clock, which whoever drives it sets.
    var clock = MonotonicTime(nanoseconds: 10_000_000_000)
    /// Of its directory; 0 for one that the cluster began with.
    var incarnation = Incarnation(0)

    init(_ configuration: RaftConfiguration, membership: Membership) {
        self.configuration = configuration
        disk.checkpoint.snapshot.membership = membership
    }

    mutating func start() -> [RaftEffect] {
        var effects: [RaftEffect] = []
        lives += 1
        state = disk.checkpoint
        var configuration = configuration
        configuration.seed = configuration.seed &+ lives &* 7_919
        core = RaftCore(
            configuration,
            restored: RestoredState(hardState: disk.hardState, applied: state.snapshot, base: disk.base, entries: disk.entries), at: clock, into: &effects)
        return effects
    }

    /// Loses everything that is not durable; `keeping` of the writes under way were durable, but nobody heard of it.
    mutating func crash(keeping: Int = 0) {
        for append in writing.prefix(keeping) { disk.write(append) }
        writing = []
        core = nil
    }

    mutating func step(_ event: RaftEvent) -> [RaftEffect] {
        var effects: [RaftEffect] = []
        core?.step(event, at: clock, into: &effects)
        return effects
    }

    /// Makes the oldest write durable: its messages may leave, then the core hears of it.
    mutating func persistNext() -> AppendEffect {
        let append = writing.removeFirst()
        disk.write(append)
        return append
    }

    mutating func apply(_ entry: LogEntry) {
        precondition(entry.index == state.snapshot.position.index.next, "\(id) applies \(entry.index) after \(state.snapshot.position.index)")
        state.snapshot.position = LogPosition(index: entry.index, term: entry.term)
        state.snapshot.time = entry.time
        if entry.kind == .membership, let membership = try? Membership(decoding: entry.payload) {
            state.snapshot.membership = membership
            state.snapshot.membershipIndex = entry.index
        }
        for byte in [UInt8(truncatingIfNeeded: entry.term.rawValue), entry.kind.rawValue] + entry.payload {
            state.digest = (state.digest ^ UInt64(byte)) &* 0x100_0000_01b3
        }
    }

    mutating func checkpoint() { disk.checkpoint = state }

    /// Removes entries through `index` from the log on the disk; at most through the checkpoint.
    mutating func compact(through index: LogIndex) -> LogIndex? {
        let index = min(index, disk.checkpoint.snapshot.position.index)
        guard index > disk.base.index, let term = disk.term(at: index) else { return nil }
        disk.entries.removeFirst(Int(index.rawValue - disk.base.index.rawValue))
        disk.base = LogPosition(index: index, term: term)
        return index
    }

    /// State and log begin anew.
    mutating func install(_ new: State) {
        state = new
        disk.checkpoint = new
        disk.base = new.snapshot.position
        disk.entries = []
    }
}

/// Members n1…, of which the first `voters` vote.
func testMembership(voters: Int, learners: Int = 0) -> Membership {
    let ids = (1...voters + learners).map { NodeID(UInt32($0)) }
    return Membership(members: ids.map { testMember($0) }, voters: Array(ids.prefix(voters)))
}

func testMember(_ id: NodeID, _ incarnation: Incarnation = Incarnation(0)) -> Membership.Member {
    Membership.Member(id: id, peerAddress: "\(id):1", adminAddress: "\(id):2", incarnation: incarnation)
}

func n(_ number: UInt32) -> NodeID { NodeID(number) }
