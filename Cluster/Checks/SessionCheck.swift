/// Checks that no session went back: an operation reaches the log index of each that the same session finished before (monotonic reads,
/// reading one's own writes, and writes in their order).
struct SessionCheck {
    private let history: History
    private(set) var violations: [Violation] = []
    /// Operations with a session and an index.
    private(set) var checked = 0

    init(_ history: History) { self.history = history }

    mutating func run() {
        var places: [[UInt64]: Int] = [:]
        var sessions: [[Operation]] = []
        for operation in history.operations where operation.outcome == .ok && operation.index != nil {
            guard let session = operation.session else { continue }
            let name = [UInt64(operation.source), session]
            let place = places[name] ?? sessions.count
            if place == sessions.count {
                places[name] = place
                sessions.append([])
            }
            sessions[place].append(operation)
        }
        for operations in sessions { check(operations) }
    }

    /// Of one session, in the order of the calls.
    private mutating func check(_ operations: [Operation]) {
        checked += operations.count
        let finished = operations.sorted { ($0.end, $0.number) < ($1.end, $1.number) }
        var next = 0
        var highest: Operation?
        for operation in operations {
            while next < finished.count, finished[next].end < operation.called {
                if (finished[next].index ?? 0) > (highest?.index ?? 0) { highest = finished[next] }
                next += 1
            }
            guard let before = highest, let seen = before.index, let index = operation.index else { continue }
            guard operation.isWrite ? index <= seen : index < seen else { continue }
            violations.append(
                Violation(
                    kind: .sessionWentBack, key: operation.key, operations: [before.number, operation.number],
                    text: "session \(operation.session ?? 0): from index \(seen) to \(index)\n" + history.lines([before.number, operation.number])))
        }
    }
}
