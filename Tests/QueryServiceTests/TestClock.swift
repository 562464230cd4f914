import Core
import Synchronization

@testable import QueryService

/// A clock that goes as the machine's does, and ahead of it by as much as a test says.
final class TestClock: Sendable {
    private let ahead = Atomic<UInt64>(0)

    func advance(milliseconds: UInt64) { ahead.add(milliseconds, ordering: .sequentiallyConsistent) }

    func set(_ settings: inout QuerySettings) {
        settings.clock = { [self] in MonotonicTime.now().adding(milliseconds: ahead.load(ordering: .sequentiallyConsistent)) }
        settings.wallClock = { [self] in WallClock.now() + Int64(ahead.load(ordering: .sequentiallyConsistent)) }
    }
}
