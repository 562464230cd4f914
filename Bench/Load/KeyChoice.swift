import Core
import Glibc

/// How records are chosen.
package enum KeyDistribution: String, Sendable, CaseIterable {
    case uniform
    /// Few are asked for often, spread over all keys (Gray et al. 1994, as in YCSB, constant 0.99).
    case zipfian
    /// Zipfian from the newest backwards.
    case latest
}

/// Draws record numbers. The same seed gives the same numbers.
package struct KeyChoice: Sendable {
    private var random: SeededRandom
    private let distribution: KeyDistribution
    private let zipf: Zipf?
    /// How many there were at the beginning: those that are asked for often stay the same while others come.
    private let recordsAtFirst: UInt64
    /// Records that the row condition hides are not drawn.
    private let onlyVisible: Bool

    /// `records` are there at the beginning.
    package init(_ distribution: KeyDistribution, records: UInt64, onlyVisible: Bool = false, seed: UInt64, zipf: Zipf? = nil) {
        self.distribution = distribution
        self.onlyVisible = onlyVisible
        recordsAtFirst = max(1, records)
        random = SeededRandom(seed: seed)
        self.zipf = distribution == .uniform ? nil : zipf ?? Zipf(records: records)
    }

    /// A number below `records`, which may have grown.
    @inline(__always)
    package mutating func next(of records: UInt64) -> UInt64 {
        var number: UInt64
        switch distribution {
        case .uniform: number = random.next().multipliedFullWidth(by: records).high
        case .zipfian: number = DataShape.mixed(rank()) % min(records, recordsAtFirst)
        case .latest: number = records - 1 - min(rank(), records - 1)
        }
        if onlyVisible, number % 10 == 9 { number -= 1 }
        return number
    }

    private mutating func rank() -> UInt64 { zipf?.rank(unit: Double(random.next() >> 11) * 0x1p-53) ?? 0 }
}

/// Zipf's distribution over so many ranks. Making it costs a power for each rank; share it.
package struct Zipf: Sendable {
    package static let constant = 0.99
    private let records: Double
    private let zeta: Double, eta: Double, alpha: Double

    package init(records: UInt64) {
        self.records = Double(records)
        var sum = 0.0
        for rank in 1...max(1, records) { sum += 1 / pow(Double(rank), Self.constant) }
        zeta = sum
        alpha = 1 / (1 - Self.constant)
        let two = 1 + pow(0.5, Self.constant)
        eta = (1 - pow(2 / Double(records), 1 - Self.constant)) / (1 - two / sum)
    }

    /// The rank, from 0, for a number from 0 up to 1.
    package func rank(unit: Double) -> UInt64 {
        let place = unit * zeta
        if place < 1 { return 0 }
        if place < 1 + pow(0.5, Self.constant) { return 1 }
        return UInt64(min(records - 1, records * pow(eta * unit - eta + 1, alpha)))
    }
}

/// Numbers from 0 in an order in which neighbours are far apart; each comes once.
package struct ScatteredOrder: Sendable {
    private let count: UInt64
    private let step: UInt64

    package init(count: UInt64) {
        self.count = max(1, count)
        var step = UInt64(Double(self.count) * 0.618_033_988_7) | 1
        while Self.divisor(step, self.count) != 1 { step += 2 }
        self.step = step
    }

    package subscript(place: UInt64) -> UInt64 {
        let product = place.multipliedFullWidth(by: step)
        return count.dividingFullWidth((product.high % count, product.low)).remainder
    }

    private static func divisor(_ a: UInt64, _ b: UInt64) -> UInt64 { b == 0 ? a : divisor(b, a % b) }
}
