import Core
import Dispatch
import NIOCore
import Replica
import Synchronization

/// Runs a lane in steps on an event loop, between what that loop reads and writes: the replica's loop on the loop of the peers, so that a message from a
/// peer, what the core makes of it and the answer wake one thread and not three.
///
/// What it runs must not block, and one batch of it delays whatever else the event loop does.
///
/// `@unchecked Sendable` because `course` is used on the event loop only.
final class EventLoopLane: LaneRunner, @unchecked Sendable {
    private let eventLoop: any EventLoop
    private let now: @Sendable () -> MonotonicTime
    /// A step is queued on the event loop, which has not begun to take what was left.
    private let isDue = Atomic(false)
    private let ended = DispatchSemaphore(value: 0)
    private var course = Course()

    private struct Course {
        var isRunning = false
        /// The timer that is set, and when it goes off. One that comes too early does no harm, so a later moment sets no new one.
        var timer: (at: MonotonicTime, Scheduled<Void>)?
    }

    init(_ eventLoop: any EventLoop, now: @escaping @Sendable () -> MonotonicTime = ReplicaHost.system.now) {
        self.eventLoop = eventLoop
        self.now = now
    }

    // MARK: From any thread

    func run(_ lane: any RunnableLane) -> @Sendable () -> Void {
        eventLoop.execute { [self] in
            course.isRunning = true
            goOn(lane, lane.begin())
            // What was left before it ran.
            step(lane)
        }
        return { [ended] in ended.wait() }
    }

    func posted(_ lane: any RunnableLane) {
        guard !isDue.exchange(true, ordering: .acquiringAndReleasing) else { return }
        eventLoop.execute { [self] in
            // Before anything is taken: what comes from now on may come too late for this step.
            isDue.store(false, ordering: .sequentiallyConsistent)
            step(lane)
        }
    }

    // MARK: On the event loop

    private func step(_ lane: any RunnableLane) {
        guard course.isRunning else { return }
        var pause = lane.runBatch(atMost: .max)
        // What was left is taken; nothing else will come that it could wait for.
        while pause != .ended, lane.isClosed { pause = lane.runBatch(atMost: .max) }
        goOn(lane, pause)
    }

    private func goOn(_ lane: any RunnableLane, _ pause: LanePause) {
        switch pause {
        case .untilPosted: return
        case let .until(moment):
            if let timer = course.timer {
                guard moment < timer.at else { return }
                timer.1.cancel()
            }
            let timer = eventLoop.scheduleTask(in: .nanoseconds(Int64(clamping: moment.nanoseconds(since: now())))) { [self] in
                course.timer = nil
                step(lane)
            }
            course.timer = (moment, timer)
        case .ended:
            course.timer?.1.cancel()
            course = Course()
            ended.signal()
        }
    }
}
