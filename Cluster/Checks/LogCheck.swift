/// Compares every read that claims a log index with the writes that are known to stand in the log up to it, and asks of every value who
/// wrote it. Needs no search, so it judges stale reads too, and what it says of a linearizable read is independent of the order found.
struct LogCheck {
    private let history: History
    private let indexes: ValueIndexes
    /// Of each key its writes of known index, ascending.
    private var writes: [[(index: UInt64, number: Int)]]
    /// Of each key the call of the first write that may have taken effect at an index that nobody knows.
    private var firstOpenDelete: [UInt64]
    private(set) var violations: [Violation] = []
    /// Reads whose claimed index was compared.
    private(set) var checked = 0

    init(_ history: History, _ indexes: ValueIndexes) {
        self.history = history
        self.indexes = indexes
        writes = [[(index: UInt64, number: Int)]](repeating: [], count: history.keys.count)
        firstOpenDelete = [UInt64](repeating: .max, count: history.keys.count)
        for operation in history.operations where operation.isWrite {
            let key = history.keyOfOperation[operation.number]
            let mayTakeEffect = operation.outcome == .ok || operation.outcome == .unknown
            guard mayTakeEffect else { continue }
            if let index = operation.outcome == .ok ? operation.index ?? indexes.index(of: operation.written) : indexes.index(of: operation.written) {
                writes[key].append((index, operation.number))
            } else if operation.kind == .delete {
                firstOpenDelete[key] = min(firstOpenDelete[key], operation.called)
            }
        }
        for key in writes.indices { writes[key].sort { $0 < $1 } }
    }

    mutating func run() {
        for operation in history.operations where operation.kind == .read && operation.outcome == .ok {
            guard checkWriter(operation) else { continue }
            checkState(operation)
        }
        checkAge()
    }

    private mutating func report(_ kind: Violation.Kind, _ what: String, _ numbers: [Int]) {
        let key = numbers.last.map { history.operations[$0].key } ?? ""
        violations.append(Violation(kind: kind, key: key, operations: numbers, text: "key \(key): \(what)\n" + history.lines(numbers)))
    }

    /// Whether the value that was seen has a write that may be seen.
    private mutating func checkWriter(_ read: Operation) -> Bool {
        guard read.seen != 0 else { return true }
        guard let number = history.writer[read.seen] else {
            report(.neverWritten, "nobody wrote value \(read.seen)", [read.number])
            return false
        }
        let write = history.operations[number]
        if history.keyOfOperation[number] != history.keyOfOperation[read.number] {
            report(.duplicated, "value \(read.seen) was written to another key, \(write.key)", [number, read.number])
        } else if write.outcome == .failed || write.outcome == .refused {
            report(.neverWritten, "the write of value \(read.seen) surely had no effect", [number, read.number])
        } else if write.called > read.end {
            report(.neverWritten, "value \(read.seen) was seen before its write was called", [number, read.number])
        } else {
            return true
        }
        return false
    }

    /// Whether the read shows what the known writes up to its index leave.
    private mutating func checkState(_ read: Operation) {
        guard let claimed = read.index else { return }
        checked += 1
        let key = history.keyOfOperation[read.number]
        if read.seen != 0, let index = indexes.index(of: read.seen), index > claimed {
            report(.notItsIndex, "it claims index \(claimed), but shows what was written at \(index)", [read.number])
            return
        }
        guard let last = lastWrite(key, upTo: claimed) else { return }
        let write = history.operations[last.number]
        if read.seen == 0 {
            guard write.kind != .delete, firstOpenDelete[key] > read.end else { return }
            report(.notItsIndex, "at index \(claimed) there is a record, of index \(last.index)", [last.number, read.number])
        } else if let index = indexes.index(of: read.seen), index < last.index {
            report(
                .notItsIndex, "at index \(claimed) the record was last written at \(last.index), but it shows that of \(index)",
                [last.number, read.number])
        }
    }

    /// The last known write of the key that is not above the index.
    private func lastWrite(_ key: Int, upTo index: UInt64) -> (index: UInt64, number: Int)? {
        var low = 0, high = writes[key].count
        while low < high {
            let middle = (low + high) / 2
            if writes[key][middle].index <= index { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : writes[key][low - 1]
    }

    /// Whether each read reaches every index that somebody knew of when it was called: of its own key; of a stale read, whose answer is a whole state of some age,
    /// that of any key less the age. (What a linearizable answer's state lacks may be about other keys.)
    private mutating func checkAge() {
        // What became known, in the order of time.
        var known: [(time: UInt64, index: UInt64, number: Int)] = []
        for operation in history.operations where operation.outcome == .ok {
            guard let time = operation.returned, let index = operation.isWrite ? operation.index : operation.seenModified else { continue }
            known.append((time, index, operation.number))
        }
        known.sort { $0 < $1 }
        let reads = history.operations.filter { $0.kind == .read && $0.outcome == .ok && $0.index != nil }
            .map { read -> (since: UInt64, number: Int) in
                let (age, tooMuch) = read.ageMilliseconds.multipliedReportingOverflow(by: 1_000_000)
                return (tooMuch || age > read.called ? 0 : read.called - age, read.number)
            }.sorted { $0 < $1 }
        var next = 0
        var highestOfAll: (index: UInt64, number: Int) = (0, 0)
        var highestOfKey = [(index: UInt64, number: Int)](repeating: (0, 0), count: history.keys.count)
        for (since, number) in reads {
            while next < known.count, known[next].time < since {
                let (index, number, key) = (known[next].index, known[next].number, history.keyOfOperation[known[next].number])
                if index > highestOfAll.index { highestOfAll = (index, number) }
                if index > highestOfKey[key].index { highestOfKey[key] = (index, number) }
                next += 1
            }
            let read = history.operations[number]
            let highest = read.mayBeStale ? highestOfAll : highestOfKey[history.keyOfOperation[number]]
            guard let claimed = read.index, claimed < highest.index else { continue }
            report(
                .tooOld, "it shows the state at index \(claimed), but \(highest.index) was known before it"
                    + (read.ageMilliseconds == 0 ? " was called" : ", and it admits \(read.ageMilliseconds) ms only"), [highest.number, number])
        }
    }
}
