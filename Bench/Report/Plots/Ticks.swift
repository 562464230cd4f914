import Foundation

/// Where the lines of an axis stand: pure functions from the range of the values to round numbers.
package enum Ticks {
    /// From zero to the first round step at or above `most`, some `about` steps of 1, 2 or 5 times a power of ten.
    package static func linear(upTo most: Double, about: Int = 5) -> [Double] {
        guard most > 0, most.isFinite else { return [0, 1] }
        let rough = most / Double(max(about, 1))
        let power = pow(10, floor(log10(rough)))
        // A few steps more than wanted are better than an axis that is half empty.
        let factor = [1.0, 2, 5, 10].first { $0 * power * 1.35 >= rough } ?? 10
        // Negative powers are divided by: 1/10 rounds better than a multiple of 0.1.
        let step = factor * power
        let count = Int((most / step * 0.999_999_999).rounded(.up))
        return (0...max(count, 1)).map { power < 1 ? Double($0) * factor / (1 / power).rounded() : Double($0) * step }
    }

    /// Whole seconds or other countable things: as `linear`, but steps are at least 1 and, of seconds, divide a minute.
    package static func seconds(upTo most: Int, about: Int = 8) -> [Int] {
        guard most > 0 else { return [0] }
        let steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400]
        let step = steps.first { most <= $0 * about } ?? (most / about / 86_400 + 1) * 86_400
        return Array(stride(from: 0, through: most, by: step))
    }

    /// A logarithmic axis: its ends, and the places on it that carry a label.
    package struct Logarithmic: Equatable, Sendable {
        package var from, to: Double
        package var labelled: [Double]
    }

    /// The ends are 1, 2 or 5 times a power of ten at or around the range; labels stand at all of those, or at powers of ten alone where more than `atMost`
    /// would stand.
    package static func logarithmic(from least: Double, to most: Double, atMost: Int = 10) -> Logarithmic {
        guard least > 0, most >= least, most.isFinite else { return Logarithmic(from: 1, to: 10, labelled: [1, 10]) }
        let powers = Int(floor(log10(least))) - 1...Int(ceil(log10(most))) + 1
        let all = powers.flatMap { power in [1.0, 2, 5].map { power < 0 ? $0 / pow(10, -Double(power)) : $0 * pow(10, Double(power)) } }
        let low = all.last { $0 <= least * 1.000_001 } ?? all[0]
        // An axis has length even if all values are the same.
        let high = all.first { $0 >= most * 0.999_999 && $0 > low } ?? all[all.count - 1]
        let within = all.filter { $0 >= low && $0 <= high }
        guard within.count > atMost else { return Logarithmic(from: low, to: high, labelled: within) }
        let tens = within.filter { abs(log10($0) - log10($0).rounded()) < 1e-9 }
        let every = (tens.count + atMost - 1) / atMost
        return Logarithmic(from: low, to: high, labelled: tens.enumerated().filter { $0.offset % every == 0 }.map(\.element))
    }

    /// How far right a share stands on an axis of percentiles: each further nine is one unit. 0 → 0, 0.9 → 1, 0.99 → 2.
    package static func nines(_ share: Double) -> Double { share >= 1 ? .infinity : -log10(1 - max(share, 0)) }

    /// 50 %, 90 %, 99 %, … up to the last whose place is at or below `most` nines.
    package static func percentiles(upToNines most: Double) -> [Double] {
        [0.5] + (1...9).map { 1 - pow(10, -Double($0)) }.filter { nines($0) <= most + 1e-6 }
    }
}
