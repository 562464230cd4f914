import Core

/// The log as the core sees it: every entry after `base`, in memory, durable or not. Payloads are shared, not copied.
struct RaftLog: Sendable {
    /// The position before the first entry.
    private(set) var base: LogPosition
    /// The time of the entry at `base`.
    private var baseTime: LogTime
    private var entries: [LogEntry] = []
    /// `totals[i]`: what all entries through `entries[i]` weigh, those before `base` included. Weights of ranges are differences, so
    /// that no account of bytes can leak.
    private var totals: [Int] = []
    private var baseTotal = 0

    init(base: LogPosition, time: LogTime) {
        self.base = base
        baseTime = time
    }

    var lastIndex: LogIndex { LogIndex(base.index.rawValue + UInt64(entries.count)) }
    var last: LogPosition { LogPosition(index: lastIndex, term: entries.last?.term ?? base.term) }
    var lastTime: LogTime { entries.last?.time ?? baseTime }

    /// The term of the entry there; nil before `base` and after the last.
    func term(at index: LogIndex) -> Term? {
        if index == base.index { return base.term }
        guard index > base.index, index <= lastIndex else { return nil }
        return entries[offset(index)].term
    }

    func matches(_ position: LogPosition) -> Bool { term(at: position.index) == position.term }

    /// The entries after `after` through `through`, which the log must have.
    func entries(after: LogIndex, through: LogIndex) -> [LogEntry] {
        invariant(after >= base.index && through <= lastIndex, "entries after \(after) through \(through) are not all in the log")
        guard after < through else { return [] }
        return Array(entries[offset(after.next)...offset(through)])
    }

    /// The entries from `index` on, up to a number and a weight; one at the least, if there is one.
    func batch(from index: LogIndex, entriesMax: Int, bytesMax: Int) -> [LogEntry] {
        guard index > base.index, index <= lastIndex else { return [] }
        let start = offset(index)
        let before = total(through: index.previous)
        var end = start + 1
        while end < entries.count, end - start < entriesMax, totals[end] - before <= bytesMax { end += 1 }
        return Array(entries[start..<end])
    }

    /// What the entries after `index` weigh.
    func weight(after index: LogIndex) -> Int { total(through: lastIndex) - total(through: index) }

    /// The first index after which the entries weigh no more than so many bytes. Binary search.
    func index(keeping bytes: Int) -> LogIndex {
        let threshold = total(through: lastIndex) - bytes
        guard threshold > baseTotal else { return base.index }
        var low = 0
        var high = totals.count - 1
        while low < high {
            let middle = (low + high) / 2
            if totals[middle] >= threshold { high = middle } else { low = middle + 1 }
        }
        return LogIndex(base.index.rawValue + UInt64(low) + 1)
    }

    /// The last index at or before `index` whose term is at most `term`: where this log and one that has `term` at `index` can
    /// agree at the latest. Before `base` if only that is left.
    func lastAgreement(atOrBefore index: LogIndex, term: Term) -> LogIndex {
        var index = min(index, lastIndex)
        while index > base.index, entries[offset(index)].term > term { index = index.previous }
        return index == base.index && base.term > term ? index.previous : index
    }

    mutating func append(_ entry: LogEntry) {
        invariant(entry.index == lastIndex.next, "entry \(entry.index) does not follow entry \(lastIndex)")
        invariant(entry.term >= last.term, "entry \(entry.index) has a term before its predecessor's")
        totals.append(total(through: lastIndex) + entry.weight)
        entries.append(entry)
    }

    /// Takes away everything from `index` on.
    mutating func truncate(from index: LogIndex) {
        guard index <= lastIndex else { return }
        invariant(index > base.index, "a truncation from \(index) reaches into what is compacted through \(base.index)")
        entries.removeSubrange(offset(index)...)
        totals.removeSubrange(offset(index)...)
    }

    /// Forgets everything through `index`.
    mutating func compact(through index: LogIndex) {
        guard index > base.index else { return }
        invariant(index <= lastIndex, "compacted through \(index), after the last entry")
        let count = offset(index) + 1
        base = LogPosition(index: index, term: entries[count - 1].term)
        baseTime = entries[count - 1].time
        baseTotal = totals[count - 1]
        entries.removeFirst(count)
        totals.removeFirst(count)
    }

    /// Begins anew after a position.
    mutating func reset(to position: LogPosition, time: LogTime) {
        baseTotal = total(through: lastIndex)
        entries.removeAll()
        totals.removeAll()
        base = position
        baseTime = time
    }

    private func offset(_ index: LogIndex) -> Int { Int(index.rawValue - base.index.rawValue) - 1 }

    private func total(through index: LogIndex) -> Int {
        if index <= base.index { return baseTotal }
        return totals[offset(min(index, lastIndex))]
    }
}
