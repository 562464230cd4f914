/// Everything that clients asked and were told, in the order of the calls. What `Checker` judges.
package struct History: Sendable {
    /// By `number`.
    package private(set) var operations: [Operation]
    /// Every key that occurs, in the order of the first call.
    package private(set) var keys: [String] = []
    /// Of each key, the numbers of its operations, ascending.
    package private(set) var operationsOfKey: [[Int]] = []
    /// Of each value that a write has, the write's number.
    package private(set) var writer: [UInt64: Int] = [:]
    /// Of each operation, its key's place in `keys`.
    package private(set) var keyOfOperation: [Int] = []
    /// Files that ended within a line. The rest of that line was ignored: what it would have said is not known.
    package var torn: [String] = []
    /// Whether the final lines are complete.
    package var hasEnd = false

    /// Throws `history` where a value is written twice, an operation returns before its call, or a put has no value. Sorts: O(n log n).
    package init(_ operations: [Operation]) throws(ChecksError) {
        let order = operations.indices.sorted { (operations[$0].called, $0) < (operations[$1].called, $1) }
        self.operations = order.map { operations[$0] }
        var places: [[UInt8]: Int] = [:]
        for number in self.operations.indices {
            self.operations[number].number = number
            let operation = self.operations[number]
            try check(operation)
            // As bytes: Swift takes texts for equal that are different keys.
            let bytes = Array(operation.key.utf8)
            let place = places[bytes] ?? keys.count
            if place == keys.count {
                places[bytes] = place
                keys.append(operation.key)
                operationsOfKey.append([])
            }
            operationsOfKey[place].append(number)
            keyOfOperation.append(place)
        }
    }

    private mutating func check(_ operation: Operation) throws(ChecksError) {
        if let returned = operation.returned, returned < operation.called {
            throw .history("\(operation.label) returned before it was called")
        }
        guard operation.written != 0 else {
            if operation.kind == .put || operation.kind == .update { throw .history("\(operation.label) writes no value") }
            return
        }
        guard operation.written < Register.unseen else { throw .history("\(operation.label) writes a value above \(Register.unseen - 1)") }
        if let other = writer.updateValue(operation.number, forKey: operation.written) {
            throw .history("value \(operation.written) is written by \(operations[other].label) and by \(operation.label); each write needs its own")
        }
    }
}
