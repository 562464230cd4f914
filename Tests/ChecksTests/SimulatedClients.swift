import Checks
import Core

/// A correct store of records with its clients: histories as they should be. All times, delays, timeouts and stale answers follow the seed.
struct SimulatedClients {
    struct Shape {
        var clients = 4
        var keys = 3
        var operations = 60
        var hasIndexes = true
        /// Of 100 operations so many time out, and so many fail.
        var unknown = 5
        var failed = 3
        var readsAtTheEnd = true
    }

    private struct Key {
        var value: UInt64 = 0
        var modified: UInt64 = 0
    }

    private let shape: Shape
    private var random: SeededRandom
    private var operations: [Operation] = []
    /// When each operation takes effect; nil: never.
    private var effects: [UInt64?] = []
    private var keys: [Key]
    /// What each key held at each index since the last, for stale reads: states[i] is that after index i; the log begins with 0.
    private var states: [[Key]] = []
    private var stateTimes: [UInt64] = [0]

    private init(seed: UInt64, _ shape: Shape) {
        self.shape = shape
        random = SeededRandom(seed: seed)
        keys = [Key](repeating: Key(), count: shape.keys)
        states = [keys]
    }

    static func history(seed: UInt64, _ shape: Shape = Shape()) -> [Operation] {
        var simulation = SimulatedClients(seed: seed, shape)
        simulation.ask()
        simulation.answer()
        if shape.readsAtTheEnd { simulation.readAll() }
        return simulation.operations
    }

    private mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

    private mutating func ask() {
        var free = [UInt64](repeating: 1, count: shape.clients)
        for number in 1...shape.operations {
            let client = below(shape.clients)
            let called = free[client] + UInt64(below(20)) * 1_000_000
            let delay = UInt64(1 + below(40)) * 1_000_000
            let effect = called + UInt64(below(Int(delay)))
            free[client] = called + delay + 1
            var operation = Operation(
                name: UInt64(number), client: UInt64(client), session: UInt64(client), key: "k\(below(shape.keys))", kind: .read, called: called,
                returned: called + delay)
            switch below(10) {
            case 0...2: operation.kind = .put
            case 3: operation.kind = .update
            case 4: operation.kind = .delete
            default: operation.mayBeStale = shape.hasIndexes && below(4) == 0
            }
            if operation.kind == .put || operation.kind == .update { operation.written = UInt64(number) }
            if operation.mayBeStale { operation.session = nil }
            if operation.isWrite {
                switch below(6) {
                case 0: operation.condition = .absent
                case 1: operation.condition = .present
                // Decided when it takes effect: half the time the index is right.
                case 2 where shape.hasIndexes: operation.condition = .modifiedAt(0)
                default: break
                }
            }
            operations.append(operation)
            let fate = below(100)
            if fate < shape.unknown {
                operations[number - 1].returned = nil
                effects.append(below(2) == 0 ? nil : called + UInt64(below(200)) * 1_000_000)
            } else if fate < shape.unknown + shape.failed {
                operations[number - 1].outcome = .failed
                effects.append(nil)
            } else {
                operations[number - 1].outcome = .ok
                effects.append(effect)
            }
        }
    }

    private mutating func answer() {
        let order = operations.indices.filter { effects[$0] != nil }.sorted { (effects[$0] ?? 0, $0) < (effects[$1] ?? 0, $1) }
        for number in order {
            let key = Int(operations[number].key.dropFirst()) ?? 0
            if operations[number].isWrite { write(number, key) } else { read(number, key) }
        }
    }

    private mutating func write(_ number: Int, _ key: Int) {
        let record = keys[key]
        let index = UInt64(states.count)
        if case .modifiedAt = operations[number].condition {
            operations[number].condition = .modifiedAt(below(2) == 0 ? record.modified : index + 1_000_000)
        }
        let holds =
            switch operations[number].condition {
            case .none: operations[number].kind != .update || record.value != 0
            case .absent: record.value == 0 && operations[number].kind != .update
            case .present: record.value != 0
            case let .modifiedAt(at): record.value != 0 && record.modified == at
            }
        if holds {
            let delete = operations[number].kind == .delete
            keys[key] = Key(value: delete ? 0 : operations[number].written, modified: delete ? 0 : index)
        }
        states.append(keys)
        stateTimes.append(effects[number] ?? 0)
        guard operations[number].outcome == .ok else { return }
        if !holds { operations[number].outcome = .refused }
        if shape.hasIndexes && holds { operations[number].index = index }
    }

    private mutating func read(_ number: Int, _ key: Int) {
        guard operations[number].outcome == .ok else { return }
        var index = states.count - 1
        if operations[number].mayBeStale, below(2) == 0 {
            index = max(0, index - below(8))
            if index < states.count - 1 {
                // It was current until the next index came.
                operations[number].ageMilliseconds = ((operations[number].returned ?? 0) - stateTimes[index + 1]) / 1_000_000 + 1
            }
        }
        let record = states[index][key]
        operations[number].seen = record.value
        guard shape.hasIndexes else { return }
        operations[number].index = UInt64(index)
        if record.value != 0 { operations[number].seenModified = record.modified }
    }

    private mutating func readAll() {
        let end = (operations.map { $0.returned ?? $0.called } + effects.compactMap { $0 }).max() ?? 0
        for (place, record) in keys.enumerated() {
            operations.append(
                Operation(
                    name: 0, key: "k\(place)", kind: .read, called: end + 1, returned: end + 9, outcome: .ok,
                    index: shape.hasIndexes ? UInt64(states.count - 1) : nil, seen: record.value,
                    seenModified: shape.hasIndexes && record.value != 0 ? record.modified : nil, isFinal: true))
        }
    }
}
