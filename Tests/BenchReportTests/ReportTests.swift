@testable import BenchMeasure
import Foundation
import Testing

@testable import BenchReport

@Suite struct ReportTests {
    private let hostile = "<script>alert(1)</script>\"'&"
    private let safe = "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"

    @Test func noNameBecomesMarkup() {
        var samples = Samples()
        var run = samples.run(perSecond: 50_000, middle: 1e6, events: [3: hostile])
        run.workload.name = hostile
        run.workload.file = hostile
        run.target = TargetDescription(
            name: hostile, version: hostile, durability: hostile, replication: hostile, encryption: hostile, filtering: hostile, consistency: hostile, configuration: [hostile])
        run.environment.processor = hostile
        run.environment.kernel = hostile
        run.environment.revision = hostile
        run.environment.settings = hostile
        run.environment.compiler = hostile
        run.environment.programs = [hostile]
        run.operations[0].kind = hostile
        run.operations[0].errorSamples = [hostile]
        run.checks[0] = CheckResult(name: hostile, passed: false, detail: hostile)
        run.warnings = [hostile]
        run.usage?.byProcess = [hostile]
        let aim = Aim(name: hostile, atLeast: 1, reached: 2, unit: hostile)
        let comparison = Comparison(
            beganAt: 0, environment: run.environment, rounds: 1,
            runs: [Comparison.Run(round: 1, target: hostile, workload: hostile, shape: hostile, folder: hostile, perSecond: 1, p50: 1, p99: 1, processorNanoseconds: 1)],
            warnings: [hostile], aims: [aim])
        var engine = samples.engine()
        engine.environment = run.environment
        engine.figures[1].name = hostile
        engine.figures[1].unit = hostile
        engine.aims = [aim]
        engine.warnings = [hostile]
        for html in [RunReport.html(of: run), ComparisonReport.html(of: comparison, runs: [hostile: run]), EngineReport.html(of: engine)] {
            #expect(!html.contains("<script>alert"))
            #expect(html.contains(safe))
            #expect(html.components(separatedBy: "<script").count == 2, "only the report's own")
        }
    }

    @Test func everyElementIsClosedAndEveryIDOccursOnce() throws {
        var samples = Samples()
        let run = samples.run(load: Samples.open(5_000), perSecond: 5_000, middle: 3e5, events: [3: "n1 is killed"])
        let (comparison, runs) = samples.comparison(rounds: 2)
        for html in [RunReport.html(of: run), ComparisonReport.html(of: comparison, runs: runs), EngineReport.html(of: samples.engine())] {
            try expectWellFormed(html)
            let ids = html.matches(of: /\sid="([^"]+)"/).map { String($0.1) }
            #expect(Set(ids).count == ids.count)
            for reference in html.matches(of: /aria-labelledby="([^"]+)"/).flatMap({ $0.1.split(separator: " ") }) { #expect(ids.contains(String(reference))) }
            for reference in html.matches(of: /href="#([^"]+)"/).map({ String($0.1) }) { #expect(ids.contains(reference)) }
        }
    }

    /// Every `<` begins a tag, and every element ends where it may. Within attributes and text neither `<` nor `>` may stand.
    private func expectWellFormed(_ html: String) throws {
        let void: Set<Substring> = ["!doctype", "meta", "br"]
        var open: [Substring] = []
        for piece in html.split(separator: "<").dropFirst(html.hasPrefix("<") ? 0 : 1) {
            // The script compares numbers; it is the only element whose text is not markup.
            if open.last == "script", !piece.hasPrefix("/script>") { continue }
            let end = try #require(piece.firstIndex(of: ">"), "<\(piece)")
            let tag = piece[..<end]
            #expect(tag.count { $0 == "\"" } % 2 == 0, "<\(tag)>")
            let name = tag.prefix { !$0.isWhitespace && $0 != "/" }
            if tag.hasPrefix("/") {
                #expect(open.popLast() == tag.dropFirst(), "<\(tag)>")
            } else if !tag.hasSuffix("/"), !void.contains(name) {
                open.append(name)
            }
        }
        #expect(open.isEmpty, "\(open)")
    }

    @Test func nothingIsLoadedFromElsewhere() {
        var samples = Samples()
        let (comparison, runs) = samples.comparison(rounds: 1)
        let html = ComparisonReport.html(of: comparison, runs: runs)
        #expect(html.contains("default-src 'none'"))
        // The one address is the name of SVG in the script.
        #expect(html.components(separatedBy: "://").count == 2 && html.contains("'http://www.w3.org/2000/svg'"))
        #expect(!html.contains(" src=") && !html.contains("@import") && !html.contains("url("))
    }

    @Test func anAbsentPercentileIsADash() {
        var samples = Samples()
        let run = samples.run(seconds: 1, perSecond: 100, middle: 1e6)
        #expect(run.operations[0].service.p999 == nil)
        let html = RunReport.html(of: run)
        #expect(html.contains("<td class=\"n\">–</td>"))
        #expect(html.contains("<dt>get, p99.9</dt><dd>–</dd>"))
        #expect(html.contains("The measurement was too short for a curve."))
    }

    @Test func warningsAndFailuresStandBeforeAnyFigure() throws {
        var samples = Samples()
        var run = samples.run(perSecond: 1_000, middle: 1e6)
        run.warnings = ["a debug build"]
        run.checks[1].passed = false
        let html = RunReport.html(of: run)
        let failure = try #require(html.range(of: "A check did not hold")).lowerBound
        let warning = try #require(html.range(of: "<li>a debug build</li>")).lowerBound
        let figure = try #require(html.range(of: "class=\"tiles\"")).lowerBound
        #expect(failure < warning && warning < figure)
    }

    @Test func warningsOfSeveralRunsAreSaidOnce() {
        var samples = Samples()
        let (comparison, runs) = samples.comparison(rounds: 2, workloads: ["failover"])
        let html = ComparisonReport.html(of: comparison, runs: runs)
        #expect(html.contains("a processor <span class=\"muted\">(1 of 8 runs: etcd, failover, 16\u{A0}×\u{A0}16, round 2)</span>"))
        // What the comparison repeats of its runs is not said twice.
        var repeating = comparison
        repeating.warnings.append("etcd, failover, 16x16, round 2: the machine was busy: 0.4 threads of others a processor")
        #expect(ComparisonReport.html(of: repeating, runs: runs) == html)
        let all = runs.mapValues { run in
            var changed = run
            changed.warnings = ["a debug build"]
            return changed
        }
        #expect(ComparisonReport.html(of: comparison, runs: all).contains("<li>a debug build <span class=\"muted\">(all runs)</span></li>"))
    }

    @Test func aimsAreMetOrNot() {
        var samples = Samples()
        let (comparison, runs) = samples.comparison(rounds: 1)
        let html = ComparisonReport.html(of: comparison, runs: runs)
        #expect(html.contains("<p>2 of 3 aims met, by medians of the rounds.</p>"))
        #expect(html.contains("<td class=\"n\">300,000 /s</td><td class=\"n\">291,300 /s</td><td class=\"n\">97 %</td><td><span class=\"unmet nowrap\">✘ not met</span></td>"))
        #expect(html.contains("<td class=\"n\">101 %</td><td><span class=\"met nowrap\">✔ met</span></td>"))
    }

    @Test func theEngineIsComparedWithWhatIsOfItsUnit() {
        var result = Samples(seed: 1)
        var engine = result.engine()
        engine.figures[0].nanoseconds = [900, 1_000, 1_100]
        engine.figures[1].nanoseconds = [1_250, 1_200, 1_300]
        engine.figures[2].nanoseconds = [200, 250, 400]
        #expect(engine.figures.map { engine.share($0) } == [1, 0.8, nil])
        let html = EngineReport.html(of: engine)
        #expect(html.contains("<td class=\"n\">800,000</td><td class=\"n\">1.25\u{A0}µs</td><td class=\"n\">1.20\u{A0}µs – 1.30\u{A0}µs</td><td class=\"n\">80 %</td>"))
        #expect(html.contains("<td class=\"n\">4,000,000</td>") && html.contains("<p>1 of 2 aims met, by medians of the rounds.</p>"))
        #expect(html.components(separatedBy: "<figure>").count == 3, "a picture for each unit")
    }

    @Test func whatWasBuiltIsSaid() {
        var samples = Samples()
        var run = samples.run(perSecond: 50_000, middle: 1e6)
        #expect(!RunReport.html(of: run).contains("SHA-256"), "results of before have no programs")
        run.environment.settings = "-O, whole modules"
        run.environment.compiler = "Swift version 1"
        run.environment.programs = ["khod 0123456789ab"]
        run.ceilingPerSecond = 900_000
        #expect(!RunReport.html(of: run).contains("reads that a lease answered"))
        run.leasedShare = 1
        let html = RunReport.html(of: run)
        for words in ["release: -O, whole modules", "Swift version 1", "<code>khod 0123456789ab</code>", "900,000 a second against a server that knows nothing",
            "reads that a lease answered", "100 %",
        ] {
            #expect(html.contains(words))
        }
        #expect(!html.contains("a file of the sources is newer"))
        run.environment.programsAreOlderThanSources = true
        #expect(RunReport.html(of: run).contains("a file of the sources is newer than they are"))
    }

    @Test func missingRunsAreSaidAndTheirFiguresShown() {
        var samples = Samples()
        let (comparison, _) = samples.comparison(rounds: 1, workloads: ["failover"])
        let html = ComparisonReport.html(of: comparison, runs: [:])
        #expect(html.contains("The folders of 4 of 4 runs are missing"))
        #expect(html.contains("Throughput: failover") && !html.contains("Latency by percentile"))
        let empty = Comparison(beganAt: 0, environment: Samples.environment, rounds: 0, runs: [], warnings: [], aims: [])
        #expect(ComparisonReport.html(of: empty, runs: [:]).hasSuffix("</html>\n"))
    }

    @Test func mediansAreOfTheRounds() throws {
        let runs = [3.0, 1, 2].enumerated().map { place, speed in
            Comparison.Run(
                round: 3 - place, target: "kho", workload: "w", shape: "4x4", folder: "runs/\(place)", perSecond: speed * 1_000, p50: UInt64(speed * 1e6), p99: UInt64(speed * 1e7),
                processorNanoseconds: nil)
        }
        let view = ComparisonView(Comparison(beganAt: 0, environment: Samples.environment, rounds: 3, runs: runs, warnings: [], aims: []), results: [:])
        let cell = try #require(view.cells("w", Shape("4x4")).first)
        #expect(cell.runs.map(\.round) == [1, 2, 3])
        #expect(cell.perSecond == 2_000 && cell.lowest == 1_000 && cell.highest == 3_000)
        #expect(cell.p50 == 2_000_000 && cell.p99 == 20_000_000 && cell.processorNanoseconds == nil)
    }

    @Test func shapesAreReadAndOrdered() {
        #expect(Shape("64x16").title == "64 connections, 16 requests under way on each")
        #expect(Shape("1x1").title == "1 connection, one request at a time")
        #expect(Shape("open-5000").short == "open, 5,000/s" && Shape("open-5000").isOpen)
        #expect(Shape("something").title == "something")
        #expect(["open-100", "64x64", "1x1", "odd", "16x16", "open-20"].map(Shape.init(_:)).sorted().map(\.name) == ["1x1", "16x16", "64x64", "open-20", "open-100", "odd"])
        #expect(Shape(Samples.open(5_000)).name == "open-5000" && Shape(Samples.open(0.5)).name == "open-0.5" && Shape(Samples.closed(4, 2)).name == "4x2")
    }
}
