import Checks
import Core

/// A few operations of one key with answers by chance, some of which no store could give.
enum SmallHistory {
    static func random(seed: UInt64) -> [Operation] {
        var random = SeededRandom(seed: seed)
        func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }
        let count = 2 + below(6)
        let hasIndexes = below(3) == 0
        let times = 4 + below(24)
        return (1...count).map { number in
            let called = UInt64(1 + below(times))
            var operation = Operation(
                name: UInt64(number), client: UInt64(number), key: "a", kind: .read, called: called, returned: called + UInt64(below(8)), outcome: .ok)
            switch below(8) {
            case 0...2:
                operation.kind = .put
                operation.written = UInt64(number)
            case 3:
                operation.kind = .update
                operation.written = UInt64(number)
            case 4: operation.kind = .delete
            default: operation.seen = below(3) == 0 ? 0 : UInt64(1 + below(count))
            }
            if operation.isWrite {
                operation.condition = [.none, .none, .absent, .present, .modifiedAt(UInt64(10 * (1 + below(count))))][below(hasIndexes ? 5 : 4)]
                operation.outcome = [.ok, .ok, .ok, .unknown, .unknown, .refused, .failed][below(7)]
                if operation.outcome == .unknown { operation.returned = nil }
                if operation.outcome == .refused && operation.condition == .none && operation.kind != .update { operation.outcome = .ok }
            }
            if hasIndexes && operation.outcome == .ok {
                // Mostly in the order of the numbers, so that some histories are good.
                operation.index = UInt64(10 * number + (operation.isWrite ? 0 : 5))
                if operation.kind == .read && operation.seen != 0 && below(2) == 0 { operation.seenModified = operation.seen * 10 }
            }
            return operation
        }
    }
}

/// Tries every order of every choice of the operations that may have happened: the definition itself, as plain as can be.
struct AllOrders {
    private let operations: [Operation]
    private var indexOfValue: [UInt64: UInt64] = [:]

    init(_ operations: [Operation]) {
        self.operations = operations.filter { $0.outcome != .failed && !($0.kind == .read && $0.outcome == .unknown) }
        for operation in operations where operation.outcome == .ok {
            let value = operation.isWrite ? operation.written : operation.seen
            guard value != 0, indexOfValue[value] == nil else { continue }
            indexOfValue[value] = operation.isWrite ? operation.index : operation.seenModified
        }
    }

    var exists: Bool {
        let unknown = operations.indices.filter { operations[$0].outcome == .unknown }
        for choice in 0..<(1 << unknown.count) {
            let left = operations.indices.filter { number in
                guard let place = unknown.firstIndex(of: number) else { return true }
                return choice & (1 << place) != 0
            }
            if canOrder(left, value: 0, highest: (0, 0)) { return true }
        }
        return false
    }

    private func canOrder(_ left: [Int], value: UInt64, highest: (ofWrites: UInt64, ofAll: UInt64)) -> Bool {
        if left.isEmpty { return true }
        for number in left {
            let operation = operations[number]
            // Another that returned before this was called comes first.
            if left.contains(where: { (operations[$0].outcome == .unknown ? .max : operations[$0].returned ?? .max) < operation.called }) { continue }
            var highest = highest
            if let index = operation.index {
                if operation.isWrite ? index <= highest.ofAll : index < highest.ofWrites { continue }
                highest = (operation.isWrite ? index : highest.ofWrites, max(highest.ofAll, index))
            }
            guard let after = after(operation, value) else { continue }
            if canOrder(left.filter { $0 != number }, value: after, highest: highest) { return true }
        }
        return false
    }

    /// What the record holds after the operation; nil if it cannot be so.
    private func after(_ operation: Operation, _ value: UInt64) -> UInt64? {
        if operation.kind == .read { return operation.seen == value ? value : nil }
        /// Whether the condition holds; nil: it may, nobody knows.
        let holds: Bool?
        switch operation.condition {
        case .none: holds = true
        case .absent: holds = value == 0
        case .present: holds = value != 0
        case let .modifiedAt(index): holds = value == 0 ? false : indexOfValue[value].map { $0 == index }
        }
        let exists = operation.kind != .update || value != 0
        switch operation.outcome {
        case .refused: return exists && holds == true ? nil : value
        case .ok: if !exists || holds == false { return nil }
        default: if !exists || holds == false { return value }
        }
        return operation.kind == .delete ? 0 : operation.written
    }
}
