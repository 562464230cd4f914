/// Operations as bars over time, one a line, for people:
///
///     from 1.203000 s, a column is 0.021 ms
///     #31 client 2 put 8      |-----|
///     #33 client 1 put 9          |--------…
struct Timeline {
    private let operations: [Operation]
    /// Columns of the bars.
    private static let width = 60

    init(_ history: History, _ numbers: [Int]) { operations = Set(numbers).sorted().map { history.operations[$0] } }

    var text: String {
        let begin = operations.map(\.called).min() ?? 0
        let end = operations.map { $0.end == .max ? $0.called : $0.end }.max() ?? begin
        let nanoseconds = max(1, (end - begin) / UInt64(Self.width - 2) + 1)
        let names = operations.map { "\($0.label) \($0.who) \($0.asked)" }
        let width = names.map(\.count).max() ?? 0
        var lines = ["  from \(Self.decimal(begin, 1_000_000_000)) s, a column is \(Self.decimal(nanoseconds, 1_000_000)) ms"]
        for (operation, name) in zip(operations, names) {
            let from = Int((operation.called - begin) / nanoseconds)
            var bar = String(repeating: " ", count: from) + "|"
            if operation.end == .max {
                bar += String(repeating: "-", count: max(1, Self.width - from - 1)) + "…"
            } else {
                let to = max(from + 1, Int((operation.end - begin) / nanoseconds))
                bar += String(repeating: "-", count: to - from - 1) + "|"
            }
            lines.append("    \(name)\(String(repeating: " ", count: width - name.count))  \(bar)")
        }
        return lines.joined(separator: "\n")
    }

    /// The quotient with six digits behind the point.
    private static func decimal(_ number: UInt64, _ unit: UInt64) -> String {
        let digits = String(number % unit * 1_000 / (unit / 1_000))
        return "\(number / unit)." + String(repeating: "0", count: 6 - digits.count) + digits
    }
}
