import BenchMeasure

/// Throughput of the targets under one work: bars for each closed load, and the figures of every shape below.
enum ComparisonThroughput {
    static func section(_ workload: String, _ view: ComparisonView, _ page: inout Page) -> Markup {
        let pictures = view.shapes(of: workload).filter { !$0.isOpen }.map { shape -> Markup in
            let cells = view.cells(workload, shape)
            let bars = cells.map { cell in
                ThroughputBars.Bar(series: cell.target, rounds: cell.runs.map { ($0.round, $0.perSecond) }, median: cell.perSecond)
            }
            let drawing = ThroughputBars(title: "Operations a second, \(workload), \(shape.title)", bars: bars).drawing
            return page.figure(drawing, caption: "", level: shape.title)
        }.joined("")
        guard !pictures.isEmpty else { return figures(workload, view).markup }
        return """
            <p>Bars and figures are medians of the rounds, dots the rounds, the first at the top. Each picture has its own scale, from zero.</p>
            <div class="grid">\(pictures)</div>
            \(figures(workload, view).markup)
            """
    }

    private static func figures(_ workload: String, _ view: ComparisonView) -> Table {
        let cells = view.shapes(of: workload).map { view.cells(workload, $0) }
        let unit = TimeUnit.shared(by: cells.joined().compactMap(\.p50))
        let hasProcessor = cells.joined().contains { $0.processorNanoseconds != nil }
        let base = view.targets.first
        let compares = view.targets.count > 1
        var columns: [Table.Column] = [.words("shape"), .words("target"), .figures("a second, median"), .figures("lowest – highest round")]
        if compares, let base { columns.append(.figures("of \(base.name)")) }
        // The comparison holds percentiles of the first kind of operation of a work.
        let kind = view.anyRun(of: workload)?.operations.first.map { $0.kind + " " } ?? ""
        columns += [.figures("\(kind)p50, \(unit.rawValue)"), .figures("\(kind)p99, \(unit.rawValue)")]
        if hasProcessor { columns.append(.figures("processor time<br>an operation")) }
        columns.append(.figures("rounds"))
        var table = Table(columns: columns)
        for group in cells {
            table.groupStarts.insert(table.rows.count)
            let first = group.first { $0.target == base }
            for cell in group {
                var row: [Markup] = [
                    "<span class=\"nowrap\">\(cell.shape.short)</span>", "\(cell.target.name)", "\(Numbers.figure(cell.perSecond))",
                    "\(Numbers.figure(cell.lowest)) – \(Numbers.figure(cell.highest))",
                ]
                if compares { row.append("\(ratio(cell, to: first))") }
                row += [cell.p50, cell.p99].map { "\(Numbers.optional($0) { unit.figure(Double($0)) })" }
                if hasProcessor { row.append("\(Numbers.optional(cell.processorNanoseconds) { Numbers.duration(nanoseconds: $0) })") }
                row.append("\(cell.runs.count)")
                table.rows.append(row)
            }
        }
        return table
    }

    /// Of the throughput; an open load's is given, so that its ratio would say nothing.
    private static func ratio(_ cell: ComparisonView.Cell, to base: ComparisonView.Cell?) -> String {
        guard let base, base.perSecond > 0, !cell.shape.isOpen else { return Numbers.absent }
        return "× " + Numbers.figure(cell.perSecond / base.perSecond)
    }
}
