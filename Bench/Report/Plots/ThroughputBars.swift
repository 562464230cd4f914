import BenchMeasure

/// A bar for each target, as long as the median of its rounds, with a dot for each round: a median without its rounds says nothing of its worth.
struct ThroughputBars {
    struct Bar {
        var series: Series
        /// Operations a second of each round.
        var rounds: [(round: Int, perSecond: Double)]
        var median: Double
    }
    var title: String
    var bars: [Bar]
    var width = 480.0
    private static let barHeight = 22.0
    private static let rowHeight = 36.0

    init(title: String, bars: [Bar]) {
        self.title = title
        self.bars = bars
    }

    var drawing: Drawing {
        let names = bars.map { Double($0.series.name.count) * 7.2 }.max() ?? 0
        let frame = Frame(left: min(max(names + 14, 48), width / 3), top: 8, right: width - 84, bottom: 8 + Self.rowHeight * Double(bars.count))
        let most = bars.flatMap { $0.rounds.map(\.perSecond) + [$0.median] }.max() ?? 1
        // Labels of millions are long.
        let ticks = Ticks.linear(upTo: most, about: most >= 1e6 ? 3 : 4)
        let x = Scale(from: 0, to: ticks[ticks.count - 1], start: frame.left, end: frame.right)
        var content = frame.columns(ticks.map { (x.place($0), Numbers.short($0)) })
        for (position, bar) in bars.enumerated() {
            content += draw(bar, top: frame.top + Self.rowHeight * Double(position) + (Self.rowHeight - Self.barHeight) / 2, frame, x)
        }
        content += frame.axes + frame.nameBelow("operations a second")
        return Drawing(title: title, description: description, width: width, height: frame.bottom + 44, content: content)
    }

    private func draw(_ bar: Bar, top: Double, _ frame: Frame, _ x: Scale) -> Markup {
        let middle = top + Self.barHeight / 2
        let end = x.place(bar.median)
        let furthest = bar.rounds.map { x.place($0.perSecond) }.max() ?? end
        var result: Markup = """
            <text x="\(frame.left - 8)" y="\(middle + 4)" text-anchor="end">\(bar.series.name)</text>\
            <rect class="bar \(bar.series.fill)" x="\(frame.left)" y="\(top)" width="\(end - frame.left)" height="\(Self.barHeight)"/>\
            <line class="median" x1="\(end)" x2="\(end)" y1="\(top - 3)" y2="\(top + Self.barHeight + 3)"/>

            """
        for (position, round) in bar.rounds.enumerated() {
            // One below the other in the order of the rounds, so that equal ones are both seen and a drift shows as a slope.
            let share = bar.rounds.count == 1 ? 0.5 : Double(position) / Double(bar.rounds.count - 1)
            result += """
                <circle class="dot" cx="\(x.place(round.perSecond))" cy="\(top + 3.5 + share * (Self.barHeight - 7))" r="2.7">\
                <title>round \(round.round): \(Numbers.figure(round.perSecond)) a second</title></circle>

                """
        }
        result += "<text class=\"strong\" x=\"\(max(end, furthest) + 8)\" y=\"\(middle + 4)\">\(Numbers.figure(bar.median))</text>\n"
        return result
    }

    private var description: String {
        bars.map { bar in
            let rounds = bar.rounds.map(\.perSecond)
            let range = rounds.count > 1
                ? ", \(Numbers.count(rounds.count, "round")) from \(Numbers.figure(rounds.min() ?? 0)) to \(Numbers.figure(rounds.max() ?? 0))" : ", one round"
            return "\(bar.series.name): median \(Numbers.figure(bar.median)) operations a second\(range)."
        }.joined(separator: " ")
    }
}
