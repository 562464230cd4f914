@testable import BenchMeasure
import Testing

@testable import BenchReport

@Suite struct PlotTests {
    @Test func aSmallPictureIsExactlyThis() {
        let bars = ThroughputBars(title: "GET <1 × 1>", bars: [
            .init(series: Series(name: "kho & co", position: 0), rounds: [(1, 80), (2, 100)], median: 90)
        ])
        #expect(bars.drawing.svg(id: "p").text == """
            <svg viewBox="0 0 480 88" role="img" aria-labelledby="pt pd">
            <title id="pt">GET &lt;1 × 1&gt;</title>
            <desc id="pd">kho &amp; co: median 90.0 operations a second, 2 rounds from 80.0 to 100.</desc>
            <line class="gridline" x1="71.6" x2="71.6" y1="8" y2="44"/><text class="tick" x="71.6" y="61" text-anchor="middle">0</text>
            <line class="gridline" x1="136.48" x2="136.48" y1="8" y2="44"/><text class="tick" x="136.48" y="61" text-anchor="middle">20</text>
            <line class="gridline" x1="201.36" x2="201.36" y1="8" y2="44"/><text class="tick" x="201.36" y="61" text-anchor="middle">40</text>
            <line class="gridline" x1="266.24" x2="266.24" y1="8" y2="44"/><text class="tick" x="266.24" y="61" text-anchor="middle">60</text>
            <line class="gridline" x1="331.12" x2="331.12" y1="8" y2="44"/><text class="tick" x="331.12" y="61" text-anchor="middle">80</text>
            <line class="gridline" x1="396" x2="396" y1="8" y2="44"/><text class="tick" x="396" y="61" text-anchor="middle">100</text>
            <text x="63.6" y="30" text-anchor="end">kho &amp; co</text><rect class="bar f1" x="71.6" y="15" width="291.96" height="22"/><line class="median" x1="363.56" x2="363.56" y1="12" y2="40"/>
            <circle class="dot" cx="331.12" cy="18.5" r="2.7"><title>round 1: 80.0 a second</title></circle>
            <circle class="dot" cx="396" cy="33.5" r="2.7"><title>round 2: 100 a second</title></circle>
            <text class="strong" x="404" y="30">90.0</text>
            <line class="axisline" x1="71.6" x2="71.6" y1="8" y2="44"/><line class="axisline" x1="71.6" x2="396" y1="44" y2="44"/>
            <text class="label" x="233.8" y="80" text-anchor="middle">operations a second</text>
            </svg>
            """)
    }

    @Test func scalesMapTheirEnds() {
        let linear = Scale(from: 0, to: 10, start: 100, end: 0)
        #expect(linear.place(0) == 100 && linear.place(10) == 0 && linear.place(5) == 50 && linear.place(99) == 0)
        let logarithmic = Scale(from: 1, to: 100, start: 0, end: 10, isLogarithmic: true)
        #expect(logarithmic.place(1) == 0 && logarithmic.place(10) == 5 && logarithmic.place(100) == 10 && logarithmic.place(0) == 0)
    }

    @Test func labelsOfEventsDoNotOverlapAndEarlierOnesStandHigher() {
        #expect(TimePlot.rows(of: [(100, "killed"), (400, "back")], to: 760) == [0, 0])
        #expect(TimePlot.rows(of: [(100, "the leader is killed"), (110, "clients turn"), (400, "back")], to: 760) == [1, 0, 0])
        // Near the right edge labels stand at the left of their uprights.
        #expect(TimePlot.rows(of: [(700, "n1"), (740, "the leader is killed")], to: 760) == [1, 0])
        #expect(TimePlot.rows(of: [], to: 760) == [])
    }

    @Test func aCurveIsDottedWhereTooFewSamplesCarryIt() throws {
        var samples = Samples()
        let latencies = samples.latencies(samples: 1_000, middle: 1e6)
        let plot = PercentilePlot(title: "t", curves: [.init(series: Series(name: "get", position: 0), latencies: latencies)])
        let svg = try #require(plot.drawing).svg(id: "p").text
        #expect(svg.contains("class=\"line s1\"") && svg.contains("class=\"line tail s1\""))
        // 50, 90 and 99 %; ten of a thousand samples do not lie above 99.9 %.
        #expect(svg.components(separatedBy: "<circle").count - 1 == 3)
    }

    @Test func withoutPointsThereIsNoPicture() {
        let empty = Latencies(samples: 0, mean: 0, p50: nil, p90: nil, p95: nil, p99: nil, p999: nil, p9999: nil, max: 0, curve: [])
        #expect(PercentilePlot(title: "t", curves: [.init(series: Series(name: "get", position: 0), latencies: empty)]).drawing == nil)
        #expect(RatePlot(title: "t", lines: []).drawing == nil)
        let one = RatePlot.Line(series: Series(name: "kho", position: 0), points: [.init(round: 1, offered: 5_000, answered: 5_000, p99: 1_000_000)])
        #expect(RatePlot(title: "t", lines: [one]).drawing == nil)
    }

    @Test func aRateIsBehindByTheMedianOfItsRounds() {
        let points = [(5_000.0, 4_990.0, UInt64(3)), (5_000, 4_000, 9), (5_000, 5_001, 4), (9_000, 8_000, 50), (9_000, 8_100, 60)]
            .map { RatePlot.Point(round: 1, offered: $0.0, answered: $0.1, p99: $0.2) }
        let medians = RatePlot.medians(points + [.init(round: 1, offered: 12_000, answered: 8_000, p99: nil)])
        #expect(medians.map(\.offered) == [5_000, 9_000] && medians.map(\.p99) == [4, 55] && medians.map(\.isBehind) == [false, true])
    }
}
