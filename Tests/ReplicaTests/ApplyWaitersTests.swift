import Core
import Synchronization
import Testing

@testable import Replica

@Suite struct ApplyWaitersTests {
    /// A closure that is moved from one array of tuples to another is wrapped anew each time, and whoever lets go a hundred thousand wrappings, or calls through them, has no stack left: the
    /// node ended by a signal (`mixed-machine-3`, seed 57529940585966, where a moved clock let the lane look without pause).
    @Test func whoWaitsLongCostsNoMoreThanWhoDoesNot() {
        var waiters = ApplyWaiters()
        let heard = Atomic(0)
        for index in [1_000, 1_000, 2_000] as [UInt64] { waiters.when(LogIndex(index)) { heard.add($0 ? 1 : 100, ordering: .relaxed) } }
        for _ in 0..<300_000 { waiters.passed(LogIndex(999)) }
        #expect(heard.load(ordering: .relaxed) == 0 && waiters.count == 3)
        waiters.passed(LogIndex(1_000))
        #expect(heard.load(ordering: .relaxed) == 2 && waiters.count == 1)
        for _ in 0..<300_000 { waiters.passed(LogIndex(1_000)) }
        waiters.giveUp()
        #expect(heard.load(ordering: .relaxed) == 102 && waiters.isEmpty)
    }
}
