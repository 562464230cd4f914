/// A piece of HTML or SVG. What is put into a literal of it is escaped unless it is `Markup` itself, so that no name from a workload file or from a
/// server's banner can become markup: forgetting to escape is not possible, only asking for the opposite (`init(trusted:)`).
package struct Markup: Sendable, Equatable, ExpressibleByStringInterpolation {
    package private(set) var text: String

    /// `trusted` is markup already: a constant of this room, never a value that was read.
    package init(trusted: String) { text = trusted }
    package init(stringLiteral value: String) { text = value }
    package init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        package init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity + 16 * interpolationCount) }
        package mutating func appendLiteral(_ literal: String) { text += literal }
        package mutating func appendInterpolation(_ value: String) { text += Markup.escaped(value) }
        package mutating func appendInterpolation(_ value: Int) { text += String(value) }
        /// A coordinate of a drawing: at most two decimals.
        package mutating func appendInterpolation(_ value: Double) { text += Markup.coordinate(value) }
        package mutating func appendInterpolation(_ value: Markup) { text += value.text }
        package mutating func appendInterpolation(_ values: [Markup]) { for value in values { text += value.text } }
    }

    package static func + (left: Markup, right: Markup) -> Markup { Markup(trusted: left.text + right.text) }
    package static func += (left: inout Markup, right: Markup) { left.text += right.text }
    package var isEmpty: Bool { text.isEmpty }

    /// The five characters that mean something in HTML, within text and within quoted attributes. Other controls than tab and line ends, which
    /// HTML forbids, become U+FFFD.
    package static func escaped(_ value: String) -> String {
        var result = ""
        result.reserveCapacity(value.utf8.count)
        for scalar in value.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\t", "\n", "\r": result.unicodeScalars.append(scalar)
            case "\0"..."\u{1F}", "\u{7F}"..."\u{9F}": result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// At most two decimals, without zeros at the end: drawings stay small and the same on every machine.
    package static func coordinate(_ value: Double) -> String {
        guard value.isFinite else { return "0" }
        let hundredths = (value * 100).rounded()
        guard hundredths.magnitude < 1e15 else { return "0" }
        let whole = Int(hundredths)
        let (units, rest) = (whole.magnitude / 100, whole.magnitude % 100)
        let sign = whole < 0 ? "-" : ""
        if rest == 0 { return "\(sign)\(units)" }
        return rest % 10 == 0 ? "\(sign)\(units).\(rest / 10)" : "\(sign)\(units).\(rest < 10 ? "0" : "")\(rest)"
    }
}

extension [Markup] {
    func joined(_ separator: Markup) -> Markup { Markup(trusted: map(\.text).joined(separator: separator.text)) }
}
