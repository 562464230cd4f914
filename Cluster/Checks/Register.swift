/// The model of one key: a record that holds a value, or none. What a correct system shows is some order of its operations in which each
/// finds the record as `step` demands.
struct Register: Hashable {
    /// 0: there is no record.
    var value: UInt64 = 0

    /// The value that stands for every one that nobody saw: which of them a record holds makes no difference.
    static let unseen = UInt64.max
}

/// An operation as the model needs it.
struct RegisterOperation {
    var kind: Operation.Kind
    var condition: Operation.Condition
    /// ok, refused or unknown; one that failed is none of the model's.
    var outcome: Operation.Outcome
    /// What it writes or, of a read, what it saw.
    var value: UInt64
    /// Claimed, of an operation with an answer. The order of the writes of a key is that of the log.
    var index: UInt64?
}

/// The highest log indexes of the operations that are placed.
struct Floor: Hashable {
    /// Of the writes. A read shows the state at its index, so none of them may be above it.
    private(set) var writes: UInt64 = 0
    /// Of all. A read shows what its index makes of the record, so a write that comes later in the order is above it. Of two reads the later one may claim the lower index: what
    /// the states differ in is about other keys then (docs/protocol.md, leases).
    private(set) var all: UInt64 = 0

    mutating func place(_ operation: RegisterOperation) {
        guard let index = operation.index else { return }
        all = max(all, index)
        if operation.kind != .read { writes = max(writes, index) }
    }
}

/// Where each value was written, as far as anybody was told.
struct ValueIndexes {
    /// Value → log index of its write.
    private(set) var indexes: [UInt64: UInt64] = [:]

    mutating func set(_ value: UInt64, _ index: UInt64) { indexes[value] = index }
    func index(of value: UInt64) -> UInt64? { indexes[value] }
}

extension Register {
    /// Whether the write's condition holds, a record to update being one. Where the record's index is not known, `assumed`.
    private func holds(_ operation: RegisterOperation, _ indexes: ValueIndexes, assumed: Bool) -> Bool {
        if operation.kind == .update && value == 0 { return false }
        switch operation.condition {
        case .none: return true
        case .absent: return value == 0
        case .present: return value != 0
        case let .modifiedAt(index):
            guard value != 0 else { return false }
            return indexes.index(of: value).map { $0 == index } ?? assumed
        }
    }

    /// The record after the operation; nil if it cannot happen here. `floor`: of the operations before it.
    func step(_ operation: RegisterOperation, floor: Floor, _ indexes: ValueIndexes) -> Register? {
        if let index = operation.index {
            guard operation.kind == .read ? index >= floor.writes : index > floor.all else { return nil }
        }
        if operation.kind == .read { return value == operation.value ? self : nil }
        if operation.outcome == .refused { return holds(operation, indexes, assumed: false) ? nil : self }
        guard holds(operation, indexes, assumed: true) else { return nil }
        return Register(value: operation.kind == .delete ? 0 : operation.value)
    }

    /// Why `step` said no, for people.
    func refusal(_ operation: RegisterOperation, floor: Floor, _ indexes: ValueIndexes) -> String {
        if let index = operation.index {
            if operation.kind == .read, index < floor.writes { return "it shows the state at index \(index), but a write that is already placed has \(floor.writes)" }
            if operation.kind != .read, index <= floor.all { return "its index \(index) is not above \(floor.all), which is already placed" }
        }
        let holds = self.text(indexes)
        if operation.kind == .read { return "it saw \(operation.value == 0 ? "no record" : "value \(operation.value)"), but \(holds)" }
        return operation.outcome == .refused ? "it was refused, but \(holds)" : "it succeeded, but \(holds)"
    }

    /// `the record holds value 9 (index 55)`.
    func text(_ indexes: ValueIndexes) -> String {
        if value == 0 { return "there is no record" }
        if value == Self.unseen { return "the record holds a value that nobody saw" }
        return "the record holds value \(value)" + (indexes.index(of: value).map { " (index \($0))" } ?? "")
    }
}
