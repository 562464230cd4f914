import Core
import Store
import Synchronization

/// The checkpoint lane: makes what is applied durable, by bytes or by time, while applying goes on.
final class CheckpointLane: LaneWork {
    struct Calls: Sendable {
        var checkpointed: @Sendable (LogPosition) -> Void
        /// What it met is damage: whether the state will be taken out of service and rebuilt.
        var damaged: @Sendable (String) -> Bool
        var failed: @Sendable (StoreError) -> Void
    }

    enum Item { case due }

    private let lane: Lane<Item>
    private let machine: any StateMachine
    private let bytesMax: Int
    private let milliseconds: UInt64
    private let host: ReplicaHost
    private let calls: Calls
    private let dirty = Atomic(0)
    /// Held while a checkpoint is taken, so that a snapshot's installation does not take the files away.
    private let taking = Mutex(())

    init(machine: any StateMachine, options: ReplicaOptions, host: ReplicaHost, calls: Calls) {
        self.machine = machine
        bytesMax = options.checkpointBytes
        milliseconds = UInt64(options.checkpointMilliseconds)
        self.host = host
        self.calls = calls
        lane = Lane(.checkpoint, host: host)
    }

    func start() { lane.start(self) }

    /// Ends, with a last checkpoint, so that the next start has little to apply again.
    func stop() { lane.stop() }

    /// So many bytes were applied.
    func applied(bytes: Int) {
        let (before, after) = dirty.add(bytes, ordering: .relaxed)
        if before < bytesMax && after >= bytesMax { lane.post(.due) }
    }

    func whileNoneIsTaken(_ body: () throws(StoreError) -> Void) throws(StoreError) {
        var failure: StoreError?
        taking.withLock { _ in
            do throws(StoreError) { try body() } catch { failure = error }
        }
        if let failure { throw failure }
    }

    // MARK: The work

    func begin() -> LanePause { pause }
    func take(_ items: [Item]) -> LanePause { takeCheckpoint() ? pause : .ended }
    func end() { _ = takeCheckpoint() }

    private var pause: LanePause { .until(host.now().adding(milliseconds: milliseconds)) }

    /// False if the store failed.
    private func takeCheckpoint() -> Bool {
        // Of a damaged state the older checkpoint is as good.
        guard dirty.exchange(0, ordering: .relaxed) > 0, machine.damage == nil else { return true }
        do throws(StoreError) {
            var position = LogPosition.zero
            try whileNoneIsTaken { () throws(StoreError) in position = try machine.checkpoint() }
            calls.checkpointed(position)
            return true
        } catch {
            // The log is cut through no checkpoint that was not made.
            if error.isDamage, calls.damaged("\(error)") { return true }
            calls.failed(error)
            return false
        }
    }
}
