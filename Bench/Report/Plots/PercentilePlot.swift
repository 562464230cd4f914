import BenchMeasure
import Foundation

/// Latency by percentile: to the right each nine takes the same room, so that the slow tail is as wide as the fast bulk; upwards latency, logarithmic.
struct PercentilePlot {
    struct Curve {
        var series: Series
        var latencies: Latencies
        /// Drawn thin: service time beside response time.
        var isSecondary = false
    }
    var title: String
    var curves: [Curve]
    var width = 760.0
    var height = 340.0

    /// Nil if no curve has two points.
    var drawing: Drawing? {
        let drawn = curves.filter { $0.latencies.curve.count > 1 }
        let values = drawn.flatMap { $0.latencies.curve.map { Double(max($0.nanoseconds, 1)) } }
        guard let least = values.min(), let most = values.max() else { return nil }
        let frame = Frame(left: 64, top: 30, right: width - 26, bottom: height - 46)
        let nines = max(drawn.map { Self.lastNine($0.latencies) }.max() ?? 1, 1)
        let x = Scale(from: 0, to: nines * 1.02, start: frame.left, end: frame.right)
        let ticks = Ticks.logarithmic(from: least, to: most)
        let y = Scale(from: ticks.from, to: ticks.to, start: frame.bottom, end: frame.top, isLogarithmic: true)

        var content = frame.rows(ticks.labelled.map { (y.place($0), Numbers.tick(nanoseconds: $0)) })
        content += frame.columns(Ticks.percentiles(upToNines: nines).map { (x.place(Ticks.nines($0)), Numbers.share($0)) })
        content += frame.axes + frame.nameBelow("percentile: the share of requests that were at least this fast") + frame.nameAbove("latency, logarithmic")
        for curve in drawn { content += Self.draw(curve, x, y) }
        return Drawing(
            title: title, description: description(drawn), width: width, height: height, hover: (frame.top, frame.bottom), content: content)
    }

    /// How far right the largest sample stands: one of n is the share 1 − 1/n.
    private static func lastNine(_ latencies: Latencies) -> Double { log10(Double(max(latencies.samples, 2))) }

    /// The share below which a point has ten samples above it, and carries a figure.
    private static func isCarried(_ share: Double, _ latencies: Latencies) -> Bool { (1 - share) * Double(latencies.samples) >= 10 * 0.999_999 }

    private static func draw(_ curve: Curve, _ x: Scale, _ y: Scale) -> Markup {
        let last = lastNine(curve.latencies)
        let points = curve.latencies.curve.map { point in
            return (
                isCarried: isCarried(point.share, curve.latencies),
                point: Series.Point(
                    x: x.place(min(Ticks.nines(point.share), last)), y: y.place(Double(point.nanoseconds)),
                    words: "\(Numbers.shareAtLeast(point.share)): \(Numbers.duration(nanoseconds: point.nanoseconds))")
            )
        }
        let bulk = points.prefix { $0.isCarried }
        let tail = points.dropFirst(max(bulk.count - 1, 0))
        let kind = curve.isSecondary ? "line thin" : "line"
        let name = curve.isSecondary ? curve.series.name + ", service" : curve.series.name
        var result = curve.series.line(tail.map(\.point), classes: "line tail", name: name)
        result += curve.series.line(bulk.map(\.point), classes: kind, name: name)
        guard !curve.isSecondary else { return result }
        let figures = curve.latencies
        for (share, value) in [(0.5, figures.p50), (0.9, figures.p90), (0.99, figures.p99), (0.999, figures.p999), (0.9999, figures.p9999)] {
            if let value { result += curve.series.marker(x.place(Ticks.nines(share)), y.place(Double(value))) + "\n" }
        }
        return result
    }

    private func description(_ drawn: [Curve]) -> String {
        drawn.map { curve in
            let figures = [("50 %", curve.latencies.p50), ("99 %", curve.latencies.p99), ("99.9 %", curve.latencies.p999)]
            let words = figures.compactMap { name, value in value.map { "\(name) within \(Numbers.duration(nanoseconds: $0))" } }
            let all = words + ["longest \(Numbers.duration(nanoseconds: curve.latencies.max))"]
            return "\(curve.series.name)\(curve.isSecondary ? ", service time" : ""): \(all.joined(separator: ", "))."
        }.joined(separator: " ")
    }
}
