import Histogram

/// Latencies of one kind of operation, in nanoseconds, as an HDR histogram with three significant digits from 16 ns to 100 s. One belongs to one
/// thread; those of several threads are merged at the end. Recording is an increment and two comparisons.
package struct LatencyHistogram: Sendable {
    /// Longer ones count as this one.
    package static let nanosecondsMax: UInt64 = 100_000_000_000
    /// Samples that must lie above a percentile before it is given.
    package static let samplesAbove = 10.0

    private var histogram = Histogram<UInt64>(lowestDiscernibleValue: 16, highestTrackableValue: LatencyHistogram.nanosecondsMax)

    package init() {}

    @inline(__always)
    package mutating func record(_ nanoseconds: UInt64) { histogram.record(min(nanoseconds, Self.nanosecondsMax)) }

    package mutating func add(_ other: LatencyHistogram) { histogram.add(other.histogram) }

    package var samples: UInt64 { histogram.totalCount }
    package var mean: Double { samples == 0 ? 0 : histogram.mean }
    package var max: UInt64 { samples == 0 ? 0 : histogram.maxRecorded }

    /// The latency that this share (0 to 1) of the samples did not exceed; nil if fewer than ten samples lie above it.
    package func percentile(_ share: Double) -> UInt64? {
        // 1 − 0.9 has an error in its last place, and ten of a hundred are ten.
        guard Double(samples) * (1 - share) + 1e-6 >= Self.samplesAbove else { return nil }
        return histogram.valueAtPercentile(share * 100)
    }

    /// All that is reported of them.
    package var summary: Latencies {
        Latencies(
            samples: samples, mean: mean, p50: percentile(0.5), p90: percentile(0.9), p95: percentile(0.95), p99: percentile(0.99),
            p999: percentile(0.999), p9999: percentile(0.9999), max: max, curve: curve)
    }

    /// The text form of HdrHistogram, in microseconds.
    package var hgrm: String {
        var text = ""
        histogram.outputPercentileDistribution(to: &text, outputValueUnitScalingRatio: 1_000, percentileTicksPerHalfDistance: 5)
        return text
    }

    /// Ten points for each halving of what remains, and the largest.
    private var curve: [Latencies.CurvePoint] {
        guard samples > 0 else { return [] }
        var points: [Latencies.CurvePoint] = []
        for value in histogram.percentiles(ticksPerHalfDistance: 10) where points.count < 200 {
            let point = Latencies.CurvePoint(share: value.percentile / 100, nanoseconds: value.value)
            if point != points.last { points.append(point) }
        }
        return points
    }
}
