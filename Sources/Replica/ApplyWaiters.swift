import Core
import Store

/// Who waits for an entry or an index to be applied. Owned by the apply lane. Whoever is answered together is answered in the order of the
/// log.
struct ApplyWaiters {
    private struct Expected {
        let term: Term
        let deadline: MonotonicTime
        let completion: @Sendable (ProposalResult) -> Void
    }

    /// Not a tuple: one with a closure in it is wrapped anew each time that it goes from one array to another, and many wrappings in each other are more than a stack holds.
    private struct Waiter {
        let index: LogIndex
        let completion: @Sendable (Bool) -> Void
    }

    private struct Outcome {
        let position: LogPosition
        let outcome: CommandOutcome?
    }

    /// By the index.
    private var expected: [LogIndex: [Expected]] = [:]
    private var waiting: [Waiter] = []
    /// The last outcomes, each at its index modulo the size: on a node that forwarded a command, the entry may be applied before the
    /// leader's word about its place has come.
    private var recent: [Outcome?]
    private var lastApplied = LogIndex(0)

    /// - Parameter remembered: the entries whose outcomes are kept, the last ones.
    init(remembered: Int = 8_192) { recent = [Outcome?](repeating: nil, count: remembered) }

    mutating func expect(_ position: LogPosition, _ deadline: MonotonicTime, _ completion: @escaping @Sendable (ProposalResult) -> Void) {
        guard position.index <= lastApplied else {
            expectedCount += 1
            expected[position.index, default: []].append(Expected(term: position.term, deadline: deadline, completion: completion))
            return
        }
        guard let known = recent[Int(position.index.rawValue % UInt64(recent.count))], known.position.index == position.index else {
            return completion(.unknown)
        }
        completion(known.position.term == position.term ? .applied(known.outcome, position) : .refused(.notLeader))
    }

    /// Nobody waits for anything.
    var isEmpty: Bool { expected.isEmpty && waiting.isEmpty }
    /// Who waits for something.
    var count: Int { waiting.count + expectedCount }
    private var expectedCount = 0

    mutating func when(_ index: LogIndex, _ completion: @escaping @Sendable (Bool) -> Void) { waiting.append(Waiter(index: index, completion: completion)) }

    mutating func applied(_ entry: LogEntry, _ outcome: CommandOutcome?) {
        let position = LogPosition(index: entry.index, term: entry.term)
        lastApplied = entry.index
        recent[Int(entry.index.rawValue % UInt64(recent.count))] = Outcome(position: position, outcome: outcome)
        guard let those = expected.removeValue(forKey: entry.index) else { return }
        expectedCount -= those.count
        // Another leader's entry stands there: the command never takes effect.
        for one in those { one.completion(one.term == entry.term ? .applied(outcome, position) : .refused(.notLeader)) }
    }

    mutating func passed(_ index: LogIndex) {
        guard waiting.contains(where: { $0.index <= index }) else { return }
        let those = waiting.filter { $0.index <= index }
        waiting.removeAll { $0.index <= index }
        for one in those { one.completion(true) }
    }

    /// A snapshot has brought entries up to this one, without their outcomes.
    mutating func skipped(to index: LogIndex) {
        lastApplied = index
        for at in expected.keys.filter({ $0 <= index }).sorted() {
            let those = expected.removeValue(forKey: at) ?? []
            expectedCount -= those.count
            for one in those { one.completion(.unknown) }
        }
    }

    mutating func expire(_ now: MonotonicTime) {
        guard !expected.isEmpty else { return }
        for at in expected.filter({ $0.value.contains { $0.deadline < now } }).keys.sorted() {
            guard let those = expected[at] else { continue }
            let rest = those.filter { $0.deadline >= now }
            expected[at] = rest.isEmpty ? nil : rest
            expectedCount -= those.count - rest.count
            for one in those where one.deadline < now { one.completion(.unknown) }
        }
    }

    mutating func giveUp() {
        for at in expected.keys.sorted() { for one in expected[at] ?? [] { one.completion(.unknown) } }
        (expected, expectedCount) = ([:], 0)
        for one in waiting { one.completion(false) }
        waiting = []
    }
}
