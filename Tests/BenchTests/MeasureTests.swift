import BenchMeasure
import Testing

@Suite struct MeasureTests {
    @Test func percentilesAreThoseOfTheSamples() throws {
        var histogram = LatencyHistogram()
        for sample in 1...100_000 { histogram.record(UInt64(sample) * 1_000) }
        #expect(histogram.samples == 100_000)
        for (share, expected) in [(0.5, 50e6), (0.9, 90e6), (0.99, 99e6), (0.999, 99.9e6)] {
            let found = Double(try #require(histogram.percentile(share)))
            #expect(abs(found - expected) / expected < 0.002, "\(share): \(found)")
        }
        #expect(abs(histogram.mean - 50.0005e6) / 50e6 < 0.002)
        #expect(abs(Double(histogram.max) - 100e6) / 100e6 < 0.002)
    }

    @Test func aPercentileIsAbsentWithoutTenSamplesAboveIt() {
        var histogram = LatencyHistogram()
        for _ in 0..<99 { histogram.record(1_000) }
        #expect(histogram.percentile(0.5) != nil)
        #expect(histogram.percentile(0.9) == nil)
        histogram.record(1_000)
        #expect(histogram.percentile(0.9) != nil)
        #expect(histogram.percentile(0.99) == nil)
        #expect(histogram.summary.p99 == nil)
        #expect(LatencyHistogram().summary.p50 == nil)
        #expect(LatencyHistogram().summary.max == 0)
    }

    @Test func histogramsAddUpAndTooLongOnesCountAsTheLongest() {
        var a = LatencyHistogram(), b = LatencyHistogram()
        a.record(1_000)
        b.record(.max)
        a.add(b)
        #expect(a.samples == 2)
        #expect(a.max >= LatencyHistogram.nanosecondsMax)
    }

    @Test func theCurveAscendsToTheLongest() {
        var histogram = LatencyHistogram()
        for sample in 1...10_000 { histogram.record(UInt64(sample) * 777) }
        let curve = histogram.summary.curve
        #expect(curve.count > 20 && curve.count <= 200)
        #expect(zip(curve, curve.dropFirst()).allSatisfy { $0.share <= $1.share && $0.nanoseconds <= $1.nanoseconds })
        #expect(curve.last?.share == 1)
        #expect(histogram.hgrm.contains("#[Mean"))
    }

    @Test func secondsAreCountedWhereTheyBelong() {
        var series = SecondSeries(seconds: 2)
        series.record(at: 0, latency: 1_000)
        series.record(at: 999_999_999, latency: 5_000, isError: true)
        series.record(at: 1_000_000_000, latency: 1_000, count: 256)
        series.record(at: 2_000_000_000, latency: 1_000)
        let points = series.points(events: [1: "n1 killed"])
        #expect(points.map(\.operations) == [2, 256])
        #expect(points.map(\.errors) == [1, 0])
        #expect(points[1].event == "n1 killed")
        #expect(points[0].p50 == nil)
        #expect(RunFolder.csv(points).hasPrefix("second,operations,errors,p50,p99,max,event\n0,2,1,,,"))
        #expect(RunFolder.csv(points).hasSuffix("\"n1 killed\"\n"))
    }

    @Test func mediansAreOfTheMiddle() {
        #expect(Statistics.median([]) == nil)
        #expect(Statistics.median([3]) == 3)
        #expect(Statistics.median([9, 1, 5]) == 5)
        #expect(Statistics.median([4, 1, 3, 2]) == 2.5)
    }
}
