import Core

/// What has been given to the disk and what of it is durable. Several writes can be under way.
struct WriteTracker: Sendable {
    private struct Write: Sendable {
        var number: AppendNumber
        /// The log's last entry after the write, as far as it has not been taken back since.
        var last: LogIndex
        var hardState: HardState
    }

    private var underWay: [Write] = []
    private(set) var lastNumber = AppendNumber(0)
    /// The hard state that was given to the disk last.
    private(set) var issued: HardState
    /// The hard state that survives a crash.
    private(set) var durable: HardState
    /// Entries of the log through this one survive a crash.
    private(set) var durableIndex: LogIndex

    init(hardState: HardState, lastIndex: LogIndex) {
        issued = hardState
        durable = hardState
        durableIndex = lastIndex
    }

    /// What each write under way leaves the log and the hard state at, the oldest first.
    var lasts: [(last: LogIndex, hardState: HardState)] { underWay.map { ($0.last, $0.hardState) } }

    /// Notes a write after which the log ends at `last`, and gives its number.
    mutating func begin(last: LogIndex, hardState: HardState) -> AppendNumber {
        lastNumber = AppendNumber(lastNumber.rawValue + 1)
        issued = hardState
        underWay.append(Write(number: lastNumber, last: last, hardState: hardState))
        return lastNumber
    }

    /// Every write through `number` is durable.
    mutating func complete(_ number: AppendNumber) {
        invariant(number <= lastNumber, "append \(number) is said to be durable, but the last one is \(lastNumber)")
        var count = 0
        while count < underWay.count, underWay[count].number <= number {
            // Not a maximum with an older write's alone: a write that replaced entries ends where it ends.
            durableIndex = max(durableIndex, underWay[count].last)
            durable = underWay[count].hardState
            count += 1
        }
        underWay.removeFirst(count)
    }

    /// Entries after `index` are taken back: a write of them that completes later must not count for those that take their places.
    mutating func truncate(after index: LogIndex) {
        durableIndex = min(durableIndex, index)
        #if !KHO_BUG_TRUNCATED_WRITE_COUNTED
        // Without it: a write under way counts for entries that took the places of those it wrote.
        for i in underWay.indices { underWay[i].last = min(underWay[i].last, index) }
        #endif
    }

    /// A snapshot took the place of the log through `index`; nothing after it is known to be durable.
    mutating func reset(to index: LogIndex) {
        truncate(after: index)
        durableIndex = index
    }
}
