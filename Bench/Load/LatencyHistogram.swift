/// Counts of latencies in buckets of at most 3 % width, from 1 µs to about a minute: adding is one increment, and histograms of several
/// threads add up.
struct LatencyHistogram: Sendable {
    /// Buckets for each power of two.
    private static let steps = 32
    private var counts = [UInt64](repeating: 0, count: 27 * LatencyHistogram.steps)
    private(set) var total: UInt64 = 0
    private(set) var maxNanoseconds: UInt64 = 0

    mutating func add(_ nanoseconds: UInt64) {
        counts[Self.bucket(nanoseconds)] += 1
        total += 1
        maxNanoseconds = max(maxNanoseconds, nanoseconds)
    }

    mutating func add(_ other: LatencyHistogram) {
        for i in counts.indices { counts[i] += other.counts[i] }
        total += other.total
        maxNanoseconds = max(maxNanoseconds, other.maxNanoseconds)
    }

    /// The microseconds that this share of the samples did not exceed; nil if there are too few samples above it to carry the figure.
    func microseconds(at share: Double) -> Double? {
        guard Double(total) * (1 - share) >= 10 else { return nil }
        var rest = UInt64((Double(total) * share).rounded(.up))
        for (i, count) in counts.enumerated() {
            if count >= rest { return Double(Self.upper(i)) / 1_000 }
            rest -= count
        }
        return Double(maxNanoseconds) / 1_000
    }

    // The first power of two holds everything below 2 µs.
    private static func bucket(_ nanoseconds: UInt64) -> Int {
        let value = max(nanoseconds, 1_024)
        let power = 63 - value.leadingZeroBitCount
        let step = Int((value >> UInt64(power - 5)) & 31)
        return min((power - 10) * steps + step, 27 * steps - 1)
    }

    private static func upper(_ bucket: Int) -> UInt64 {
        let power = bucket / steps + 10
        return (UInt64(32 + bucket % steps + 1) << UInt64(power - 5))
    }
}
