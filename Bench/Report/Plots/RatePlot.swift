import BenchMeasure

/// What a rate costs: p99 of the response time over the rate that was offered, for open loads of one kind of work.
struct RatePlot {
    struct Point: Equatable {
        var round: Int
        /// Requests a second that were due, and operations a second that were answered.
        var offered: Double
        var answered: Double
        var p99: UInt64?
    }
    struct Line {
        var series: Series
        var points: [Point]
    }
    var title: String
    var lines: [Line]
    var width = 760.0
    var height = 320.0

    /// Nil if no target was offered two rates that have a p99.
    var drawing: Drawing? {
        let times = lines.flatMap { $0.points.compactMap(\.p99) }.map { Double(max($0, 1)) }
        guard let least = times.min(), let most = times.max(), lines.contains(where: { Self.medians($0.points).count > 1 }) else { return nil }
        let frame = Frame(left: 64, top: 30, right: width - 30, bottom: height - 46)
        let columns = Ticks.linear(upTo: lines.flatMap { $0.points.map(\.offered) }.max() ?? 1, about: 8)
        let x = Scale(from: 0, to: columns[columns.count - 1], start: frame.left, end: frame.right)
        let ticks = Ticks.logarithmic(from: least, to: most)
        let y = Scale(from: ticks.from, to: ticks.to, start: frame.bottom, end: frame.top, isLogarithmic: true)
        var content = frame.rows(ticks.labelled.map { (y.place($0), Numbers.tick(nanoseconds: $0)) })
        content += frame.columns(columns.map { (x.place($0), Numbers.short($0)) })
        content += frame.axes + frame.nameBelow("requests a second that were due") + frame.nameAbove("p99 of the response time, logarithmic")
        for line in lines { content += draw(line, x, y) }
        return Drawing(title: title, description: description, width: width, height: height, hover: (frame.top, frame.bottom), content: content)
    }

    /// The middle of the rounds at each rate, ascending; behind: less than 99 % of what was due was answered within the measurement.
    static func medians(_ points: [Point]) -> [(offered: Double, answered: Double, p99: Double, isBehind: Bool)] {
        Set(points.map(\.offered)).sorted().compactMap { rate in
            let rounds = points.filter { $0.offered == rate }
            guard let middle = Statistics.median(rounds.compactMap { $0.p99.map { Double($0) } }),
                let answered = Statistics.median(rounds.map(\.answered)) else { return nil }
            return (rate, answered, middle, answered < 0.99 * rate)
        }
    }

    private func draw(_ line: Line, _ x: Scale, _ y: Scale) -> Markup {
        var result: Markup = ""
        for point in line.points {
            guard let p99 = point.p99 else { continue }
            result += "<circle class=\"faint \(line.series.fill)\" cx=\"\(x.place(point.offered))\" cy=\"\(y.place(Double(p99)))\" r=\"2.6\"/>\n"
        }
        let medians = Self.medians(line.points)
        result += line.series.line(medians.map { median in
            let behind = median.isBehind ? ", fell behind" : ""
            return Series.Point(
                x: x.place(median.offered), y: y.place(median.p99),
                words: "\(Numbers.figure(median.offered))/s: \(Numbers.duration(nanoseconds: median.p99))\(behind)")
        })
        for median in medians {
            let classes = median.isBehind ? "hollow \(line.series.stroke)" : "mark \(line.series.fill)"
            result += line.series.marker(x.place(median.offered), y.place(median.p99), classes: classes) + "\n"
        }
        return result
    }

    private var description: String {
        lines.map { line in
            let words = Self.medians(line.points).map {
                "\(Numbers.figure($0.offered)) a second: \(Numbers.duration(nanoseconds: $0.p99))\($0.isBehind ? ", fell behind" : "")"
            }
            return "\(line.series.name): \(words.joined(separator: "; "))."
        }.joined(separator: " ")
    }
}
