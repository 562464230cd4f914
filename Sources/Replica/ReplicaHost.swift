import CKhoPlatform
import Core
import Raft

/// What a replica needs of the world beside disk and network: clocks, chance, and somebody who runs its lanes. With the system's it is a
/// node; with a simulator's it does the same things again and again, one batch of one lane at a time.
package struct ReplicaHost: Sendable {
    /// The node's clock, for deadlines, promises and leases: CLOCK_BOOTTIME in a node, which goes on while the machine is suspended. It must
    /// count every pause, and run no more than 1 % faster or slower than another node's.
    package let now: @Sendable () -> MonotonicTime
    /// Milliseconds since 1970, with which a leader stamps entries.
    package let wallMilliseconds: @Sendable () -> Int64
    package let draw: @Sendable () -> UInt64
    /// Begins to run a lane, and gives what waits for its end.
    let run: @Sendable (any RunnableLane) -> @Sendable () -> Void
    /// Something was left in a lane, or it was closed. nil where lanes wait for that themselves.
    let posted: (@Sendable (any RunnableLane) -> Void)?
    /// Sees the core after each of its steps.
    let watch: (@Sendable (borrowing RaftCore) -> Void)?

    /// For a host that runs lanes in steps.
    package init(
        now: @escaping @Sendable () -> MonotonicTime, wallMilliseconds: @escaping @Sendable () -> Int64, draw: @escaping @Sendable () -> UInt64,
        run: @escaping @Sendable (any RunnableLane) -> @Sendable () -> Void, posted: (@Sendable (any RunnableLane) -> Void)?,
        watch: (@Sendable (borrowing RaftCore) -> Void)?
    ) {
        self.now = now
        self.wallMilliseconds = wallMilliseconds
        self.draw = draw
        self.run = run
        self.posted = posted
        self.watch = watch
    }

    /// The machine's clocks and chance, a thread for each lane.
    package static let system = ReplicaHost(
        now: { MonotonicTime.now() }, wallMilliseconds: { WallClock.now() }, draw: { SystemRandom.uint64() },
        run: { lane in
            let thread = LaneThread(lane.kind.rawValue) {
                if lane.kind.isWaitedFor { kho_prefer_latency() }
                if lane.kind.standsBack { kho_stand_back() }
                lane.runToTheEnd()
            }
            return { thread.join() }
        }, posted: nil, watch: nil)

    /// The same, but that the replica's loop, which never blocks, is run by `runner`.
    package func withLoop(on runner: some LaneRunner) -> ReplicaHost {
        ReplicaHost(
            now: now, wallMilliseconds: wallMilliseconds, draw: draw,
            run: { [run] lane in lane.kind == .loop ? runner.run(lane) : run(lane) },
            posted: { [posted] lane in if lane.kind == .loop { runner.posted(lane) } else { posted?(lane) } }, watch: watch)
    }
}
