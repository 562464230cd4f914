import Checks

/// Builds a history by hand. Times are small numbers.
struct Script {
    var operations: [Operation] = []

    private mutating func add(_ operation: Operation) {
        var named = operation
        named.name = UInt64(operations.count + 1)
        if named.client == 0 { named.client = named.name }
        operations.append(named)
    }

    mutating func put(
        _ value: UInt64, _ time: ClosedRange<UInt64>, key: String = "a", if condition: Operation.Condition = .none, index: UInt64? = nil,
        _ outcome: Operation.Outcome = .ok, client: UInt64 = 0, session: UInt64? = nil
    ) {
        add(
            Operation(
                name: 0, client: client, session: session, key: key, kind: .put, written: value, condition: condition, called: time.lowerBound,
                returned: outcome == .unknown ? nil : time.upperBound, outcome: outcome, index: index))
    }

    mutating func update(_ value: UInt64, _ time: ClosedRange<UInt64>, if condition: Operation.Condition = .none, _ outcome: Operation.Outcome = .ok) {
        add(
            Operation(
                name: 0, key: "a", kind: .update, written: value, condition: condition, called: time.lowerBound,
                returned: outcome == .unknown ? nil : time.upperBound, outcome: outcome))
    }

    mutating func delete(
        _ time: ClosedRange<UInt64>, key: String = "a", if condition: Operation.Condition = .none, index: UInt64? = nil,
        _ outcome: Operation.Outcome = .ok
    ) {
        add(
            Operation(
                name: 0, key: key, kind: .delete, condition: condition, called: time.lowerBound,
                returned: outcome == .unknown ? nil : time.upperBound, outcome: outcome, index: index))
    }

    /// A value of 0: no record.
    mutating func read(
        _ value: UInt64, _ time: ClosedRange<UInt64>, key: String = "a", modified: UInt64? = nil, index: UInt64? = nil, stale: Bool = false,
        age: UInt64 = 0, client: UInt64 = 0, session: UInt64? = nil, final: Bool = false
    ) {
        add(
            Operation(
                name: 0, client: client, session: session, key: key, kind: .read, mayBeStale: stale, called: time.lowerBound,
                returned: time.upperBound, outcome: .ok, index: index, seen: value, seenModified: modified, ageMilliseconds: age, isFinal: final))
    }

    func verdict(stepsMax: Int = Checker.stepsMax) throws -> Verdict { Checker.check(try History(operations), stepsMax: stepsMax) }

    static func verdict(_ build: (inout Script) -> Void) throws -> Verdict {
        var script = Script()
        build(&script)
        return try script.verdict()
    }
}

extension Verdict {
    var kinds: [Violation.Kind] { violations.map(\.kind) }
}
