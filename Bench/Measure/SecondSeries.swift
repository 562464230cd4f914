import Histogram

/// What happened in each second of a measurement, of one thread; those of several are merged. Memory for all seconds is taken at the beginning, some
/// 10 KB each.
package struct SecondSeries: Sendable {
    private struct Second: Sendable {
        var operations: UInt64 = 0
        var errors: UInt64 = 0
        // Two digits are enough for a plot.
        var latencies = Histogram<UInt32>(
            lowestDiscernibleValue: 1_024, highestTrackableValue: LatencyHistogram.nanosecondsMax, numberOfSignificantValueDigits: .two)
    }

    private var seconds: [Second]

    package init(seconds: Int) { self.seconds = (0..<max(1, seconds)).map { _ in Second() } }

    /// An answer so many nanoseconds after the beginning, of `count` records; later than the last second is not counted.
    @inline(__always)
    package mutating func record(at elapsed: UInt64, latency: UInt64, count: UInt64 = 1, isError: Bool = false) {
        let second = Int(elapsed / 1_000_000_000)
        guard second < seconds.count else { return }
        seconds[second].operations += count
        if isError { seconds[second].errors += 1 }
        seconds[second].latencies.record(min(latency, LatencyHistogram.nanosecondsMax))
    }

    package mutating func add(_ other: SecondSeries) {
        for (place, second) in other.seconds.enumerated() where place < seconds.count {
            seconds[place].operations += second.operations
            seconds[place].errors += second.errors
            seconds[place].latencies.add(second.latencies)
        }
    }

    /// The points, with what was done to the target in a second.
    package func points(events: [Int: String] = [:]) -> [SeriesPoint] {
        seconds.enumerated().map { place, second in
            func percentile(_ share: Double) -> UInt64? {
                guard Double(second.latencies.totalCount) * (1 - share) >= LatencyHistogram.samplesAbove else { return nil }
                return second.latencies.valueAtPercentile(share * 100)
            }
            return SeriesPoint(
                second: place, operations: second.operations, errors: second.errors, p50: percentile(0.5), p99: percentile(0.99),
                max: second.latencies.totalCount == 0 ? 0 : second.latencies.maxRecorded, event: events[place])
        }
    }
}
