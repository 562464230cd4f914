import Core
import Glibc
import Store
import Synchronization

/// The checkpoint thread: makes what is applied durable, by bytes or by time, while applying goes on.
final class CheckpointLane: Sendable {
    struct Calls: Sendable {
        var checkpointed: @Sendable (LogPosition) -> Void
        var failed: @Sendable (StoreError) -> Void
    }

    private enum Word { case due }

    private let mailbox = Mailbox<Word>()
    private let store: StateStore
    private let bytesMax: Int
    private let milliseconds: UInt64
    private let calls: Calls
    private let dirty = Atomic(0)
    /// Held while a checkpoint is taken, so that a snapshot's installation does not take the files away.
    private let taking = Mutex(())
    private let thread = Mutex<LaneThread?>(nil)

    init(store: StateStore, options: ReplicaOptions, calls: Calls) {
        self.store = store
        bytesMax = options.checkpointBytes
        milliseconds = UInt64(options.checkpointMilliseconds)
        self.calls = calls
    }

    func start() {
        let lane = LaneThread("kho-checkpoint") { [self] in run() }
        thread.withLock { $0 = lane }
    }

    /// Ends, with a last checkpoint, so that the next start has little to apply again.
    func stop() {
        mailbox.close()
        thread.withLock { $0.take() }?.join()
    }

    /// So many bytes of entries were applied.
    func applied(bytes: Int) {
        let (before, after) = dirty.add(bytes, ordering: .relaxed)
        if before < bytesMax && after >= bytesMax { mailbox.post(.due) }
    }

    func whileNoneIsTaken(_ body: () throws(StoreError) -> Void) throws(StoreError) {
        var failure: StoreError?
        taking.withLock { _ in
            do throws(StoreError) { try body() } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private func run() {
        while mailbox.take(atMostNanoseconds: milliseconds * 1_000_000) != nil {
            if !take() { return }
        }
        _ = take()
    }

    /// False if the store failed.
    private func take() -> Bool {
        guard dirty.exchange(0, ordering: .relaxed) > 0 else { return true }
        do throws(StoreError) {
            var position = LogPosition.zero
            try whileNoneIsTaken { () throws(StoreError) in position = try store.checkpoint() }
            calls.checkpointed(position)
            return true
        } catch {
            calls.failed(error)
            return false
        }
    }
}
