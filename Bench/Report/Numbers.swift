import Foundation

/// Figures as a person reads them: thousands separated by commas, a unit beside each, no more digits than mean something. What is absent is "–".
/// Between a figure and its unit stands a space at which no line is broken.
package enum Numbers {
    package static let absent = "–"

    /// "1,234,567".
    package static func whole(_ value: UInt64) -> String {
        let digits = Array(String(value))
        var text = ""
        for (position, digit) in digits.enumerated() {
            if position > 0, (digits.count - position) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return text
    }

    package static func whole(_ value: Int) -> String { (value < 0 ? "−" : "") + whole(UInt64(value.magnitude)) }

    /// Three digits that count, or all those before the point: "0.482", "16.8", "245,781".
    package static func figure(_ value: Double) -> String {
        guard value.isFinite else { return absent }
        let size = value.magnitude
        let decimals = size == 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : size >= 0.09995 ? 3 : 4
        return fixed(value, decimals: decimals)
    }

    /// With so many decimals and thousands separated.
    package static func fixed(_ value: Double, decimals: Int) -> String {
        guard value.isFinite, value.magnitude < 1e18 else { return absent }
        let text = String(format: "%.\(decimals)f", value.magnitude)
        let parts = text.split(separator: ".", maxSplits: 1)
        let isZero = !text.contains { $0 != "0" && $0 != "." }
        let sign = value < 0 && !isZero ? "−" : ""
        let units = whole(UInt64(parts[0]) ?? 0)
        return sign + (parts.count == 2 ? "\(units).\(parts[1])" : units)
    }

    package static func optional<Value>(_ value: Value?, _ text: (Value) -> String) -> String { value.map(text) ?? absent }

    /// In the unit that suits: "820 ns", "482 µs", "4.12 ms", "1.20 s".
    package static func duration(nanoseconds: Double) -> String { TimeUnit.fitting(nanoseconds).text(nanoseconds) }
    package static func duration(nanoseconds: UInt64) -> String { duration(nanoseconds: Double(nanoseconds)) }

    /// For an axis, whose places are round: "5 ms", not "5.00 ms".
    package static func tick(nanoseconds: Double) -> String {
        let unit = TimeUnit.fitting(nanoseconds)
        return "\(short(nanoseconds / unit.nanoseconds))\u{A0}\(unit.rawValue)"
    }

    /// As `figure`, without zeros that end it behind the point.
    package static func short(_ value: Double) -> String {
        let text = figure(value)
        guard text.contains(".") else { return text }
        let cut = text.reversed().drop { $0 == "0" }
        return String((cut.first == "." ? cut.dropFirst() : cut).reversed())
    }

    /// Of a whole stage: "12.3 s", "4 min 5 s".
    package static func seconds(_ value: Double) -> String {
        guard value >= 120 else { return short(value) + "\u{A0}s" }
        let whole = Int(value.rounded())
        return "\(Self.whole(whole / 60))\u{A0}min \(whole % 60)\u{A0}s"
    }

    /// In binary units, since memory is counted in them: "400 bytes", "1.5 GiB".
    package static func bytes(_ value: UInt64) -> String {
        guard value >= 1024 else { return value == 1 ? "1 byte" : "\(value) bytes" }
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        var size = Double(value) / 1024
        var unit = 0
        while size >= 1024, unit < units.count - 1 {
            size /= 1024
            unit += 1
        }
        return "\(short(size))\u{A0}\(units[unit])"
    }

    /// A share of one, as per cent: "99.9 %".
    package static func share(_ value: Double) -> String {
        // Nines grow at the end; rounding to a fixed number of decimals would make 100 % of them.
        let text = String(format: "%.6f", value * 100)
        let trimmed = text.reversed().drop { $0 == "0" }.drop { $0 == "." }
        return (trimmed.isEmpty ? "0" : String(trimmed.reversed())) + "\u{A0}%"
    }

    /// A share of one, rounded down to two digits behind its nines, for it must not seem to be more: "87 %", "99.87 %".
    package static func shareAtLeast(_ value: Double) -> String {
        guard value < 1 else { return "100\u{A0}%" }
        let scale = pow(10, max(ceil(-log10(1 - max(value, 0))), 1) + 1)
        return share((value * scale + 1e-9).rounded(.down) / scale)
    }

    /// "2 runs", "1 run".
    package static func count(_ value: Int, _ one: String, _ many: String? = nil) -> String {
        "\(whole(value)) \(value == 1 ? one : many ?? one + "s")"
    }

    /// "a", "a and b", "a, b and c".
    package static func list(_ words: [String]) -> String {
        guard words.count > 1, let last = words.last else { return words.first ?? "" }
        return words.dropLast().joined(separator: ", ") + " and " + last
    }

    /// "2026-03-07 14:05 UTC".
    package static func moment(secondsSince1970: Int64) -> String {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute], from: Date(timeIntervalSince1970: Double(secondsSince1970)))
        return String(
            format: "%04d-%02d-%02d %02d:%02d UTC", parts.year ?? 0, parts.month ?? 0, parts.day ?? 0, parts.hour ?? 0, parts.minute ?? 0)
    }

    /// Up to twenty in words, as in running text.
    package static func word(_ value: Int) -> String {
        let words = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
        return words.indices.contains(value) ? words[value] : whole(value)
    }
}

/// The unit that a column or an axis of times shares, so that its figures can be compared at a glance.
package enum TimeUnit: String, Sendable {
    case nanoseconds = "ns"
    case microseconds = "µs"
    case milliseconds = "ms"
    case seconds = "s"

    package var nanoseconds: Double {
        switch self {
        case .nanoseconds: 1
        case .microseconds: 1e3
        case .milliseconds: 1e6
        case .seconds: 1e9
        }
    }

    /// For one time alone.
    package static func fitting(_ nanoseconds: Double) -> TimeUnit {
        nanoseconds < 999.5 ? .nanoseconds : nanoseconds < 999.5e3 ? .microseconds : nanoseconds < 999.5e6 ? .milliseconds : .seconds
    }

    /// For a column of times: the smallest keeps at least a hundredth of the unit.
    package static func shared(by times: [UInt64]) -> TimeUnit {
        guard let least = times.filter({ $0 > 0 }).min() else { return .milliseconds }
        return least >= 100_000_000 ? .seconds : least >= 10_000 ? .milliseconds : least >= 10 ? .microseconds : .nanoseconds
    }

    /// Without the unit.
    package func figure(_ nanoseconds: Double) -> String {
        self == .nanoseconds ? Numbers.fixed(nanoseconds, decimals: 0) : Numbers.figure(nanoseconds / self.nanoseconds)
    }
    package func text(_ nanoseconds: Double) -> String { "\(figure(nanoseconds))\u{A0}\(rawValue)" }
}
