import Core
import Raft
import Store
import Synchronization

/// The apply lane: the state's one writer. Applies committed entries in transactions of many, and answers those who wait for an entry
/// or an index.
final class ApplyLane: LaneWork {
    enum Item: Sendable {
        case apply([LogEntry])
        /// Somebody waits for what becomes of the entry at this position.
        case expect(LogPosition, deadline: MonotonicTime, @Sendable (ProposalResult) -> Void)
        /// Somebody waits until this index is applied; false if this replica ends before.
        case whenApplied(LogIndex, @Sendable (Bool) -> Void)
        /// A snapshot has come whole and takes the state's place.
        case install(any IncomingSnapshot, @Sendable (InstalledSnapshot?) -> Void)
        /// The state is damaged: nothing is applied to it any more.
        case damaged(String)
    }

    /// What the lane calls, from its own thread.
    struct Calls: Sendable {
        var applied: @Sendable (LogIndex) -> Void
        var failed: @Sendable (StoreError) -> Void
        /// Whether there is another replica whose state can take the place of this one's.
        var canBeRebuilt: @Sendable () -> Bool
        /// The state is damaged; nobody is to be served from it from now on.
        var outOfService: @Sendable (String) -> Void
        /// That is noted durably; what is to be applied is dropped until a snapshot is installed.
        var damaged: @Sendable (String) -> Void
        /// The log's time passes a mark: what the state is before the entry that does.
        var digested: @Sendable (StateDigest) -> Void
    }

    /// Nanoseconds between two looks at the deadlines of those who wait.
    private static let expiryNanoseconds: UInt64 = 500_000_000

    private let lane: Lane<Item>
    private let machine: any StateMachine
    private let checkpoints: CheckpointLane
    private let options: ReplicaOptions
    private let host: ReplicaHost
    private let calls: Calls
    private let index: Atomic<UInt64>
    private let waiters: LaneOwned<ApplyWaiters>
    private let waiting = Atomic(0)
    private let isDamaged: LaneOwned<Bool>
    /// Committed entries that wait for more, and until when.
    private let held = LaneOwned(Held())

    private struct Held {
        var entries: [LogEntry] = []
        var weight = 0, operations = 0
        var due = MonotonicTime(nanoseconds: 0)
    }

    init(machine: any StateMachine, checkpoints: CheckpointLane, options: ReplicaOptions, host: ReplicaHost, calls: Calls) {
        self.machine = machine
        self.checkpoints = checkpoints
        self.options = options
        self.host = host
        self.calls = calls
        lane = Lane(.apply, host: host)
        waiters = LaneOwned(Self.waiters(options))
        isDamaged = LaneOwned(machine.damage != nil)
        index = Atomic(machine.applied.position.index.rawValue)
    }

    /// The last index applied, for any thread: what a snapshot taken after this call contains at the least.
    var appliedIndex: LogIndex { LogIndex(index.load(ordering: .acquiring)) }

    /// How many wait for an entry or an index, as of the last batch; for any thread.
    var waitingCount: Int { waiting.load(ordering: .relaxed) }

    func start() { lane.start(self) }

    func post(_ item: Item) {
        if !lane.post(item) { refuse(item) }
    }

    /// Applies what was posted and ends; whoever still waits hears that the outcome is unknown.
    func stop() { lane.stop() }

    // MARK: The work

    func begin() -> LanePause { pause }

    func take(_ items: [Item]) -> LanePause {
        do throws(StoreError) { try carryOut(items) } catch {
            end()
            calls.failed(error)
            return .ended
        }
        waiters.value.expire(host.now())
        waiting.store(waiters.value.count, ordering: .relaxed)
        return pause
    }

    func end() {
        do throws(StoreError) { try applyHeld() } catch { calls.failed(error) }
        waiters.value.giveUp()
    }

    func forget() { waiters.value = Self.waiters(options) }

    /// They remember the outcomes of two transactions at the least: who waits may ask while the one with its entry is under way.
    private static func waiters(_ options: ReplicaOptions) -> ApplyWaiters { ApplyWaiters(remembered: max(8_192, 2 * options.applyEntriesMax)) }

    private var pause: LanePause {
        let expiry = MonotonicTime(nanoseconds: host.now().nanoseconds + Self.expiryNanoseconds)
        return .until(held.value.entries.isEmpty ? expiry : min(expiry, held.value.due))
    }

    /// Nobody will do it.
    private func refuse(_ item: Item) {
        switch item {
        case .apply, .damaged: break
        case let .expect(_, _, completion): completion(.unknown)
        case let .whenApplied(_, completion): completion(false)
        case let .install(_, completion): completion(nil)
        }
    }

    private func carryOut(_ batch: [Item]) throws(StoreError) {
        for (place, item) in batch.enumerated() {
            do throws(StoreError) {
                // In the order of their coming: who waits for an entry asked before it was committed.
                switch item {
                case .expect where isDamaged.value, .whenApplied where isDamaged.value: refuse(item)
                case let .apply(more): hold(more)
                case let .expect(position, deadline, completion): waiters.value.expect(position, deadline, completion)
                case let .whenApplied(index, completion): waiters.value.when(index, completion)
                case let .install(snapshot, completion):
                    try applyHeld()
                    completion(try install(snapshot))
                case let .damaged(what):
                    try applyHeld()
                    try takeOutOfService(what)
                }
            } catch {
                for rest in batch[place...] { refuse(rest) }
                throw error
            }
        }
        // Who is answered at once does not wait for those who are not.
        waiters.value.passed(appliedIndex)
        let isFull = held.value.entries.count >= options.applyEntriesMax || held.value.weight >= options.applyBytesMax || held.value.operations >= operationsMax
        if isFull || !waiters.value.isEmpty || host.now() >= held.value.due { try applyHeld() }
        waiters.value.passed(appliedIndex)
    }

    /// Who proposes judges by what is applied how full the map is: where that is much, nothing is held.
    private func hold(_ entries: [LogEntry]) {
        let due = host.now().adding(milliseconds: machine.fullness == .roomy ? options.applyPauseMilliseconds : 0)
        held.value.due = held.value.entries.isEmpty ? due : min(held.value.due, due)
        held.value.entries += entries
        held.value.weight += entries.reduce(0) { $0 + $1.weight }
        held.value.operations += entries.reduce(0) { $0 + Self.operations($1) }
    }

    /// Of one transaction. What each changes is a page or more, however few bytes it has, and the map's reserve must hold them all.
    private var operationsMax: Int { machine.fullness == .roomy ? options.applyOperationsMax : max(1, options.applyOperationsMax / 8) }

    private static func operations(_ entry: LogEntry) -> Int { entry.kind == .command ? Command.operations(entry.payload) : 1 }

    private func applyHeld() throws(StoreError) {
        let entries = held.value.entries
        held.value = Held()
        guard !isDamaged.value else { return }
        // What a snapshot has brought already.
        let applied = appliedIndex
        var rest = entries[...].drop { $0.index <= applied }
        let newest = rest.last.map { mark($0.time) } ?? 0
        let most = operationsMax
        while let first = rest.first {
            invariant(first.index == appliedIndex.next, "entry \(first.index) is to be applied after \(appliedIndex)")
            var weight = 0, operations = 0
            let batch = Array(rest.prefix(options.applyEntriesMax).prefix { entry in
                weight += entry.weight
                operations += Self.operations(entry)
                guard entry.index != first.index else { return true }
                return weight <= options.applyBytesMax && operations <= most && (mark(entry.time) == mark(first.time) || isPast(entry, newest))
            })
            #if KHO_BUG_BATCH_SKIPS_ENTRIES
            // Bug: entries that the bound on bytes kept out of a batch are taken for applied.
            rest = rest.dropFirst(options.applyEntriesMax)
            #else
            rest = rest.dropFirst(batch.count)
            #endif
            let written = machine.writtenBytes
            let outcomes: [CommandOutcome?]
            do throws(StoreError) {
                if !isPast(first, newest) { try digest(before: first) }
                outcomes = try machine.apply(batch)
            } catch {
                guard error.isDamage, calls.canBeRebuilt() else { throw error }
                return try takeOutOfService("\(error)")
            }
            let last = batch[batch.count - 1].index
            index.store(last.rawValue, ordering: .releasing)
            checkpoints.applied(bytes: max(batch.reduce(0) { $0 + $1.weight }, machine.writtenBytes - written))
            for (entry, outcome) in zip(batch, outcomes) { waiters.value.applied(entry, outcome) }
            waiters.value.passed(last)
            calls.applied(last)
        }
    }

    /// The last of the marks at which states are compared.
    private func mark(_ time: LogTime) -> Int64 { time.milliseconds / options.comparisonMilliseconds }

    /// Whether so many marks follow that nobody remembers the entry's any more: who catches up does not stop at each.
    private func isPast(_ entry: LogEntry, _ newest: Int64) -> Bool { newest - mark(entry.time) >= Int64(StateComparison.marksMax) }

    /// Tells what the state is, if the log's time passes a mark with this entry. Every node does so at the same index, however it takes entries together.
    private func digest(before entry: LogEntry) throws(StoreError) {
        let applied = machine.applied
        // Who is alone serves what can be read: nobody could tell it anything.
        guard applied.position.index > LogIndex(0), mark(entry.time) != mark(applied.time), calls.canBeRebuilt() else { return }
        do throws(StoreError) { calls.digested(StateDigest(index: applied.position.index, value: try machine.digest())) } catch {
            // What is no damage will be met again by whoever needs it.
            if error.isDamage { throw error }
        }
    }

    /// Nobody hears from this state any more. Who waits hears that at once, and goes elsewhere.
    private func takeOutOfService(_ what: String) throws(StoreError) {
        guard !isDamaged.value else { return }
        isDamaged.value = true
        calls.outOfService(what)
        waiters.value.giveUp()
        try machine.markDamaged(what)
        calls.damaged(what)
    }

    /// What the state shows now; nil if it is newer than the snapshot already.
    private func install(_ snapshot: any IncomingSnapshot) throws(StoreError) -> InstalledSnapshot? {
        let header = snapshot.header
        // A damaged state may be replaced by one that shows as much, never by an older one: who has passed a barrier would read the past.
        guard header.applied.index > appliedIndex || isDamaged.value && header.applied.index == appliedIndex else { return nil }
        try checkpoints.whileNoneIsTaken { () throws(StoreError) in try snapshot.install() }
        isDamaged.value = machine.damage != nil
        index.store(header.applied.index.rawValue, ordering: .releasing)
        waiters.value.skipped(to: header.applied.index)
        waiters.value.passed(header.applied.index)
        return InstalledSnapshot(
            position: header.applied, time: header.time, membership: header.membership, membershipIndex: header.membershipIndex)
    }
}
