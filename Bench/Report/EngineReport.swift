import BenchMeasure

/// The access path in one process for a person: a self-contained HTML file, the contents of the folder's `report.html`.
package enum EngineReport {
    package static func html(of result: EngineResult) -> String {
        let head = Prose.when(result.beganAt, result.environment) + Boxes.warnings(result.warnings.map { "\($0)" }) + lead(of: result)
        var page = Page(title: "The access path in one process: \(Numbers.count(result.records, "record"))", head: head)
        page.section("Aims", Aims.section(result.aims))
        page.section("Beside mdb_get", pictures(result, &page) + figures(result).markup)
        page.section("Machine", Background.environment(result.environment))
        page.section("How to read this", reading)
        return page.html
    }

    private static func lead(of result: EngineResult) -> Markup {
        """
        <p class="lead">On \(Numbers.count(result.records, "record")) of \(Numbers.figure(result.recordBytes)) bytes as they lie in LMDB, one thread took the bytes of
        requests’ frames apart, found the plan of the right, read and verified the record, masked it and wrote the bytes of the answer’s frame, without sockets, TLS
        or a barrier; in turns with <code>mdb_get</code> and a copy on the same entries. Figures are medians of \(Numbers.word(result.rounds))
        \(result.rounds == 1 ? "round" : "rounds") of \(Numbers.seconds(result.seconds)) each. The records went into the state at
        \(Numbers.figure(result.appliedPerSecond)) a second, in key order and without a log.</p>
        """
    }

    /// A picture for each unit: a record that a scan passes over is not a GET.
    private static func pictures(_ result: EngineResult, _ page: inout Page) -> Markup {
        var units: [String] = []
        for figure in result.figures where !units.contains(figure.unit) { units.append(figure.unit) }
        let drawings = units.map { unit -> Markup in
            let bars = result.figures.filter { $0.unit == unit && $0.median > 0 }.enumerated().map { place, figure in
                let rounds = figure.nanoseconds.enumerated().map { (round: $0.offset + 1, perSecond: 1e9 / max($0.element, 1e-3)) }
                return ThroughputBars.Bar(series: Series(name: figure.name, position: place), rounds: rounds, median: 1e9 / figure.median)
            }
            guard !bars.isEmpty else { return "" }
            return page.figure(ThroughputBars(title: "Each second, of the unit \(unit)", bars: bars).drawing, caption: "", level: unit)
        }
        return "<p>Bars are medians of the rounds, dots the rounds, the first at the top. Each picture has its own scale, from zero.</p>\n<div class=\"grid\">\(drawings)</div>\n"
    }

    private static func figures(_ result: EngineResult) -> Table {
        let base = result.figures.first?.name ?? ""
        var table = Table(columns: [
            .words("what"), .words("unit"), .figures("a second, median"), .figures("time of one, median"), .figures("lowest – highest round"), .figures("of \(base)"),
        ])
        for figure in result.figures {
            let times = [figure.nanoseconds.min(), figure.nanoseconds.max()].map { $0.map { Numbers.duration(nanoseconds: $0) } ?? Numbers.absent }
            table.rows.append([
                "\(figure.name)", "\(figure.unit)", "\(figure.median > 0 ? Numbers.figure(1e9 / figure.median) : Numbers.absent)",
                "\(Numbers.duration(nanoseconds: figure.median))", "\(times[0]) – \(times[1])",
                "\(result.share(figure).map { Numbers.fixed(100 * $0, decimals: 0) + " %" } ?? Numbers.absent)",
            ])
        }
        return table
    }

    private static let reading: Markup = """
        <ul>
        <li><b>GET</b>: a request answered. <b>Record examined</b>: a record that a scan passes over, shown or not.</li>
        <li>The share says how much of LMDB’s own speed is left when everything that Kho owes a reader is done: 100 % would be no cost at all.</li>
        <li>Figures of different machines, or of the same one on different days, must not be compared.</li>
        </ul>
        """
}
