import BenchMeasure

extension DiffResult {
    /// For a terminal: what was compared and how, a table, and what it comes to. Lines end with a line feed.
    package var text: String {
        var lines = notes
        let margin = Numbers.short(settings.equivalenceMargin * 100)
        let confidence = Numbers.short(settings.confidence * 100)
        lines += [
            "",
            """
            B/A is the ratio of medians over the runs, with its \(confidence) % interval by bootstrap (percentile method, \
            \(Numbers.whole(settings.resamples)) resamples, seed \(settings.seed)).
            """,
            "Equivalent: the interval lies within \(margin) % of 1. Faster, slower: it lies on one side of 1. Each row stands for itself: of many rows whose",
            "programs do not differ, some \(Numbers.short((1 - settings.confidence) * 100)) % come out as different by chance.",
            "",
        ]
        lines += rows.isEmpty ? ["Nothing was measured on both sides."] : table
        if !onlyInA.isEmpty { lines += ["", "Only in A: " + onlyInA.map(\.name).joined(separator: "; ")] }
        if !onlyInB.isEmpty { lines += ["", "Only in B: " + onlyInB.map(\.name).joined(separator: "; ")] }
        lines += ["", conclusion]
        // Who searches the output searches it with plain spaces.
        return lines.joined(separator: "\n").replacing("\u{A0}", with: " ") + "\n"
    }

    /// "B: 2 faster, 1 slower, 3 equivalent, 0 inconclusive."
    package var conclusion: String {
        func count(_ verdict: Verdict) -> Int { rows.count { $0.verdict == verdict } }
        return "B: \(count(.faster)) faster, \(count(.slower)) slower, \(count(.equivalent)) equivalent, \(count(.inconclusive)) inconclusive."
    }

    private var table: [String] {
        let head = ["WORKLOAD", "TARGET", "SHAPE", "FIGURE", "A", "B", "B/A", "INTERVAL", "VERDICT"]
        let cells = rows.map { row -> [String] in
            [
                row.subject.workload, row.subject.target, row.subject.shape, row.figure.name, Self.median(row.a, row.figure), Self.median(row.b, row.figure),
                Numbers.optional(row.ratio) { Numbers.fixed($0, decimals: 3) },
                Numbers.optional(row.interval) { "\(Numbers.fixed($0.lowerBound, decimals: 3)) – \(Numbers.fixed($0.upperBound, decimals: 3))" },
                row.verdict.rawValue + (row.reason.map { ": \($0)" } ?? ""),
            ]
        }
        let all = [head] + cells
        let widths = head.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            row.enumerated().map { column, cell in
                let room = String(repeating: " ", count: widths[column] - cell.count)
                // Figures to the right; nothing follows the last column.
                return column == row.count - 1 ? cell : (4...7).contains(column) ? room + cell : cell + room
            }.joined(separator: "  ")
        }
    }

    private static func median(_ values: [Double], _ figure: Figure) -> String {
        Numbers.optional(Statistics.median(values)) { figure.isBetterWhenMore ? Numbers.figure($0) : Numbers.duration(nanoseconds: $0) }
    }
}
