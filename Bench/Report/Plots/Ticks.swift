import Foundation

/// Where the lines of an axis stand: pure functions from the range of the values to round numbers.
package enum Ticks {
    /// From zero to the first round step at or above `most`, some `about` steps of 1, 2 or 5 times a power of ten.
    package static func linear(upTo most: Double, about: Int = 5) -> [Double] {
        guard most > 0, most.isFinite else { return [0, 1] }
        let rough = most / Double(max(about, 1))
        let power = pow(10, floor(log10(rough)))
        // A step that lies under the rough one by rounding alone is the step.
        let factor = [1.0, 2, 5, 10].first { $0 * power >= rough * 0.999_999 } ?? 10
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

    /// Powers of ten from at most `least` to at least `most`, with 2 and 5 between them where there is room (up to two decades).
    package static func logarithmic(from least: Double, to most: Double) -> [Double] {
        guard least > 0, most >= least, most.isFinite else { return [1, 10] }
        let (first, last) = (Int(floor(log10(least) + 1e-9)), Int(ceil(log10(most) - 1e-9)))
        let decades = max(last - first, 1)
        let factors: [Double] = decades <= 3 ? [1, 2, 5] : [1]
        let all = (first...(first + decades)).flatMap { power in factors.map { $0 * pow(10, Double(power)) } }
        // The range is what is drawn: the last tick at or below `least` to the first at or above `most`.
        let low = all.last { $0 <= least * 1.000_001 } ?? all[0]
        let high = all.first { $0 >= most * 0.999_999 } ?? all[all.count - 1]
        let chosen = all.filter { $0 >= low && $0 <= high }
        return chosen.count >= 2 ? chosen : [low, low * (factors.count > 1 ? 2 : 10)]
    }

    /// How far right a share stands on an axis of percentiles: each further nine is one unit. 0 → 0, 0.9 → 1, 0.99 → 2.
    package static func nines(_ share: Double) -> Double { share >= 1 ? .infinity : -log10(1 - max(share, 0)) }

    /// 0 %, 50 %, 90 %, 99 %, … up to the last whose place is at or below `most` nines.
    package static func percentiles(upToNines most: Double) -> [Double] {
        [0, 0.5] + (1...9).map { 1 - pow(10, -Double($0)) }.filter { nines($0) <= most + 1e-6 }
    }
}
