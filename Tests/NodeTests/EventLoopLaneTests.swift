import Core
import NIOCore
import NIOEmbedded
import NIOPosix
import Replica
import Synchronization
import Testing

@testable import Node

@Suite struct EventLoopLaneTests {
    /// A lane that notes what is done with it.
    private final class Noted: RunnableLane {
        struct State {
            var items = 0
            var isClosed = false
            var notes: [String] = []
            var pause = LanePause.untilPosted
            var isOnLoop = true
        }

        let kind = LaneKind.loop
        let state = Mutex(State())
        let eventLoop: any EventLoop

        init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

        func runToTheEnd() { Issue.record("it is run in steps") }
        func begin() -> LanePause { note("begin") { _ in } }
        func runBatch(atMost count: Int) -> LanePause {
            note("") { state in
                state.notes[state.notes.count - 1] = state.items == 0 && state.isClosed ? "end" : "\(state.items)"
                if state.items == 0, state.isClosed { state.pause = .ended }
                state.items = 0
            }
        }
        var isClosed: Bool { state.withLock { $0.isClosed } }
        var hasItems: Bool { state.withLock { $0.items > 0 } }
        func abandon() {}

        private func note(_ text: String, _ change: (inout State) -> Void) -> LanePause {
            state.withLock { state in
                state.notes.append(text)
                state.isOnLoop = state.isOnLoop && eventLoop.inEventLoop
                change(&state)
                return state.pause
            }
        }

        func leave(_ runner: EventLoopLane) {
            state.withLock { $0.items += 1 }
            runner.posted(self)
        }

        func close(_ runner: EventLoopLane) {
            state.withLock { $0.isClosed = true }
            runner.posted(self)
        }

        var notes: [String] { state.withLock { $0.notes } }
    }

    private let group = MultiThreadedEventLoopGroup.singleton
    private var eventLoop: any EventLoop { group.any() }

    /// Returns when everything was run that was queued on the loop before.
    private func settle(_ eventLoop: any EventLoop) async throws { try await eventLoop.submit {}.get() }

    @Test func whatIsLeftBeforeItRunsIsTakenWhenItRuns() async throws {
        let eventLoop = eventLoop
        let lane = Noted(eventLoop), runner = EventLoopLane(eventLoop)
        lane.leave(runner)
        lane.leave(runner)
        try await settle(eventLoop)
        #expect(lane.notes.isEmpty)
        let join = runner.run(lane)
        try await settle(eventLoop)
        #expect(lane.notes == ["begin", "2"])
        lane.leave(runner)
        try await settle(eventLoop)
        lane.close(runner)
        await Blocking.run { join() }
        #expect(lane.notes == ["begin", "2", "1", "end"])
        lane.leave(runner)
        try await settle(eventLoop)
        #expect(lane.notes.count == 4, "it has ended")
        #expect(lane.state.withLock { $0.isOnLoop })
    }

    /// It does not wait for the moment of a pause first.
    @Test func oneThatIsClosedEndsWhenWhatWasLeftIsTaken() async throws {
        let eventLoop = eventLoop
        let lane = Noted(eventLoop), runner = EventLoopLane(eventLoop)
        lane.state.withLock { $0.pause = .untilPosted }
        let join = runner.run(lane)
        try await settle(eventLoop)
        try await eventLoop.submit {
            lane.leave(runner)
            lane.leave(runner)
            lane.close(runner)
        }.get()
        await Blocking.run { join() }
        #expect(lane.notes == ["begin", "0", "2", "end"])
    }

    /// However many threads leave something, and whenever: nothing stays behind.
    @Test func nothingStaysBehind() async throws {
        let eventLoop = eventLoop
        let lane = Noted(eventLoop), runner = EventLoopLane(eventLoop)
        let join = runner.run(lane)
        await withTaskGroup(of: Void.self) { tasks in
            for _ in 0..<4 { tasks.addTask { for _ in 0..<5_000 { lane.leave(runner) } } }
        }
        try await settle(eventLoop)
        #expect(lane.notes.compactMap { Int($0) }.reduce(0, +) == 20_000)
        lane.close(runner)
        await Blocking.run { join() }
        #expect(lane.notes.last == "end")
    }

    @Test(.timeLimit(.minutes(1))) func theMomentOfAPauseWakesIt() async throws {
        let eventLoop = eventLoop
        let lane = Noted(eventLoop), runner = EventLoopLane(eventLoop)
        lane.state.withLock { $0.pause = .until(MonotonicTime.now().adding(milliseconds: 1)) }
        let join = runner.run(lane)
        // Each step finds its moment gone, and asks for the same one: it is woken again and again.
        while lane.notes.count < 5 { try await Task.sleep(for: .milliseconds(1)) }
        #expect(lane.notes.dropFirst().allSatisfy { $0 == "0" })
        lane.close(runner)
        await Blocking.run { join() }
        let count = lane.notes.count
        try await settle(eventLoop)
        #expect(lane.notes.count == count)
    }

    /// A pause until a far moment costs one timer, however often something is left meanwhile.
    @Test func laterMomentsSetNoNewTimer() async throws {
        let eventLoop = NIOAsyncTestingEventLoop()
        let clock = Mutex(MonotonicTime(nanoseconds: 1_000_000_000))
        let lane = Noted(eventLoop), runner = EventLoopLane(eventLoop, now: { clock.withLock { $0 } })
        lane.state.withLock { $0.pause = .until(MonotonicTime(nanoseconds: 1_010_000_000)) }
        _ = runner.run(lane)
        await eventLoop.run()
        for later: UInt64 in [20, 30] {
            lane.state.withLock { $0.pause = .until(MonotonicTime(nanoseconds: 1_000_000_000 + later * 1_000_000)) }
            lane.leave(runner)
            await eventLoop.run()
        }
        #expect(lane.notes == ["begin", "0", "1", "1"])
        lane.state.withLock { $0.pause = .untilPosted }
        await eventLoop.advanceTime(by: .milliseconds(10))
        #expect(lane.notes == ["begin", "0", "1", "1", "0"])
        await eventLoop.advanceTime(by: .milliseconds(100))
        #expect(lane.notes.count == 5)
    }
}
