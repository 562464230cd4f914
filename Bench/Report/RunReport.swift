import BenchMeasure

/// One run for a person: a self-contained HTML file, the contents of the run's `report.html`.
package enum RunReport {
    package static func html(of run: RunResult) -> String {
        var page = Page(title: "\(run.target.name): \(run.workload.name), \(Shape(run.load).short)", head: head(of: run))
        let series = run.operations.enumerated().map { Series(name: $0.element.kind, position: $0.offset) }
        page.section("Latency by percentile", percentiles(run, series, &page))
        page.section("Over time", time(run, &page))
        page.section("Figures", figures(run))
        page.section(
            "What \(run.target.name) promises",
            Background.promises([(run.target, [])], columns: []).markup + Background.configuration(of: [run.target]))
        page.section("Checks", run.checks.isEmpty ? "<p>Nothing was checked.</p>" : Background.checks(run.checks).markup)
        page.section("Machine and resources", Background.environment(run.environment, stages(run) + usage(run)))
        page.section("The work", Background.workload(run.workload))
        page.section("How to read this", Background.reading)
        return page.html
    }

    private static func head(of run: RunResult) -> Markup {
        let failures = run.checks.filter { !$0.passed }.map { "<b>\($0.name)</b>: \($0.detail)" as Markup }
        return Prose.when(run.beganAt, run.environment) + Boxes.failures(failures) + Boxes.warnings(run.warnings.map { "\($0)" })
            + Prose.lead(of: run) + tiles(run)
    }

    /// The figures that are asked for first; of the first kind of operation, for which the work was made.
    private static func tiles(_ run: RunResult) -> Markup {
        guard let main = run.operations.first else { return "" }
        func tile(_ name: String, _ figure: Markup) -> Markup { "<div><dt>\(name)</dt><dd>\(figure)</dd></div>" }
        func time(_ value: UInt64?) -> Markup { "\(Numbers.optional(value) { Numbers.duration(nanoseconds: $0) })" }
        let errors = run.operations.reduce(0) { $0 &+ $1.errors }
        return """
            <dl class="tiles">\(tile(main.kind, "\(Numbers.figure(main.perSecond)) <small>a second</small>"))\
            \(tile("\(main.kind), p50", time(main.reported.p50)))\(tile("\(main.kind), p99", time(main.reported.p99)))\
            \(tile("\(main.kind), p99.9", time(main.reported.p999)))\(tile("errors, all kinds", "\(Numbers.whole(errors))"))</dl>
            """
    }

    private static func percentiles(_ run: RunResult, _ series: [Series], _ page: inout Page) -> Markup {
        var curves: [PercentilePlot.Curve] = []
        for (one, operation) in zip(series, run.operations) {
            if operation.response != nil { curves.append(.init(series: one, latencies: operation.service, isSecondary: true)) }
            curves.append(.init(series: one, latencies: operation.reported))
        }
        let isOpen = run.load.model == .open
        let name = isOpen ? "response time" : "service time"
        guard let drawing = PercentilePlot(title: "Latency by percentile, \(name)", curves: curves).drawing else {
            return "<p>Too few answers came for a curve.</p>"
        }
        return page.figure(
            drawing, legend: Legend.of(series, thin: isOpen ? "service time" : nil, tail: "fewer than ten samples above"),
            caption: """
                Each curve is \(name) of one kind of operation; lower is faster. Markers stand at 50, 90, 99, 99.9 and 99.99 %. The figures are in the \
                table below.
                """)
    }

    private static func time(_ run: RunResult, _ page: inout Page) -> Markup {
        let name = run.load.model == .open ? "response time" : "service time"
        let plot = TimePlot(
            title: "Throughput and latency over time", points: run.series, latencyName: name, throughput: Series(name: "operations", position: 0),
            latency: (p50: Series(name: "p50", position: 1), p99: Series(name: "p99", position: 1)))
        guard let drawing = plot.drawing else { return "<p>The measurement was too short for a curve.</p>" }
        var table = Table(columns: ["second", "operations", "errors", "p50", "p99", "longest"].map { .figures($0) } + [.words("what was done")])
        table.rows = run.series.map { point in
            func time(_ value: UInt64?) -> Markup { "\(Numbers.optional(value) { Numbers.duration(nanoseconds: $0) })" }
            return [
                "\(point.second)", "\(Numbers.whole(point.operations))", "\(Numbers.whole(point.errors))", time(point.p50), time(point.p99), time(point.max),
                "\(point.event ?? "")",
            ]
        }
        let errors = run.series.contains { $0.errors > 0 } ? " Crosses: seconds with errors." : ""
        let events = run.series.contains { $0.event != nil } ? " Dashed uprights: what was done to the target." : ""
        return page.figure(
            drawing, legend: Legend.of([plot.throughput, plot.latency.p99], markers: false, thin: "p50"),
            caption: "All kinds of operations together.\(events)\(errors)", table: table)
    }

    private static func figures(_ run: RunResult) -> Markup {
        let isOpen = run.load.model == .open
        let hasDenied = run.operations.contains { $0.denied > 0 }
        let unit = TimeUnit.shared(by: run.operations.flatMap { [$0.service.p50, $0.response?.p50].compactMap { $0 } })
        var columns: [Table.Column] = [.words("operation"), .figures("answered"), .figures("a second"), .figures("errors")]
        if hasDenied { columns.append(.figures("denied")) }
        if isOpen { columns += [.figures("late"), .figures("skipped"), .words("time")] }
        columns += ["mean", "p50", "p90", "p95", "p99", "p99.9", "p99.99", "longest"].map { .figures("\($0)") }
        let denied = hasDenied ? " Denied: refused by right, as the work meant it." : ""
        var table = Table(caption: "Times in \(unit.rawValue).\(denied)", columns: columns)
        for operation in run.operations {
            table.groupStarts.insert(table.rows.count)
            var cells: [Markup] = [
                "\(operation.kind)", "\(Numbers.whole(operation.count))", "\(Numbers.figure(operation.perSecond))", "\(Numbers.whole(operation.errors))",
            ]
            if hasDenied { cells.append("\(Numbers.whole(operation.denied))") }
            if isOpen { cells += ["\(Numbers.whole(operation.late))", "\(Numbers.whole(operation.skipped))", operation.response == nil ? "service" : "response"] }
            table.rows.append(cells + times(operation.reported, unit))
            if operation.response != nil {
                let blank = [Markup](repeating: "", count: cells.count - 1)
                table.rows.append(blank + ["service"] + times(operation.service, unit))
            }
        }
        return table.markup + errors(run)
    }

    private static func times(_ latencies: Latencies, _ unit: TimeUnit) -> [Markup] {
        let percentiles = [latencies.p50, latencies.p90, latencies.p95, latencies.p99, latencies.p999, latencies.p9999]
        let mean = latencies.samples == 0 ? Numbers.absent : unit.figure(latencies.mean)
        let longest = latencies.samples == 0 ? Numbers.absent : unit.figure(Double(latencies.max))
        return ["\(mean)"] + percentiles.map { "\(Numbers.optional($0) { unit.figure(Double($0)) })" } + ["\(longest)"]
    }

    private static func errors(_ run: RunResult) -> Markup {
        run.operations.filter { !$0.errorSamples.isEmpty }.map { operation -> Markup in
            "<h3>First errors of \(operation.kind)</h3>\n<ul>\(operation.errorSamples.map { "<li>\($0)</li>" as Markup })</ul>\n"
        }.joined("")
    }

    private static func stages(_ run: RunResult) -> [(String, Markup)] {
        let seconds = run.seconds
        let ceiling = run.ceilingPerSecond.map { "\(Numbers.figure($0)) a second against a server that knows nothing" } ?? Numbers.absent
        let leased: [(String, Markup)] = run.leasedShare.map { [("reads that a lease answered", "\(Numbers.figure($0 * 100)) %")] } ?? []
        return leased + [
            ("threads of the generator", "\(run.load.threads)"), ("its ceiling in this shape", "\(ceiling)"),
            (
                "stages",
                """
                load \(Numbers.seconds(seconds.load)), warm-up \(Numbers.seconds(seconds.warmUp)), measurement \(Numbers.seconds(seconds.measure)), \
                check \(Numbers.seconds(seconds.check))
                """
            ),
        ]
    }

    private static func usage(_ run: RunResult) -> [(String, Markup)] {
        guard let usage = run.usage else { return [] }
        let count = run.operations.reduce(0) { $0 &+ $1.count }
        var rows: [(String, Markup)] = []
        let each = count == 0 ? "" : ", \(Numbers.duration(nanoseconds: usage.processorSeconds * 1e9 / Double(count))) for each operation"
        rows.append(("processor time of the target", "\(Numbers.seconds(usage.processorSeconds))\(each)"))
        let anonymous = usage.anonymousBytes.map { ", of them \(Numbers.bytes($0)) heap and stacks" } ?? ""
        rows.append(("memory of the target", "\(Numbers.bytes(usage.residentBytes)) resident\(anonymous)"))
        if !usage.byProcess.isEmpty { rows.append(("by process", usage.byProcess.map { "\($0)" as Markup }.joined("<br>"))) }
        return rows
    }
}
