import Core
import Glibc
import Harness
import Testing

@Suite struct SignalTests {
    /// Which signals a process leaves to whoever waits for them is seen from outside, and of one that has ended nothing is.
    @Test func whatAProcessBlocksIsSeen() throws {
        let process = try ChildProcess("/usr/bin/env", ["--block-signal=TERM", "sleep", "60"])
        defer { process.destroy() }
        let end = MonotonicTime.now().adding(milliseconds: 20_000)
        while !process.blocks(SIGTERM), MonotonicTime.now() < end { usleep(2_000) }
        #expect(process.blocks(SIGTERM))
        #expect(!process.blocks(SIGINT))
        process.signal(SIGINT)
        #expect(process.wait() == 128 + SIGINT)
        #expect(!process.blocks(SIGTERM))
    }
}
