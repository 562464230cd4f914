import Core
import Raft
import SegmentLog
import Synchronization

/// The log lane: writes what the core appended, one sync for all that waits, then lets the messages go that waited for it.
final class LogLane: LaneWork {
    enum Item: Sendable {
        case append(AppendEffect)
        case compact(through: LogIndex)
        /// The log begins anew after a snapshot.
        case reset(LogPosition)
    }

    /// What the lane calls, from its own thread.
    struct Calls: Sendable {
        var send: @Sendable (RaftMessage) -> Void
        var persisted: @Sendable (AppendNumber) -> Void
        var compacted: @Sendable (LogIndex) -> Void
        var failed: @Sendable (LogError) -> Void
    }

    /// What is known of the disk.
    struct Figures: Sendable {
        var bytes = 0
        var isLowOnSpace = false
        /// Nanoseconds of the last syncs, the oldest overwritten first.
        var syncs: [UInt64] = []
        var nextSync = 0

        mutating func add(sync nanoseconds: UInt64) {
            if syncs.count < 1_024 {
                syncs.append(nanoseconds)
            } else {
                syncs[nextSync % syncs.count] = nanoseconds
            }
            nextSync += 1
        }

        var syncMicroseconds99: Int? {
            guard !syncs.isEmpty else { return nil }
            let sorted = syncs.sorted()
            return Int(sorted[min(sorted.count - 1, sorted.count * 99 / 100)] / 1_000)
        }
    }

    private let lane: Lane<Item>
    private let figures = Mutex(Figures())
    private let log: any DurableLog
    private let host: ReplicaHost
    private let calls: Calls

    init(log: any DurableLog, host: ReplicaHost, calls: Calls) {
        self.log = log
        self.host = host
        self.calls = calls
        lane = Lane(.log, host: host)
        let (bytes, low) = (log.bytes, log.isLowOnSpace)
        figures.withLock { figures in
            figures.bytes = bytes
            figures.isLowOnSpace = low
        }
    }

    var figuresNow: Figures { figures.withLock { $0 } }

    func start() { lane.start(self) }
    func post(_ item: Item) { lane.post(item) }

    /// Writes what was posted and ends.
    func stop() { lane.stop() }

    // MARK: The work

    func begin() -> LanePause { .untilPosted }

    func take(_ items: [Item]) -> LanePause {
        do throws(LogError) { try carryOut(items) } catch {
            // What was not made durable is never confirmed, and nothing is tried again: a retried sync lies.
            calls.failed(error)
            return .ended
        }
        return .untilPosted
    }

    func end() {}

    private func carryOut(_ batch: [Item]) throws(LogError) {
        var waiting: [AppendEffect] = []
        for work in batch {
            switch work {
            case let .append(append):
                try log.append(append.entries, hardState: append.hardState)
                waiting.append(append)
            case let .compact(index):
                try release(&waiting)
                try log.compact(through: index)
                calls.compacted(index)
            case let .reset(position):
                try release(&waiting)
                try log.reset(to: position)
            }
        }
        try release(&waiting)
        let (bytes, low) = (log.bytes, log.isLowOnSpace)
        figures.withLock { figures in
            figures.bytes = bytes
            figures.isLowOnSpace = low
        }
    }

    /// Makes durable what waits and lets go what waited for it.
    private func release(_ waiting: inout [AppendEffect]) throws(LogError) {
        guard let last = waiting.last else { return }
        #if KHO_BUG_SENT_BEFORE_SYNC
        // Bug: what waits for the disk leaves before the sync.
        for append in waiting { for message in append.messages { calls.send(message) } }
        #endif
        if waiting.contains(where: { !$0.entries.isEmpty || $0.hardState != nil }) {
            let begin = host.now()
            try log.sync()
            let took = host.now().nanoseconds(since: begin)
            figures.withLock { $0.add(sync: took) }
        }
        for append in waiting {
            for message in append.messages { calls.send(message) }
        }
        calls.persisted(last.number)
        waiting.removeAll(keepingCapacity: true)
    }
}
