import Core
import SegmentLog

/// What a log may give back after a stop, kept beside it as plain arrays.
struct LogModel {
    /// One history that the disk may show.
    struct World {
        /// The position before the first entry. A compaction under way may move it as far as `baseMax`.
        var base = LogPosition.zero
        var baseMax = LogIndex(0)
        var entries: [LogEntry] = []
        /// Everything through here is synced and must come back.
        var durable = LogIndex(0)
        /// Everything through here is claimed as synced by something that was synced itself: if it is damaged, that is noticed.
        var proven = LogIndex(0)

        var last: LogPosition { entries.last.map { LogPosition(index: $0.index, term: $0.term) } ?? base }

        func term(at index: LogIndex) -> Term? {
            if index == base.index { return base.term }
            guard index > base.index, index <= last.index else { return nil }
            return entries[Int(index.rawValue - base.index.rawValue) - 1].term
        }

        mutating func cut(from index: LogIndex) {
            entries.removeSubrange(Int(index.rawValue - base.index.rawValue) - 1..<entries.count)
            durable = min(durable, last.index)
            proven = min(proven, last.index)
        }

        mutating func trim(to newBase: LogPosition) {
            entries.removeFirst(Int(newBase.index.rawValue - base.index.rawValue))
            base = newBase
            baseMax = newBase.index
        }

        /// Why this history is not the one found; nil if it is.
        func objection(_ found: RecoveredLog, through least: LogIndex) -> String? {
            guard found.base.index >= base.index, found.base.index <= max(base.index, baseMax) else {
                return "it begins after \(found.base.index), not after \(base.index) to \(baseMax)"
            }
            guard term(at: found.base.index) == found.base.term else { return "it begins after a position of term \(found.base.term)" }
            let expected = entries[Int(found.base.index.rawValue - base.index.rawValue)...]
            guard found.entries.count <= expected.count else { return "\(found.entries.count) entries, where \(expected.count) were written" }
            for (entry, written) in zip(found.entries, expected) where entry != written { return "entry \(entry.index) is not what was written" }
            let last = found.entries.last?.index ?? found.base.index
            return last >= min(least, self.last.index) ? nil : "it ends with \(last), though everything through \(least) was synced"
        }
    }

    /// As the process sees it, the step under way done.
    var current = World()
    /// What the disk may show instead while a step is under way.
    var before: World?
    /// The last one acknowledged.
    var hardState = HardState()
    var newHardState: HardState?

    /// The step is acknowledged.
    mutating func settle() {
        before = nil
        if let newHardState { hardState = newHardState }
        newHardState = nil
        current.baseMax = current.base.index
    }

    mutating func synced() {
        if current.durable < current.last.index { current.proven = current.durable }
        current.durable = current.last.index
    }

    /// What came back counts from here on.
    mutating func adopt(_ found: RecoveredLog) {
        let last = found.entries.last?.index ?? found.base.index
        current = World(
            base: found.base, baseMax: found.base.index, entries: found.entries, durable: last, proven: min(current.proven, last))
        before = nil
        hardState = found.hardState
        newHardState = nil
    }

    /// What is wrong with what came back after a crash; nil if nothing is.
    func objection(_ found: RecoveredLog) -> String? {
        if found.hardState != hardState, found.hardState != newHardState {
            return "hard state \(found.hardState), where \(hardState) was acknowledged"
        }
        guard let objection = current.objection(found, through: current.durable) else { return nil }
        if let before, before.objection(found, through: before.durable) == nil { return nil }
        return objection
    }

    /// The same after damage to what was synced: what nothing on the disk proves to have been synced may be missing.
    func objectionAfterDamage(_ found: RecoveredLog) -> String? {
        if found.hardState != hardState, found.hardState != newHardState { return "hard state \(found.hardState), not \(hardState)" }
        guard let objection = current.objection(found, through: current.proven) else { return nil }
        if let before, before.objection(found, through: before.proven) == nil { return nil }
        return objection
    }
}
