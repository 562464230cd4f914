import Core
import SegmentLog
import SimulatedDisk

/// One log on one disk with its model: runs the steps of a workload until they end or a call fails.
struct LogLife {
    static let directory = "/log"
    static let identity = LogIdentity(cluster: ClusterID(high: 1, low: 2), node: NodeID(3), incarnation: Incarnation(0xABCD_EF01_2345_6789))

    let workload: LogWorkload
    let disk: SimulatedDisk
    var model = LogModel()
    var wasOpened = false
    private var log: SegmentLog?
    /// Tells payloads apart that stand at the same index.
    private var entriesMade = 0

    init(_ workload: LogWorkload, diskSeed: UInt64, lie: SimulatedDisk.Lie = .none) {
        self.workload = workload
        disk = SimulatedDisk(seed: diskSeed, capacityBytes: workload.capacityBytes)
        disk.lie = lie
    }

    /// Opens the log on a disk, as a process that begins does.
    static func open(_ disk: SimulatedDisk, _ workload: LogWorkload, mayCreate: Bool) throws(LogError) -> (SegmentLog, RecoveredLog) {
        var options = workload.options
        options.mayCreate = mayCreate
        return try SegmentLog.open(directory: directory, identity: identity, options: options, disk: disk)
    }

    /// Runs the steps. Returns the error that ended them, and what is wrong if an orderly stop was not survived.
    mutating func run(_ steps: [LogWorkload.Step]) -> (error: LogError?, violation: String?) {
        do throws(LogError) {
            if let violation = try reopen() { return (nil, violation) }
            for step in steps {
                if case .reopen = step {
                    log = nil
                    if let violation = try reopen() { return (nil, violation) }
                } else if let log {
                    try perform(step, log)
                }
            }
            return (nil, nil)
        } catch {
            return (error, nil)
        }
    }

    private mutating func reopen() throws(LogError) -> String? {
        let (log, found) = try Self.open(disk, workload, mayCreate: !wasOpened)
        self.log = log
        wasOpened = true
        // Nothing is lost by a stop alone, not even what was not synced.
        if found.entries != model.current.entries || found.tornTail != nil || found.hardState != model.hardState {
            return "an orderly stop lost something: \(found.entries.count) of \(model.current.entries.count) entries"
        }
        model.adopt(found)
        return nil
    }

    private mutating func perform(_ step: LogWorkload.Step, _ log: SegmentLog) throws(LogError) {
        switch step {
        case let .append(sizes, raisesTerm, vote):
            try append(log, sizes, raisesTerm || model.hardState.term.rawValue == 0 ? nextTerm(vote) : nil)
        case let .replace(back, sizes, raisesTerm):
            let old = model.current
            let count = min(back, old.entries.count)
            if count > 0 {
                model.before = old
                model.current.cut(from: LogIndex(old.last.index.rawValue - UInt64(count) + 1))
                // The new segment claims everything before it.
                model.current.durable = model.current.last.index
                model.current.proven = model.current.last.index
            }
            try append(log, sizes, raisesTerm || model.hardState.term.rawValue == 0 ? nextTerm(0) : nil)
        case let .vote(vote):
            let new = nextTerm(vote)
            model.newHardState = new
            try log.append([], hardState: new)
        case .sync:
            try log.sync()
            model.synced()
        case let .compact(back):
            let index = LogIndex(max(model.current.base.index.rawValue, model.current.last.index.rawValue &- UInt64(back)))
            guard index <= model.current.last.index else { return }
            model.current.baseMax = index
            try log.compact(through: index)
            model.current.trim(to: log.base)
        case let .reset(ahead):
            let last = Int(model.current.last.index.rawValue)
            let index = LogIndex(UInt64(max(Int(model.current.base.index.rawValue), last + ahead)))
            let position = LogPosition(index: index, term: model.hardState.term)
            model.before = model.current
            // Only the state before can have unsynced entries; a log that begins anew has none.
            model.current = LogModel.World(base: position, baseMax: position.index, durable: position.index, proven: position.index)
            try log.reset(to: position)
        case .reopen: break
        }
        model.settle()
    }

    private mutating func append(_ log: SegmentLog, _ sizes: [Int], _ hardState: HardState?) throws(LogError) {
        if let hardState { model.newHardState = hardState }
        let term = (hardState ?? model.hardState).term
        var entries: [LogEntry] = []
        for size in sizes {
            entriesMade += 1
            let index = LogIndex(model.current.last.index.rawValue + UInt64(entries.count) + 1)
            entries.append(Self.entry(index, term, size, fill: entriesMade))
        }
        model.current.entries += entries
        try log.append(entries, hardState: hardState)
    }

    static func entry(_ index: LogIndex, _ term: Term, _ size: Int, fill: Int) -> LogEntry {
        var payload = [UInt8](repeating: UInt8(truncatingIfNeeded: fill), count: size)
        for i in 0..<min(8, size) { payload[i] = UInt8(truncatingIfNeeded: fill >> (8 * i)) }
        return LogEntry(index: index, term: term, kind: .command, time: LogTime(milliseconds: Int64(fill)), payload: payload)
    }

    /// A vote in the next term.
    private func nextTerm(_ vote: UInt32) -> HardState { HardState(term: Term(model.hardState.term.rawValue + 1), vote: NodeID(vote)) }
}
