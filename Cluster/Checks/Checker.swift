/// Judges a history: for each key an order of its operations, for each read the log at its claimed index, for each session that it never went
/// back, and for each acknowledged write that it was kept. Deterministic: the same history gets the same verdict.
package struct Checker {
    /// Steps of the search of one key after which it is given up, about 100 bytes each at the worst.
    package static let stepsMax = 3_000_000

    let history: History
    let stepsMax: Int
    private var indexes = ValueIndexes()
    private var verdict = Verdict()

    package init(_ history: History, stepsMax: Int = Checker.stepsMax) {
        self.history = history
        self.stepsMax = stepsMax
    }

    /// The whole check. About n log n for a history without violation.
    package static func check(_ history: History, stepsMax: Int = Checker.stepsMax) -> Verdict {
        var checker = Checker(history, stepsMax: stepsMax)
        return checker.run()
    }

    private mutating func run() -> Verdict {
        count()
        verdict.violations += learnIndexes()
        for key in history.keys.indices { search(key) }
        var log = LogCheck(history, indexes)
        log.run()
        verdict.violations += log.violations
        verdict.counts.indexesChecked = log.checked
        var sessions = SessionCheck(history)
        sessions.run()
        verdict.violations += sessions.violations
        verdict.counts.sessionOperations = sessions.checked
        var end = EndCheck(history, indexes)
        end.run()
        verdict.violations += end.violations
        verdict.counts.finals = end.keys
        verdict.counts.kept = end.kept
        verdict.counts.superseded = end.superseded
        verdict.counts.lost = end.lost
        return verdict
    }

    private mutating func count() {
        var clients = Set<[UInt64]>()
        verdict.counts.keys = history.keys.count
        for operation in history.operations where !operation.isFinal {
            verdict.counts.operations += 1
            clients.insert([UInt64(operation.source), operation.client])
            switch operation.outcome {
            case .ok where operation.isWrite: verdict.counts.writesAcknowledged += 1
            case .ok:
                verdict.counts.reads += 1
                if operation.mayBeStale { verdict.counts.staleReads += 1 }
            case .refused: verdict.counts.writesRefused += 1
            case .failed: verdict.counts.failed += 1
            case .unknown: verdict.counts.unknown += 1
            }
        }
        verdict.counts.clients = clients.count
    }

    /// Collects where each value was written, from acknowledgements and from what reads tell; a value with two indexes was written twice.
    private mutating func learnIndexes() -> [Violation] {
        var violations: [Violation] = []
        var told: [UInt64: Int] = [:]
        for operation in history.operations where operation.outcome == .ok {
            let value = operation.isWrite ? operation.written : operation.seen
            guard value != 0, let index = operation.isWrite ? operation.index : operation.seenModified else { continue }
            if let known = indexes.index(of: value), known != index, let other = told[value] {
                violations.append(
                    Violation(
                        kind: .duplicated, key: operation.key, operations: [other, operation.number],
                        text: "key \(operation.key): value \(value) has two log indexes:\n" + history.lines([other, operation.number])))
                continue
            }
            indexes.set(value, index)
            told[value] = operation.number
        }
        return violations
    }

    private mutating func search(_ key: Int) {
        var search = KeySearch(history: history, key: key, indexes: indexes, stepsMax: stepsMax)
        let result = search.run()
        verdict.counts.steps += search.steps
        verdict.counts.stepsOfOneKey = max(verdict.counts.stepsOfOneKey, search.steps)
        switch result {
        case .linearizable: break
        case .undecided: verdict.undecidedKeys.append(history.keys[key])
        case let .violation(placed, waiting, state, floor):
            let explanation = Explanation(
                history: history, key: key, indexes: indexes, placed: placed, waiting: waiting, state: state, floor: floor)
            verdict.violations.append(
                Violation(kind: .notLinearizable, key: history.keys[key], operations: waiting, text: explanation.text))
        }
    }
}

extension KeySearch {
    /// The search of one key. Reads that may be stale stay out: `LogCheck` judges them.
    init(history: History, key: Int, indexes: ValueIndexes, stepsMax: Int) {
        let operations = history.operationsOfKey[key].map { history.operations[$0] }
        let seen = Set(operations.compactMap { $0.kind == .read && $0.outcome == .ok ? $0.seen : nil })
        var musts: [Must] = []
        var maybes: [Maybe] = []
        /// Kind, condition and value → the place of the last maybe of that effect.
        var twins: [Effect: Int] = [:]
        for operation in operations where !operation.mayBeStale {
            var model = RegisterOperation(
                kind: operation.kind, condition: operation.condition, outcome: operation.outcome,
                value: operation.kind == .read ? operation.seen : operation.written, index: operation.index)
            switch operation.outcome {
            case .failed: break
            case .ok, .refused: musts.append(Must(number: operation.number, operation: model, called: operation.called, end: operation.end))
            case .unknown:
                guard operation.isWrite else { break }
                model.index = nil
                if model.kind != .delete, !seen.contains(model.value), indexes.index(of: model.value) == nil { model.value = Register.unseen }
                let effect = Effect(kind: model.kind, condition: model.condition, value: model.value)
                let twin = twins.updateValue(maybes.count, forKey: effect) ?? -1
                maybes.append(Maybe(number: operation.number, operation: model, called: operation.called, twin: twin))
            }
        }
        self.init(musts: musts, maybes: maybes, indexes: indexes, stepsMax: stepsMax)
    }

    private struct Effect: Hashable {
        let kind: Operation.Kind
        let condition: Operation.Condition
        let value: UInt64
    }
}
