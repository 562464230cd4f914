import Foundation

/// From values to places along one side of a drawing.
struct Scale {
    /// The values at the two ends.
    let from, to: Double
    /// Their places.
    let start, end: Double
    var isLogarithmic = false

    func place(_ value: Double) -> Double {
        let share =
            isLogarithmic
            ? (log10(max(value, from)) - log10(from)) / max(log10(to) - log10(from), 1e-9)
            : (value - from) / max(to - from, 1e-9)
        return start + min(max(share, 0), 1) * (end - start)
    }
}

/// The rectangle within a drawing in which the data lie; its edges carry the axes.
struct Frame {
    let left, top, right, bottom: Double

    /// Lines across with a label left of each.
    func rows(_ ticks: [(place: Double, label: String)]) -> Markup {
        Markup(trusted: ticks.map { tick -> Markup in
            """
            <line class="gridline" x1="\(left)" x2="\(right)" y1="\(tick.place)" y2="\(tick.place)"/>\
            <text class="tick" x="\(left - 8)" y="\(tick.place + 4)" text-anchor="end">\(tick.label)</text>

            """
        }.map(\.text).joined())
    }

    /// Lines upwards with a label below each that has room, unless there are none to print.
    func columns(_ ticks: [(place: Double, label: String)], areLabelled: Bool = true) -> Markup {
        var end = -Double.infinity
        return Markup(trusted: ticks.map { tick -> Markup in
            let half = Double(tick.label.count) * 3.4
            let hasRoom = areLabelled && tick.place - half > end + 4
            if hasRoom { end = tick.place + half }
            let label: Markup = hasRoom
                ? "<text class=\"tick\" x=\"\(tick.place)\" y=\"\(bottom + 17)\" text-anchor=\"middle\">\(tick.label)</text>" : ""
            return "<line class=\"gridline\" x1=\"\(tick.place)\" x2=\"\(tick.place)\" y1=\"\(top)\" y2=\"\(bottom)\"/>\(label)\n"
        }.map(\.text).joined())
    }

    /// The lines at the left and at the bottom.
    var axes: Markup {
        """
        <line class="axisline" x1="\(left)" x2="\(left)" y1="\(top)" y2="\(bottom)"/>\
        <line class="axisline" x1="\(left)" x2="\(right)" y1="\(bottom)" y2="\(bottom)"/>

        """
    }

    func nameBelow(_ name: String) -> Markup {
        "<text class=\"label\" x=\"\((left + right) / 2)\" y=\"\(bottom + 36)\" text-anchor=\"middle\">\(name)</text>\n"
    }

    /// Above the left axis, so that it reads without turning the head.
    func nameAbove(_ name: String) -> Markup { "<text class=\"label\" x=\"\(left)\" y=\"\(top - 8)\">\(name)</text>\n" }
}

/// One of the eight colours, and the marker that says the same to who cannot tell colours.
struct Series: Equatable {
    let name: String
    /// From 0; colours repeat after eight.
    let position: Int

    /// Classes of the style sheet: of a stroke, of a filling, of a background.
    var stroke: String { "s\(position % 8 + 1)" }
    var fill: String { "f\(position % 8 + 1)" }
    var chip: String { "b\(position % 8 + 1)" }

    /// Some eight units wide.
    func marker(_ x: Double, _ y: Double, classes: String) -> Markup {
        func polygon(_ points: [(Double, Double)]) -> Markup {
            "<polygon class=\"\(classes)\" points=\"\(points.map { "\(x + $0.0),\(y + $0.1)" as Markup }.joined(" "))\"/>"
        }
        return switch position % 8 {
        case 0: "<circle class=\"\(classes)\" cx=\"\(x)\" cy=\"\(y)\" r=\"4\"/>"
        case 1: polygon([(-3.8, -3.8), (3.8, -3.8), (3.8, 3.8), (-3.8, 3.8)])
        case 2: polygon([(0, -4.8), (4.6, 3.6), (-4.6, 3.6)])
        case 3: polygon([(0, -5.2), (5.2, 0), (0, 5.2), (-5.2, 0)])
        case 4: polygon([(0, 4.8), (4.6, -3.6), (-4.6, -3.6)])
        case 5:
            polygon([
                (-1.6, -4.8), (1.6, -4.8), (1.6, -1.6), (4.8, -1.6), (4.8, 1.6), (1.6, 1.6), (1.6, 4.8), (-1.6, 4.8), (-1.6, 1.6), (-4.8, 1.6), (-4.8, -1.6),
                (-1.6, -1.6),
            ])
        case 6: polygon([(0, -4.8), (4.6, -1.5), (2.8, 3.9), (-2.8, 3.9), (-4.6, -1.5)])
        default: polygon([(-4.8, -2.4), (4.8, -2.4), (4.8, 2.4), (-4.8, 2.4)])
        }
    }

    func marker(_ x: Double, _ y: Double) -> Markup { marker(x, y, classes: "mark \(fill)") }

    /// A line through the points, each with its words for the read-out.
    func line(_ points: [Point], classes: String = "line", name: String? = nil) -> Markup {
        guard points.count > 1 else { return "" }
        return """
            <polyline class="\(classes) \(stroke)" points="\(Self.list(points))" data-name="\(name ?? self.name)" data-chip="\(chip)" \
            data-read="\(points.map { $0.words.replacing("|", with: "/") }.joined(separator: "|"))"/>

            """
    }

    static func list(_ points: [Point]) -> Markup { points.map { "\($0.x),\($0.y)" as Markup }.joined(" ") }

    struct Point {
        var x, y: Double
        var words: String
    }
}

/// A drawing with what a reader needs who cannot see it.
struct Drawing {
    var title: String
    /// What the picture shows, in words.
    var description: String
    var width: Double
    var height: Double
    /// From where to where the line under the pointer goes; nil if there are no read-outs.
    var hover: (top: Double, bottom: Double)?
    var content: Markup

    /// Ids are `id` and two made from it.
    func svg(id: String) -> Markup {
        let hover = hover.map { " data-hover=\"\" data-top=\"\($0.top)\" data-bottom=\"\($0.bottom)\"" as Markup } ?? ""
        return """
            <svg viewBox="0 0 \(width) \(height)" role="img" aria-labelledby="\(id)t \(id)d"\(hover)>
            <title id="\(id)t">\(title)</title>
            <desc id="\(id)d">\(description)</desc>
            \(content)</svg>
            """
    }
}

/// The list of what the colours and markers of a plot mean.
enum Legend {
    /// `thin` and `tail` give what the other kinds of lines mean, where the plot has them.
    static func of(_ series: [Series], markers: Bool = true, thin: String? = nil, tail: String? = nil) -> Markup {
        func item(_ drawing: Markup, _ name: String) -> Markup {
            "<li><svg viewBox=\"0 0 30 12\" aria-hidden=\"true\">\(drawing)</svg>\(name)</li>"
        }
        var items = series.map { one in
            item("<line class=\"line \(one.stroke)\" x1=\"0\" x2=\"30\" y1=\"6\" y2=\"6\"/>\(markers ? one.marker(15, 6) : "")", one.name)
        }
        if let thin { items.append(item("<line class=\"line thin axisline\" x1=\"0\" x2=\"30\" y1=\"6\" y2=\"6\"/>", thin)) }
        if let tail { items.append(item("<line class=\"line tail axisline\" x1=\"0\" x2=\"30\" y1=\"6\" y2=\"6\"/>", tail)) }
        return "<ul class=\"legend\">\(items)</ul>"
    }
}
