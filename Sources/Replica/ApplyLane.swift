import Core
import Raft
import Store
import Synchronization

/// The apply thread: LMDB's one writer. Applies committed entries in transactions of many, and answers those who wait for an entry
/// or an index.
final class ApplyLane: Sendable {
    enum Work: Sendable {
        case apply([LogEntry])
        /// Somebody waits for what becomes of the entry at this position.
        case expect(LogPosition, deadline: MonotonicTime, @Sendable (ProposalResult) -> Void)
        /// Somebody waits until this index is applied.
        case whenApplied(LogIndex, @Sendable () -> Void)
        /// A snapshot has come whole and takes the state's place.
        case install(SnapshotSink, @Sendable (InstalledSnapshot?) -> Void)
    }

    /// What the lane calls, from its own thread.
    struct Calls: Sendable {
        var applied: @Sendable (LogIndex) -> Void
        var failed: @Sendable (StoreError) -> Void
    }

    private let mailbox = Mailbox<Work>()
    private let store: StateStore
    private let checkpoints: CheckpointLane
    private let options: ReplicaOptions
    private let calls: Calls
    private let index: Atomic<UInt64>
    private let thread = Mutex<LaneThread?>(nil)

    init(store: StateStore, checkpoints: CheckpointLane, options: ReplicaOptions, calls: Calls) {
        self.store = store
        self.checkpoints = checkpoints
        self.options = options
        self.calls = calls
        index = Atomic(store.applied.position.index.rawValue)
    }

    /// The last index applied, for any thread: what a snapshot taken after this call contains at the least.
    var appliedIndex: LogIndex { LogIndex(index.load(ordering: .acquiring)) }

    func start() {
        let lane = LaneThread("kho-apply") { [self] in run() }
        thread.withLock { $0 = lane }
    }

    func post(_ work: Work) {
        guard !mailbox.post(work) else { return }
        // Nobody will apply it here.
        if case let .expect(_, _, completion) = work { completion(.unknown) }
        if case let .install(_, completion) = work { completion(nil) }
    }

    /// Applies what was posted and ends; whoever still waits hears that the outcome is unknown.
    func stop() {
        mailbox.close()
        thread.withLock { $0.take() }?.join()
    }

    private func run() {
        var waiters = ApplyWaiters()
        defer { waiters.giveUp() }
        while let work = mailbox.take(atMostNanoseconds: 500_000_000) {
            do throws(StoreError) { try carryOut(work, &waiters) } catch {
                mailbox.close()
                calls.failed(error)
                return
            }
            waiters.expire(MonotonicTime.now())
        }
    }

    private func carryOut(_ batch: [Work], _ waiters: inout ApplyWaiters) throws(StoreError) {
        var entries: [LogEntry] = []
        for work in batch {
            if case let .apply(more) = work {
                entries += more
                continue
            }
            // In the order of their coming: who waits for an entry asked before it was committed.
            switch work {
            case .apply: break
            case let .expect(position, deadline, completion): waiters.expect(position, deadline, completion)
            case let .whenApplied(index, completion): waiters.when(index, completion)
            case let .install(sink, completion):
                try apply(&entries, &waiters)
                completion(try install(sink, &waiters))
            }
        }
        try apply(&entries, &waiters)
        waiters.passed(appliedIndex)
    }

    private func apply(_ entries: inout [LogEntry], _ waiters: inout ApplyWaiters) throws(StoreError) {
        defer { entries.removeAll() }
        // What a snapshot has brought already.
        let applied = appliedIndex
        var rest = entries[...].drop { $0.index <= applied }
        while let first = rest.first {
            invariant(first.index == appliedIndex.next, "entry \(first.index) is to be applied after \(appliedIndex)")
            var weight = 0
            let batch = Array(rest.prefix(options.applyEntriesMax).prefix { entry in
                weight += entry.weight
                return weight <= options.applyBytesMax || entry.index == first.index
            })
            rest = rest.dropFirst(batch.count)
            let outcomes = try store.apply(batch)
            let last = batch[batch.count - 1].index
            index.store(last.rawValue, ordering: .releasing)
            checkpoints.applied(bytes: batch.reduce(0) { $0 + $1.weight })
            for (entry, outcome) in zip(batch, outcomes) { waiters.applied(entry, outcome) }
            waiters.passed(last)
            calls.applied(last)
        }
    }

    /// What the state shows now; nil if it is newer than the snapshot already.
    private func install(_ sink: SnapshotSink, _ waiters: inout ApplyWaiters) throws(StoreError) -> InstalledSnapshot? {
        let header = sink.header
        guard header.applied.index > appliedIndex else { return nil }
        try checkpoints.whileNoneIsTaken { () throws(StoreError) in try store.install(sink) }
        index.store(header.applied.index.rawValue, ordering: .releasing)
        waiters.skipped(to: header.applied.index)
        waiters.passed(header.applied.index)
        return InstalledSnapshot(
            position: header.applied, time: header.time, membership: header.membership, membershipIndex: header.membershipIndex)
    }
}
