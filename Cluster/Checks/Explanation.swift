/// Says to a person why a key's operations have no order.
struct Explanation {
    let history: History
    let key: Int
    let indexes: ValueIndexes
    /// The longest beginning of an order.
    let placed: [Int]
    /// What could come next by its times, and cannot by the record.
    let waiting: [Int]
    let state: Register
    let floor: Floor

    /// Operations of the order's end that are shown.
    private static let shown = 6

    var text: String {
        let all = history.operationsOfKey[key].filter { number in
            let operation = history.operations[number]
            return operation.outcome != .failed && !operation.mayBeStale && (operation.isWrite || operation.outcome == .ok)
        }
        var lines = ["key \(history.keys[key]): \(placed.count) of \(all.count) operations can be put in an order; then \(state.text(indexes))."]
        let end = Array(placed.suffix(Self.shown))
        if !end.isEmpty { lines += ["  the end of that order:", history.lines(end)] }
        lines.append("  what comes next by its time, and cannot:")
        for number in waiting {
            let operation = history.operations[number]
            lines.append("    \(operation.label) \(operation.who): \(operation.asked) → \(operation.answered)")
            lines.append("      \(reason(operation))")
        }
        // Those of unknown outcome that were called before, since somebody will ask.
        let limit = waiting.map { history.operations[$0].end }.min() ?? 0
        let open = all.filter { number in
            let operation = history.operations[number]
            return operation.outcome == .unknown && operation.called <= limit && !placed.contains(number)
        }
        if !open.isEmpty { lines += ["  of unknown outcome, and no help:", history.lines(Array(open.suffix(Self.shown)))] }
        lines.append(Timeline(history, Array(end) + waiting + open.suffix(Self.shown)).text)
        return lines.joined(separator: "\n")
    }

    private func reason(_ operation: Operation) -> String {
        let value = operation.seen
        if operation.kind == .read, value != 0 {
            guard let writer = history.writer[value] else { return "nobody ever wrote value \(value)" }
            let write = history.operations[writer]
            if history.keyOfOperation[writer] != key { return "value \(value) was written to key \(write.key) by \(write.label)" }
            if write.outcome == .failed || write.outcome == .refused { return "value \(value) is that of \(write.label), which \(write.answered)" }
            if write.called > operation.end { return "value \(value) is that of \(write.label), which was called only after this returned" }
        }
        let model = RegisterOperation(
            kind: operation.kind, condition: operation.condition, outcome: operation.outcome, value: operation.isWrite ? operation.written : value,
            index: operation.index)
        return state.refusal(model, floor: floor, indexes)
    }
}

extension History {
    /// A line for each operation.
    func lines(_ numbers: [Int]) -> String {
        numbers.map { number in
            let operation = operations[number]
            return "    \(operation.label) \(operation.who): \(operation.asked) → \(operation.answered)"
        }.joined(separator: "\n")
    }
}
