import Core
import Faults
import Foundation
import Glibc
import Harness
import Testing

@Suite struct FakeClockTests {
    /// A program that tells its wall clock again and again is moved to and fro while it runs.
    @Test(.enabled(if: FakeClock.library != nil, "libfaketime is not installed (apt-get install libfaketime)"))
    func aClockIsMovedWhileItsProcessRuns() throws {
        let folder = try TemporaryFolder(prefix: "kho-clock")
        let clock = try FakeClock(file: folder.path + "/clock")
        let output = folder.path + "/out"
        let command = FakeClock.launcher + ["/bin/bash", "-c", "while :; do printf '%(%s)T\\n' -1; sleep 0.05; done"]
        let process = try ChildProcess(command[0], Array(command.dropFirst()), environment: clock.environment, output: output, errors: output)
        defer { process.destroy() }
        /// Seconds by which the process is ahead of this one, as it told last; nil before it has.
        func ahead() throws -> Int? {
            try Files.text(output).split(separator: "\n", omittingEmptySubsequences: true).dropLast().last.flatMap { Int($0) }.map { $0 - Int(Date().timeIntervalSince1970) }
        }
        func waits(for hours: Int) throws -> Bool {
            let end = MonotonicTime.now().adding(milliseconds: 20_000)
            while MonotonicTime.now() < end {
                if let ahead = try ahead(), abs(ahead - hours * 3_600) < 60 { return true }
                usleep(50_000)
            }
            return false
        }
        #expect(try waits(for: 0))
        for hours in [1, -1, 0] {
            try clock.set(milliseconds: hours * 3_600_000)
            let hasMoved = try waits(for: hours)
            #expect(hasMoved, "\(hours) h")
        }
    }
}
