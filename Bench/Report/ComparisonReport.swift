import BenchMeasure
import Foundation

/// Several targets under the same work for a person: a self-contained HTML file, the contents of the comparison's `report.html`.
package enum ComparisonReport {
    /// `runs` by the folders that the comparison names. Of a run that is not among them only the figures of the comparison are shown, and the report says so.
    package static func html(of comparison: Comparison, runs: [String: RunResult]) -> String {
        let view = ComparisonView(comparison, results: runs)
        let head = Prose.when(comparison.beganAt, comparison.environment) + Boxes.failures(view.failures) + Boxes.warnings(view.warnings) + Prose.lead(of: view)
        var page = Page(title: title(of: view), head: head)
        page.section("Aims", Aims.section(comparison.aims))
        for workload in view.workloads {
            page.section("Throughput: \(workload)", ComparisonThroughput.section(workload, view, &page))
        }
        page.section("What each target promises", promises(view))
        page.section("Rate against p99", rates(view, &page))
        page.section("Latency by percentile", percentiles(view, &page))
        page.section("Over time", time(view, &page))
        page.section("Checks", checks(view))
        page.section("Machine", Background.environment(comparison.environment))
        page.section("The work", view.workloads.compactMap { view.anyRun(of: $0) }.map { Background.workload($0.workload) }.joined(""))
        page.section("Every run", everyRun(view))
        page.section("How to read this", Background.reading)
        return page.html
    }

    private static func title(of view: ComparisonView) -> String {
        let names = Numbers.list(view.targets.map(\.name))
        guard view.workloads.count <= 2 else { return "\(names): \(Numbers.word(view.workloads.count)) workloads compared" }
        return "\(names): \(Numbers.list(view.workloads))"
    }

    /// Beside each promise the figures that were paid for it: the medians at the shape with the most under way.
    private static func promises(_ view: ComparisonView) -> Markup {
        var rows: [(target: TargetDescription, figures: [Markup])] = []
        for target in view.targets {
            for promise in view.promises(of: target.name) {
                let figures = promise.workloads.compactMap { workload -> Markup? in
                    let shapes = view.shapes(of: workload).filter { shape in view.cells(workload, shape).contains { $0.target == target } }
                    guard let shape = shapes.last(where: { !$0.isOpen }) ?? shapes.last,
                        let cell = view.cells(workload, shape).first(where: { $0.target == target }) else { return nil }
                    return "<span class=\"nowrap\">\(workload), \(shape.short): <b>\(Numbers.figure(cell.perSecond))</b></span>"
                }
                rows.append((promise.description, [figures.joined("<br>")]))
            }
        }
        guard !rows.isEmpty else { return "" }
        return "<p>A figure means nothing without what it was paid for. These are not the same service at different speeds.</p>"
            + Background.promises(rows, columns: [.words("operations a second, median")]).markup + Background.configuration(of: rows.map(\.target))
    }

    private static func rates(_ view: ComparisonView, _ page: inout Page) -> Markup {
        view.workloads.map { workload -> Markup in
            let shapes = view.shapes(of: workload).filter(\.isOpen)
            let lines = view.targets.map { target in
                RatePlot.Line(series: target, points: shapes.flatMap { shape in
                    view.cells(workload, shape).filter { $0.target == target }.flatMap(\.runs).map {
                        RatePlot.Point(round: $0.round, offered: shape.perSecond ?? 0, answered: $0.perSecond, p99: $0.p99)
                    }
                })
            }.filter { !$0.points.isEmpty }
            guard let drawing = RatePlot(title: "Rate against p99, \(workload)", lines: lines).drawing else { return "" }
            var table = Table(columns: [.words("target"), .figures("due a second"), .figures("answered a second"), .figures("p99, median of the rounds")])
            for line in lines {
                table.groupStarts.insert(table.rows.count)
                for median in RatePlot.medians(line.points) {
                    table.rows.append([
                        "\(line.series.name)", "\(Numbers.figure(median.offered))", "\(Numbers.figure(median.answered))",
                        "\(Numbers.duration(nanoseconds: median.p99))",
                    ])
                }
            }
            return page.figure(
                drawing, legend: Legend.of(lines.map(\.series)),
                caption: """
                    Lines go through the medians of the rounds; pale dots are the rounds. A hollow marker: less than 99 % of what was due was answered, so the rate \
                    did not hold.
                    """,
                table: table, level: workload)
        }.joined("")
    }

    private static func percentiles(_ view: ComparisonView, _ page: inout Page) -> Markup {
        view.workloads.map { workload -> Markup in
            let pictures = view.shapes(of: workload).map { shape -> Markup in
                let runs = view.cells(workload, shape).compactMap { cell in view.typical(cell).map { (cell.target, $0.result) } }
                // Kinds of operations are not mixed: a read and a write are different questions.
                let kinds = runs.first?.1.operations.map(\.kind) ?? []
                return kinds.map { kind -> Markup in
                    let curves = runs.compactMap { series, run in
                        run.operations.first { $0.kind == kind }.map { PercentilePlot.Curve(series: series, latencies: $0.reported) }
                    }
                    let time = shape.isOpen ? "response time" : "service time"
                    let plot = PercentilePlot(title: "\(kind), \(time), \(workload), \(shape.title)", curves: curves, width: 480, height: 290)
                    guard let drawing = plot.drawing else { return "" }
                    return page.figure(
                        drawing, caption: "", table: percentileTable(curves), level: kinds.count > 1 ? "\(kind), \(shape.title)" : shape.title)
                }.joined("")
            }.joined("")
            guard !pictures.isEmpty else { return "" }
            return "<h3>\(workload)</h3>\n\(Legend.of(view.targets, tail: "fewer than ten samples above"))\n<div class=\"grid\">\(pictures)</div>\n"
        }.joined("").prefixed(by: """
            <p>Of each target the run that is nearest to the median of its rounds; lower is faster. Markers stand at 50, 90, 99, 99.9 and 99.99 %.</p>

            """)
    }

    private static func percentileTable(_ curves: [PercentilePlot.Curve]) -> Table {
        let unit = TimeUnit.shared(by: curves.compactMap(\.latencies.p50))
        let names = ["p50", "p90", "p95", "p99", "p99.9", "p99.99", "longest"]
        var table = Table(columns: [.words("target")] + names.map { .figures("\($0), \(unit.rawValue)") })
        table.rows = curves.map { curve in
            let all = curve.latencies
            let times = [all.p50, all.p90, all.p95, all.p99, all.p999, all.p9999, all.max]
            return ["\(curve.series.name)"] + times.map { "\(Numbers.optional($0) { unit.figure(Double($0)) })" as Markup }
        }
        return table
    }

    private static func time(_ view: ComparisonView, _ page: inout Page) -> Markup {
        view.workloads.map { workload -> Markup in
            shownOverTime(workload, view).map { shape -> Markup in
                let pictures = view.cells(workload, shape).compactMap { cell -> Markup? in
                    guard let (run, result) = view.typical(cell) else { return nil }
                    let plot = TimePlot(
                        title: "\(cell.target.name), \(workload), \(shape.title), over time", points: result.series,
                        latencyName: shape.isOpen ? "response time" : "service time", throughput: cell.target,
                        latency: (p50: Series(name: "p50", position: cell.target.position), p99: Series(name: "p99", position: cell.target.position)),
                        width: 480, panelHeight: 92)
                    return plot.drawing.map { page.figure($0, caption: "Round \(run.round).", level: cell.target.name) }
                }.joined("")
                return pictures.isEmpty ? "" : "<h3>\(workload), \(shape.title)</h3>\n<div class=\"grid\">\(pictures)</div>\n"
            }.joined("")
        }.joined("").prefixed(by: """
            <p>Of each target the run that is nearest to the median of its rounds, each on its own scales: this shows steadiness, not rank. Solid: p99; dashed: p50.
            Uprights: what was done to the target. Of works in which nothing was done, the closed load with the most under way and the highest rate
            stand for the others. The seconds as figures, and the other runs, are in the reports of the runs.</p>

            """)
    }

    /// All shapes of a work with faults; of others those two in which unsteadiness shows most.
    private static func shownOverTime(_ workload: String, _ view: ComparisonView) -> [Shape] {
        let shapes = view.shapes(of: workload)
        let hasEvents = view.comparison.runs.contains { run in
            run.workload == workload && view.results[run.folder]?.series.contains { $0.event != nil } == true
        }
        return hasEvents ? shapes : [shapes.last { !$0.isOpen }, shapes.last { $0.isOpen }].compactMap { $0 }
    }

    private static func checks(_ view: ComparisonView) -> Markup {
        let all = view.comparison.runs.flatMap { view.results[$0.folder]?.checks ?? [] }
        guard !all.isEmpty else { return "<p>Nothing was checked.</p>" }
        guard all.allSatisfy(\.passed) else { return "<p>\(all.filter(\.passed).count) of \(all.count) checks held:</p>\(failing(view).markup)" }
        var names: [String] = []
        for check in all where !names.contains(check.name) { names.append(check.name) }
        return "<p>All \(Numbers.count(all.count, "check")) of \(Numbers.count(view.results.count, "run")) held: \(Numbers.list(names)).</p>"
    }

    private static func failing(_ view: ComparisonView) -> Table {
        var table = Table(columns: [.words("run"), .words("what was checked"), .words("found")])
        for run in view.comparison.runs {
            for check in view.results[run.folder]?.checks ?? [] where !check.passed {
                table.rows.append(["\(ComparisonView.name(run))", "\(check.name)", "\(check.detail)"])
            }
        }
        return table
    }

    /// Relative to the folder of the comparison, in which the report lies; never of a scheme, whatever the folder is called.
    private static func reference(to folder: String) -> String {
        let path = folder.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? ""
        return "./\(path)/report.html"
    }

    private static func everyRun(_ view: ComparisonView) -> Markup {
        var table = Table(
            caption: "In the order in which they ran. Each has its own report in its folder.",
            columns: [
                .figures("round"), .words("workload"), .words("target"), .words("shape"), .figures("a second"), .figures("p50"), .figures("p99"), .words("folder"),
            ])
        table.rows = view.comparison.runs.map { run in
            func time(_ value: UInt64?) -> Markup { "\(Numbers.optional(value) { Numbers.duration(nanoseconds: $0) })" }
            let isThere = view.results[run.folder] != nil
            return [
                "\(run.round)", "\(run.workload)", "\(run.target)", "<span class=\"nowrap\">\(Shape(run.shape).short)</span>", "\(Numbers.figure(run.perSecond))",
                time(run.p50), time(run.p99), !isThere ? "<code>\(run.folder)</code>" : "<a href=\"\(reference(to: run.folder))\">\(run.folder)</a>",
            ]
        }
        return table.markup
    }
}

extension Markup {
    /// With an introduction, if there is anything to introduce.
    fileprivate func prefixed(by introduction: Markup) -> Markup { isEmpty ? self : introduction + self }
}
