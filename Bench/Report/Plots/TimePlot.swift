import BenchMeasure
import Foundation

/// Throughput and latency, second after second, above each other on one axis of time, with what was done to the target marked through both.
struct TimePlot {
    var title: String
    var points: [SeriesPoint]
    /// "response time" or "service time".
    var latencyName: String
    var throughput: Series
    var latency: (p50: Series, p99: Series)
    var width = 760.0
    /// Of each of the two panels.
    var panelHeight = 130.0

    private static let left = 78.0
    private static let rowHeight = 16.0

    /// Nil of less than two seconds.
    var drawing: Drawing? {
        guard points.count > 1, let first = points.first?.second, let last = points.last?.second, last > first else { return nil }
        let x = Scale(from: Double(first), to: Double(last), start: Self.left, end: width - 18)
        let events = points.compactMap { point in point.event.map { (place: x.place(Double(point.second)), text: $0) } }
        let rows = Self.rows(of: events, to: width)
        let above = events.isEmpty ? 0 : Double((rows.max() ?? 0) + 1) * Self.rowHeight + 4
        let upper = Frame(left: Self.left, top: 26 + above, right: width - 18, bottom: 26 + above + panelHeight)
        let lower = Frame(left: Self.left, top: upper.bottom + 34, right: width - 18, bottom: upper.bottom + 34 + panelHeight)
        let columns = Ticks.seconds(upTo: last - first, about: width > 600 ? 10 : 6).map { (x.place(Double(first + $0)), Numbers.whole(first + $0)) }

        var content = upper.columns(columns, areLabelled: false) + lower.columns(columns)
        for (event, row) in zip(events, rows) { content += Self.draw(event, row: row, top: upper.top - 22, bottom: lower.bottom, width: width) }
        content += drawThroughput(upper, x) + drawLatency(lower, x)
        content += lower.nameBelow("seconds since the measurement began")
        return Drawing(
            title: title, description: description, width: width, height: lower.bottom + 44, hover: (upper.top, lower.bottom), content: content)
    }

    private func drawThroughput(_ frame: Frame, _ x: Scale) -> Markup {
        let ticks = Ticks.linear(upTo: Double(points.map(\.operations).max() ?? 1), about: 4)
        let y = Scale(from: 0, to: ticks[ticks.count - 1], start: frame.bottom, end: frame.top)
        let line = points.map { point in
            let errors = point.errors == 0 ? "" : ", \(Numbers.count(Int(clamping: point.errors), "error"))"
            return Series.Point(
                x: x.place(Double(point.second)), y: y.place(Double(point.operations)),
                words: "\(Numbers.whole(point.operations)) in second \(point.second)\(errors)")
        }
        var result = frame.rows(ticks.map { (y.place($0), Numbers.short($0)) }) + frame.axes + frame.nameAbove("operations in each second")
        let under = [Series.Point(x: line[0].x, y: frame.bottom, words: "")] + line + [Series.Point(x: line[line.count - 1].x, y: frame.bottom, words: "")]
        result += "<polygon class=\"area \(throughput.fill)\" points=\"\(Series.list(under))\"/>\n"
        result += throughput.line(line, name: "operations")
        for (point, place) in zip(points, line) where point.errors > 0 {
            result += """
                <path class="failure" d="M\(place.x - 3.5) \(frame.bottom - 9)l7 7m0 -7l-7 7">\
                <title>\(Numbers.whole(point.errors)) errors in second \(point.second)</title></path>

                """
        }
        return result
    }

    private func drawLatency(_ frame: Frame, _ x: Scale) -> Markup {
        let shown = points.flatMap { [$0.p50, $0.p99].compactMap { $0 } }.filter { $0 > 0 }
        guard let least = shown.min(), let most = shown.max() else {
            return frame.axes + frame.nameAbove("\(latencyName): too few answers in each second for percentiles")
        }
        let ticks = Ticks.logarithmic(from: Double(least), to: Double(most), atMost: panelHeight > 100 ? 8 : 5)
        let y = Scale(from: ticks.from, to: ticks.to, start: frame.bottom, end: frame.top, isLogarithmic: true)
        var result = frame.rows(ticks.labelled.map { (y.place($0), Numbers.tick(nanoseconds: $0)) }) + frame.axes
        result += frame.nameAbove("\(latencyName), logarithmic")
        for (series, member, classes) in [(latency.p99, \SeriesPoint.p99, "line"), (latency.p50, \SeriesPoint.p50, "line thin")] {
            // A second in which too few answers came parts the line.
            for stretch in points.split(whereSeparator: { $0[keyPath: member] == nil }) {
                let line = stretch.map { point in
                    let value = point[keyPath: member] ?? 0
                    return Series.Point(x: x.place(Double(point.second)), y: y.place(Double(value)), words: Numbers.duration(nanoseconds: value))
                }
                result += line.count > 1 ? series.line(line, classes: classes)
                    : "<circle class=\"\(series.fill)\" cx=\"\(line[0].x)\" cy=\"\(line[0].y)\" r=\"2\"/>\n"
            }
        }
        return result
    }

    private static func draw(_ event: (place: Double, text: String), row: Int, top: Double, bottom: Double, width: Double) -> Markup {
        let y = top - Double(row) * rowHeight
        let isLeft = event.place + length(event.text) + 6 > width
        return """
            <line class="event" x1="\(event.place)" x2="\(event.place)" y1="\(y - 9)" y2="\(bottom)"/>\
            <text x="\(event.place + (isLeft ? -5 : 5))" y="\(y)"\(isLeft ? " text-anchor=\"end\"" as Markup : "")>\(event.text)</text>

            """
    }

    /// Some units: the width of a letter of the label is guessed generously, since a file cannot measure fonts.
    private static func length(_ text: String) -> Double { Double(text.count) * 6.6 }

    /// The row above the plot on which each label stands, counted upwards, so that no two overlap. Of two that would, the earlier one stands higher: its
    /// upright, at its left, then passes by the other.
    static func rows(of labels: [(place: Double, text: String)], to right: Double) -> [Int] {
        var taken: [[ClosedRange<Double>]] = []
        let rows = labels.reversed().map { label -> Int in
            let length = length(label.text)
            let isLeft = label.place + length + 6 > right
            let room = isLeft ? (label.place - 5 - length)...(label.place + 4) : (label.place - 4)...(label.place + 5 + length)
            let row = taken.firstIndex { $0.allSatisfy { !$0.overlaps(room) } } ?? taken.count
            if row == taken.count { taken.append([]) }
            taken[row].append(room)
            return row
        }
        return rows.reversed()
    }

    private var description: String {
        let operations = points.map(\.operations)
        let range = "between \(Numbers.whole(operations.min() ?? 0)) and \(Numbers.whole(operations.max() ?? 0)) operations a second"
        var words = "Over \(Numbers.count(points.count, "second")), \(range)"
        let slow = points.compactMap(\.p99)
        if let least = slow.min(), let most = slow.max() {
            words += "; p99 of each second between \(Numbers.duration(nanoseconds: least)) and \(Numbers.duration(nanoseconds: most))"
        }
        for point in points { if let event = point.event { words += "; second \(point.second): \(event)" } }
        return words + "."
    }
}
