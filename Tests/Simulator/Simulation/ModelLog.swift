import Core
import Glibc
import Replica
import SegmentLog

/// What a node's log holds on a disk in memory: what was synced, and what was written since and may be lost.
final class ModelLogDisk {
    var hardState = HardState()
    var base = LogPosition.zero
    var entries: [LogEntry] = []
    /// Of `entries`, those that a power cut leaves.
    var syncedCount = 0
    var isLow = false
    /// Syncs do nothing: a defect on purpose.
    var isForgetful = false
    /// Calls until one fails with this number; nil: none does.
    var failure: (calls: Int, errno: Int32)?
    /// Errors that the process was given, by their numbers.
    var errors: [Int32] = []

    var last: LogPosition { entries.last.map { LogPosition(index: $0.index, term: $0.term) } ?? base }

    func copy() -> ModelLogDisk {
        let copy = ModelLogDisk()
        copy.hardState = hardState
        copy.base = base
        copy.entries = entries
        copy.syncedCount = syncedCount
        copy.isLow = isLow
        copy.isForgetful = isForgetful
        return copy
    }

    /// A defect on purpose.
    func changeLastEntry() {
        guard let last = entries.popLast() else { return }
        entries.append(LogEntry(index: last.index, term: last.term, kind: last.kind, time: last.time, payload: last.payload + [0]))
    }

    /// Power is cut: of what was not synced, a stretch from its beginning stays, whatever else was on the disk already.
    func cutPower(_ dice: inout Dice) {
        let unsynced = entries.count - syncedCount
        if unsynced > 0 { entries.removeLast(unsynced - dice.below(unsynced + 1)) }
        syncedCount = entries.count
        failure = nil
        errors = []
    }
}

/// A log in memory with the promises of `SegmentLog`.
///
/// `@unchecked Sendable` because a simulation is used by one thread.
final class ModelLog: DurableLog, @unchecked Sendable {
    private let disk: ModelLogDisk
    private var failed: LogError?

    init(_ disk: ModelLogDisk) { self.disk = disk }

    static func open(_ disk: ModelLogDisk) -> (ModelLog, RecoveredLog) {
        (
            ModelLog(disk),
            RecoveredLog(hardState: disk.hardState, base: disk.base, entries: disk.entries, tornTail: nil, repaired: [])
        )
    }

    var bytes: Int { disk.entries.count * 64 }
    var isLowOnSpace: Bool { disk.isLow }

    func append(_ entries: [LogEntry], hardState: HardState?) throws(LogError) {
        try call("write")
        if let hardState { disk.hardState = hardState }
        guard let first = entries.first else { return }
        invariant(first.index > disk.base.index && first.index <= disk.last.index.next, "entry \(first.index) does not follow \(disk.last.index)")
        let place = Int(first.index.rawValue - disk.base.index.rawValue) - 1
        if place < disk.entries.count {
            disk.entries.removeSubrange(place...)
            disk.syncedCount = min(disk.syncedCount, place)
        }
        disk.entries.append(contentsOf: entries)
    }

    func sync() throws(LogError) {
        try call("sync")
        if !disk.isForgetful { disk.syncedCount = disk.entries.count }
    }

    func compact(through index: LogIndex) throws(LogError) {
        try call("rename")
        guard index > disk.base.index else { return }
        let count = min(Int(index.rawValue - disk.base.index.rawValue), disk.syncedCount)
        guard count > 0 else { return }
        disk.base = LogPosition(index: disk.entries[count - 1].index, term: disk.entries[count - 1].term)
        disk.entries.removeFirst(count)
        disk.syncedCount -= count
    }

    func reset(to position: LogPosition) throws(LogError) {
        try call("rename")
        disk.base = position
        disk.entries = []
        disk.syncedCount = 0
    }

    private func call(_ operation: String) throws(LogError) {
        if let failed { throw failed }
        guard let failure = disk.failure else { return }
        guard failure.calls <= 0 else {
            disk.failure = (failure.calls - 1, failure.errno)
            return
        }
        let error = LogError.file(operation: operation, path: "log", errno: failure.errno)
        failed = error
        disk.errors.append(failure.errno)
        throw error
    }
}
