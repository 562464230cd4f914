import Core
import Glibc
import Replica
import SegmentLog
import SimulatedDisk

/// An entry as it was written: its term, and a digest of all else.
struct WrittenEntry: Equatable {
    let term: Term
    let digest: UInt64

    init(_ entry: LogEntry) {
        term = entry.term
        digest = Record.digest(entry)
    }
}

/// What a node's disk must hold, by what its log was told. Survives the node's lives; of a new directory, a new one.
final class LogTruth {
    var hardState = HardState()
    var base = LogPosition.zero
    /// After `base`.
    var entries: [WrittenEntry] = []
    /// The last entry that a sync has made durable.
    var durable = LogIndex(0) { didSet { durableBefore = min(durableBefore, durable) } }
    /// What had been durable before the last sync that had entries to write: of these the entries since say that they are.
    var durableBefore = LogIndex(0)
    /// After a call that failed: what stood there before it, which may still stand there.
    var doubt: (hardState: HardState, base: LogPosition, entries: [WrittenEntry])?
    var last: LogIndex { LogIndex(base.index.rawValue + UInt64(entries.count)) }

    var lastPosition: LogPosition { LogPosition(index: last, term: term(at: last) ?? base.term) }

    func copy() -> LogTruth {
        let copy = LogTruth()
        copy.hardState = hardState
        copy.base = base
        copy.entries = entries
        copy.durable = durable
        copy.durableBefore = durableBefore
        copy.doubt = doubt
        return copy
    }

    func term(at index: LogIndex) -> Term? {
        if index == base.index { return base.term }
        return entry(at: index)?.term
    }

    func entry(at index: LogIndex) -> WrittenEntry? {
        guard index > base.index, index <= last else { return nil }
        return entries[Int(index.rawValue - base.index.rawValue) - 1]
    }

    /// Whether a power cut now would leave this entry, or what came of it.
    func hasDurably(_ position: LogPosition) -> Bool {
        position.index <= base.index || (position.index <= durable && term(at: position.index) == position.term)
    }
}

/// Checks what a replica does to its log, and what a log gives back after a crash.
///
/// `@unchecked Sendable` because a simulation is used by one thread.
final class WatchedLog: DurableLog, @unchecked Sendable {
    private let log: any DurableLog
    private let truth: LogTruth
    private let node: NodeID
    private unowned let world: World
    /// What a call failed with: there must be no other, and the node must stop.
    private(set) var error: LogError?

    init(_ log: any DurableLog, recovered: RecoveredLog, truth: LogTruth, node: NodeID, world: World) {
        self.log = log
        self.truth = truth
        self.node = node
        self.world = world
        compare(recovered)
    }

    var bytes: Int { log.bytes }
    var isLowOnSpace: Bool { log.isLowOnSpace }

    /// What was durable must be there, and nothing that was never written.
    private func compare(_ recovered: RecoveredLog) {
        if recovered.hardState != truth.hardState, recovered.hardState != truth.doubt?.hardState {
            world.fail("\(node) wrote term \(truth.hardState.term) and vote \(truth.hardState.vote), and reads \(recovered.hardState.term), \(recovered.hardState.vote)")
        }
        if recovered.base.index > truth.durable, truth.doubt == nil { world.fail("the log of \(node) begins after \(recovered.base.index), beyond what is durable") }
        let last = recovered.entries.last?.index ?? recovered.base.index
        if last < truth.durable { world.fail("\(node) had synced through \(truth.durable), and its log ends at \(last)") }
        if last > truth.last, truth.doubt == nil { world.fail("\(node) had written through \(truth.last), and its log ends at \(last)") }
        for entry in recovered.entries where entry.index > truth.base.index && truth.entry(at: entry.index) != WrittenEntry(entry) {
            if !isInDoubt(entry) { world.fail("\(node) reads another entry \(entry.index) than it wrote") }
        }
        truth.doubt = nil
        truth.hardState = recovered.hardState
        truth.base = recovered.base
        truth.entries = recovered.entries.map(WrittenEntry.init)
        truth.durable = last
    }

    private func isInDoubt(_ entry: LogEntry) -> Bool {
        guard let doubt = truth.doubt, entry.index > doubt.base.index else { return truth.doubt != nil }
        let place = Int(entry.index.rawValue - doubt.base.index.rawValue) - 1
        return place < doubt.entries.count && doubt.entries[place] == WrittenEntry(entry)
    }

    /// Runs a call on the log. If it fails, nobody knows whether what it did is on the disk.
    private func calling(_ before: (hardState: HardState, base: LogPosition, entries: [WrittenEntry]), _ body: () throws(LogError) -> Void) throws(LogError) {
        if let error { world.fail("\(node) tries a log again that has failed: \(error)") }
        do throws(LogError) {
            if world.settings.defect == .logFailsByItself, node == NodeID(1) { throw .file(operation: "sync", path: "log", errno: EIO) }
            try body()
        } catch {
            if truth.doubt == nil { truth.doubt = before }
            self.error = error
            switch error {
            case .file(_, _, SimulatedDisk.killed): world.counts.cutCalls += 1
            case .file(_, _, ENOSPC): world.counts.spaceErrors += 1
            default: world.counts.diskErrors += 1
            }
            throw error
        }
    }

    func append(_ entries: [LogEntry], hardState: HardState?) throws(LogError) {
        let before = (truth.hardState, truth.base, truth.entries)
        if let hardState { check(hardState) }
        var previous: Term?
        if let first = entries.first { previous = truth.term(at: first.index.previous) }
        for entry in entries {
            world.record.wrote(entry, after: previous, by: node, world)
            previous = entry.term
        }
        if let hardState { truth.hardState = hardState }
        if let first = entries.first { write(entries, from: first.index) }
        try calling(before) { () throws(LogError) in try log.append(entries, hardState: hardState) }
    }

    private func write(_ entries: [LogEntry], from first: LogIndex) {
        let place = Int(first.rawValue) - Int(truth.base.index.rawValue) - 1
        guard place >= 0, place <= truth.entries.count else { return world.fail("\(node) writes entry \(first) after \(truth.last)") }
        if place < truth.entries.count, let newer = entries.last?.term {
            for old in place..<truth.entries.count {
                world.record.replaced(LogIndex(truth.base.index.rawValue + UInt64(old) + 1), truth.entries[old].term, in: newer, by: node, world)
            }
            truth.entries.removeSubrange(place...)
            truth.durable = min(truth.durable, first.previous)
        }
        for entry in entries { truth.entries.append(WrittenEntry(entry)) }
    }

    private func check(_ next: HardState) {
        let now = truth.hardState
        if next.term < now.term { world.fail("\(node) goes back from term \(now.term) to \(next.term)") }
        if next.term == now.term, now.vote != .none, next.vote != now.vote {
            world.fail("\(node) votes for \(now.vote) and for \(next.vote) in term \(now.term)")
        }
    }

    func sync() throws(LogError) {
        try calling((truth.hardState, truth.base, truth.entries)) { () throws(LogError) in try log.sync() }
        if truth.last > truth.durable { truth.durableBefore = truth.durable }
        truth.durable = truth.last
    }

    func compact(through index: LogIndex) throws(LogError) {
        try calling((truth.hardState, truth.base, truth.entries)) { () throws(LogError) in try log.compact(through: index) }
        // How far the log cut is its own affair: it may keep more.
        guard index > truth.base.index, let term = truth.term(at: index), index <= truth.durable else { return }
        truth.entries.removeFirst(Int(index.rawValue - truth.base.index.rawValue))
        truth.base = LogPosition(index: index, term: term)
    }

    func reset(to position: LogPosition) throws(LogError) {
        try calling((truth.hardState, truth.base, truth.entries)) { () throws(LogError) in try log.reset(to: position) }
        truth.base = position
        truth.entries = []
        truth.durable = position.index
    }
}
