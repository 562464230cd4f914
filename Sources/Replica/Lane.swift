import Core
import Synchronization

/// When a lane goes on.
package enum LanePause: Equatable, Sendable {
    /// When something is left for it.
    case untilPosted
    /// The same, but at this moment at the latest.
    case until(MonotonicTime)
    /// Never: its work is over.
    case ended
}

/// What a lane is for.
package enum LaneKind: String, Sendable {
    case loop = "kho-replica"
    case log = "kho-log"
    case apply = "kho-apply"
    case checkpoint = "kho-checkpoint"
    case snapshotIn = "kho-snapshot-in"
    case snapshotOut = "kho-snapshot-to"

    /// It does little at a time, and others wait for it.
    var isWaitedFor: Bool { self == .loop || self == .log }
    /// It does much at a time, and those who read do not wait for it, mostly.
    var standsBack: Bool { self == .apply }
}

/// A lane as whoever runs it sees it: batches of work that must not run at the same time, and may run on any thread.
package protocol RunnableLane: AnyObject, Sendable {
    var kind: LaneKind { get }
    /// Runs it until it has ended, and waits in between: for a thread of its own.
    func runToTheEnd()
    /// The first step of one that is run in steps.
    func begin() -> LanePause
    /// Takes what was left, at most so many items, and works on it, without waiting. To be called when something was left, when the
    /// moment of the last pause has come, or when it was closed.
    func runBatch(atMost count: Int) -> LanePause
    /// Whether something was left in it.
    var hasItems: Bool { get }
    /// Whether it takes no more: then it ends once all that was left is taken.
    var isClosed: Bool { get }
    /// Forgets everything, as if the process had died.
    func abandon()
}

/// Runs a lane elsewhere than on a thread of its own.
package protocol LaneRunner: Sendable {
    /// Begins to run it, in steps (`RunnableLane.begin`, then `runBatch`), and gives what waits for its end.
    func run(_ lane: any RunnableLane) -> @Sendable () -> Void
    /// Something was left in it, or it was closed. From any thread, also before `run`.
    func posted(_ lane: any RunnableLane)
}

/// The work of a lane. Called from one thread at a time.
protocol LaneWork<Item>: AnyObject, Sendable {
    associatedtype Item: Sendable
    /// Before anything else.
    func begin() -> LanePause
    /// What was left, in the order of its coming; empty if the moment of the last pause has come.
    func take(_ items: [Item]) -> LanePause
    /// The lane was closed, and nothing is left in it.
    func end()
    /// Drops what it keeps of others' calls without answering them, as if the process had died: they may hold the replica, and it this.
    func forget()
}

extension LaneWork {
    func forget() {}
}

/// A lane: anybody leaves items in it, and its work takes them in batches, one at a time, wherever the host runs it.
final class Lane<Item: Sendable>: RunnableLane {
    let kind: LaneKind
    private let host: ReplicaHost
    private let mailbox = Mailbox<Item>()
    private let running = Mutex(Running())

    private struct Running {
        /// Let go when the lane has ended, and with it everything that it holds.
        var work: (any LaneWork<Item>)?
        var join: (@Sendable () -> Void)?
    }

    init(_ kind: LaneKind, host: ReplicaHost) {
        self.kind = kind
        self.host = host
    }

    /// Leaves an item; false, and the item is dropped, once the lane is closed.
    @discardableResult
    func post(_ item: Item) -> Bool {
        guard mailbox.post(item) else { return false }
        host.posted?(self)
        return true
    }

    func start(_ work: any LaneWork<Item>) {
        running.withLock { $0.work = work }
        let join = host.run(self)
        running.withLock { $0.join = join }
    }

    /// Takes no more. What was left is still worked on.
    func close() {
        mailbox.close()
        host.posted?(self)
    }

    /// Closes it, and waits until it has ended.
    func stop() {
        close()
        let join = running.withLock { running in
            defer { running.join = nil }
            return running.join
        }
        join?()
    }

    // MARK: For who runs it

    func runToTheEnd() {
        guard let work = running.withLock({ $0.work }) else { return }
        var pause = work.begin()
        while pause != .ended {
            var limit: UInt64?
            if case let .until(moment) = pause { limit = moment.nanoseconds(since: host.now()) }
            pause = next(work, mailbox.take(atMostNanoseconds: limit))
        }
        finish()
    }

    func begin() -> LanePause {
        guard let work = running.withLock({ $0.work }) else { return .ended }
        return ended(work.begin())
    }

    func runBatch(atMost count: Int) -> LanePause {
        guard let work = running.withLock({ $0.work }) else { return .ended }
        return ended(next(work, mailbox.takeNow(atMost: count)))
    }

    var hasItems: Bool { mailbox.hasItems }
    var isClosed: Bool { mailbox.isClosed }

    func abandon() {
        mailbox.close()
        _ = mailbox.takeNow(atMost: .max)
        running.withLock { $0.work }?.forget()
        running.withLock { $0 = Running() }
    }

    private func next(_ work: any LaneWork<Item>, _ items: [Item]?) -> LanePause {
        guard let items else {
            work.end()
            return .ended
        }
        return work.take(items)
    }

    private func ended(_ pause: LanePause) -> LanePause {
        if pause == .ended { finish() }
        return pause
    }

    private func finish() {
        mailbox.close()
        running.withLock { $0.work = nil }
    }
}

/// What belongs to one lane's work.
///
/// `@unchecked Sendable` because only the batches of one lane use it, of which one runs at a time.
final class LaneOwned<Value>: @unchecked Sendable {
    var value: Value
    init(_ value: Value) { self.value = value }
}
