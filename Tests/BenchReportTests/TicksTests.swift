import Testing

@testable import BenchReport

@Suite struct TicksTests {
    @Test(arguments: [
        (10.0, [0, 2, 4, 6, 8, 10]), (0.4, [0, 0.1, 0.2, 0.3, 0.4]), (245_781, [0, 50_000, 100_000, 150_000, 200_000, 250_000]),
        (1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, [0, 1]), (.nan, [0, 1]),
    ])
    func linearStepsAreRound(most: Double, ticks: [Double]) {
        #expect(Ticks.linear(upTo: most) == ticks)
    }

    @Test func linearAxesReachTheLargestAndAreNotHalfEmpty() {
        for exponent in -30...30 {
            for digits in 10...99 {
                let most = Double(digits) * pow10(exponent)
                let ticks = Ticks.linear(upTo: most)
                let end = ticks[ticks.count - 1]
                #expect(end >= most * 0.999_999 && end < most * 1.7, "\(most): \(ticks)")
                #expect((3...9).contains(ticks.count), "\(most): \(ticks)")
            }
        }
    }

    @Test func secondsAreWhole() {
        #expect(Ticks.seconds(upTo: 5) == [0, 1, 2, 3, 4, 5])
        #expect(Ticks.seconds(upTo: 60) == [0, 10, 20, 30, 40, 50, 60])
        #expect(Ticks.seconds(upTo: 300) == [0, 60, 120, 180, 240, 300])
        #expect(Ticks.seconds(upTo: 0) == [0])
        #expect(Ticks.seconds(upTo: 10_000_000).count <= 9)
    }

    @Test func logarithmicAxesEndAtOneTwoOrFive() {
        #expect(Ticks.logarithmic(from: 230, to: 4_100) == .init(from: 200, to: 5_000, labelled: [200, 500, 1_000, 2_000, 5_000]))
        #expect(Ticks.logarithmic(from: 1_000, to: 1_000) == .init(from: 1_000, to: 2_000, labelled: [1_000, 2_000]))
        #expect(Ticks.logarithmic(from: 0, to: 5) == .init(from: 1, to: 10, labelled: [1, 10]))
    }

    @Test func manyDecadesAreLabelledAtPowersOfTen() {
        #expect(Ticks.logarithmic(from: 230, to: 4_100_000) == .init(from: 200, to: 5_000_000, labelled: [1_000, 10_000, 100_000, 1_000_000]))
        #expect(Ticks.logarithmic(from: 1, to: 1e12, atMost: 4).labelled == [1, 1e4, 1e8, 1e12])
    }

    @Test func eachNineTakesTheSameRoom() {
        #expect(Ticks.nines(0) == 0)
        #expect(abs(Ticks.nines(0.9) - 1) < 1e-9)
        #expect(abs(Ticks.nines(0.999) - 3) < 1e-9)
        #expect(Ticks.nines(1) == .infinity)
        #expect(Ticks.percentiles(upToNines: 3.2).map(Numbers.share) == ["50\u{A0}%", "90\u{A0}%", "99\u{A0}%", "99.9\u{A0}%"])
        #expect(Ticks.percentiles(upToNines: 0.5).map(Numbers.share) == ["50\u{A0}%"])
    }

    private func pow10(_ exponent: Int) -> Double { exponent < 0 ? 1 / pow10(-exponent) : (0..<exponent).reduce(1) { value, _ in value * 10 } }
}
