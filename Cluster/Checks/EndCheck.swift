/// Counts the acknowledged writes at the end: each is still there, or another could have come after it, or it is lost.
struct EndCheck {
    private let history: History
    private let indexes: ValueIndexes
    private(set) var violations: [Violation] = []
    /// Keys that were read at the end.
    private(set) var keys = 0
    private(set) var kept = 0, superseded = 0, lost = 0

    init(_ history: History, _ indexes: ValueIndexes) {
        self.history = history
        self.indexes = indexes
    }

    mutating func run() {
        for key in history.keys.indices {
            let operations = history.operationsOfKey[key].map { history.operations[$0] }
            guard let final = operations.last(where: \.isFinal) else { continue }
            keys += 1
            check(operations, final)
        }
    }

    /// Of one key.
    private mutating func check(_ operations: [Operation], _ final: Operation) {
        let writes = operations.filter { $0.isWrite && ($0.outcome == .ok || $0.outcome == .unknown) }
        // The highest known index, and of the writes without one the two latest ends: a write has to be compared with the others.
        let highest = writes.compactMap(index).max() ?? 0
        let open = writes.filter { index($0) == nil }.sorted { $0.end > $1.end }.prefix(2)
        let latest = writes.sorted { $0.end > $1.end }.prefix(2)
        for write in writes where write.outcome == .ok {
            let isThere = write.kind == .delete ? final.seen == 0 : final.seen == write.written
            let mayBeFollowed: Bool
            if let own = index(write) {
                mayBeFollowed = highest > own || open.contains { $0.number != write.number && $0.end >= write.called }
            } else {
                mayBeFollowed = latest.contains { $0.number != write.number && $0.end >= write.called }
            }
            // A value is one write's, but of many deletions the last one alone is what is there.
            if isThere && (write.kind != .delete || !mayBeFollowed) {
                kept += 1
                continue
            }
            if mayBeFollowed {
                superseded += 1
                continue
            }
            lost += 1
            violations.append(
                Violation(
                    kind: .lost, key: write.key, operations: [write.number, final.number],
                    text: "key \(write.key): an acknowledged write is not there at the end, and none can have come after it\n"
                        + history.lines([write.number, final.number])))
        }
    }

    private func index(_ write: Operation) -> UInt64? { write.index ?? (write.written == 0 ? nil : indexes.index(of: write.written)) }
}
