import Console
import Core

/// What a run has in hand. Where nothing was read nothing can be wrong, so a verdict that holds must also say of how much.
package struct Evidence: Equatable, Sendable {
    /// Reads of the clients that were answered; those that had to be new, and stale ones.
    package var reads = 0, staleReads = 0
    /// Writes of the clients that were acknowledged, deletions too; of those, records written once that were looked for in the end.
    package var writes = 0, once = 0
    /// Bytes of the acknowledged writes' texts: the log has taken as many at the least.
    package var writtenBytes = 0
    /// What `kho-check` has read; nil if it did not say.
    package var history: HistoryCounts?
    /// Changes of the partner's right that were acknowledged, and what it was answered: records of single reads and of scans, and counts.
    package var rightChanges = 0, shown = 0, scanned = 0, counted = 0
    /// Heals after which a leader and a write were waited for.
    package var heals = 0

    package init() {}

    /// Of the clients' calls.
    package init(_ calls: [Call], textBytes: (_ value: Int64) -> Int) {
        for call in calls {
            switch (call.action, call.outcome) {
            case (.read, .read): reads += 1
            case (.staleRead, .read): staleReads += 1
            case let (.put(value), .written), let (.putIfAbsent(value), .written), let (.replace(_, value), .written):
                writes += 1
                writtenBytes += textBytes(value)
            case (.delete, .written): writes += 1
            default: break
            }
        }
    }

    package var operations: Int { reads + staleReads + writes }

    /// For programs.
    package var document: Document {
        func count(_ number: Int) -> Document { .int(Int64(number)) }
        return [
            "reads": count(reads), "staleReads": count(staleReads), "writes": count(writes), "once": count(once), "writtenBytes": count(writtenBytes),
            "finals": count(history?.finals ?? 0), "sessionOperations": count(history?.sessionOperations ?? 0), "rightChanges": count(rightChanges),
            "shown": count(shown), "scanned": count(scanned), "counted": count(counted), "heals": count(heals),
        ]
    }

    /// A second of load, whatever goes wrong in it, comes to so many answered calls at the least, on average over the run: what the slowest machine came to under the worst mix was
    /// 20, in a debug build beside much else, and usual are some hundreds.
    private static let callsPerSecond = 1.0
    /// Changes of rights and records shown to the partner, by the second, and counts; usual are one and more, ten and more, and some.
    private static let rightsPerSecond = 0.1
    private static let countsPerSecond = 0.02
    /// Below this an expectation is no demand: a run may be too short for what is rare.
    private static let least = 0.2

    /// What this scenario gives in so many seconds on any machine, and is not there. `heals`: moments at which every fault was to have ended.
    package func missing(_ scenario: Scenario, seconds: Int, heals planned: Int) -> [String] {
        var found: [String] = []
        func demand(_ what: String, _ count: Int, _ expected: Double) {
            let floor = expected < Self.least ? 0 : max(1, Int(expected))
            if count < floor { found.append("\(HumanText.grouped(count)) \(what): \(HumanText.grouped(floor)) at the least were to be expected, so this proves nothing") }
        }
        let weights = scenario.workload.weights
        let sum = weights.values.reduce(0, +)
        func share(_ kinds: CallKind...) -> Double { Double(kinds.reduce(0) { $0 + (weights[$1] ?? 0) }) / Double(max(1, sum)) }
        let calls = Self.callsPerSecond * Double(seconds)
        demand("reads answered", reads, calls * share(.read))
        demand("stale reads answered", staleReads, calls * share(.stale))
        demand("writes acknowledged", writes, calls * share(.write, .conditional, .delete, .once, .import))
        demand("records written once and looked for in the end", once, calls * share(.once, .import))
        let rights = Self.rightsPerSecond * Double(seconds)
        demand("changes of the partner's right", rightChanges, rights)
        demand("records shown to the partner", shown, rights)
        demand("records shown to the partner's scans", scanned, rights)
        demand("counts answered to the partner", counted, Self.countsPerSecond * Double(seconds))
        if planned > 0, seconds >= FaultTally.secondsMin { demand("heals measured", heals, 1) }
        return found + missingInHistory()
    }

    /// The file that `kho-check` judged must be of this run, and whole.
    private func missingInHistory() -> [String] {
        guard let history else { return ["kho-check has judged nothing"] }
        var found: [String] = []
        if history.reads != reads + staleReads { found.append("kho-check has read \(history.reads) answered reads of \(reads + staleReads)") }
        if history.writes != writes { found.append("kho-check has read \(history.writes) acknowledged writes of \(writes)") }
        if history.finals < max(1, once) { found.append("kho-check knows of \(history.finals) keys in the end, and \(once) were written once") }
        if writes > 0, history.sessionOperations < writes { found.append("kho-check knows of \(history.sessionOperations) operations of sessions, and \(writes) were writes") }
        return found
    }

    /// Where the log or the state has a bound: whether so much was written that one which was never cut would be far above it.
    package func tooLittleWritten(_ scenario: Scenario, seconds: Int) -> String? {
        guard let bound = scenario.bounds.leaderSegments, seconds >= scenario.seconds, writtenBytes < scenario.writtenLeast else { return nil }
        return "\(HumanText.grouped(writtenBytes)) bytes were written, and the log may have \(HumanText.grouped(bound)): that it was cut is not proved"
    }
}
