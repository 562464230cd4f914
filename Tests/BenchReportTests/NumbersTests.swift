import Testing

@testable import BenchReport

@Suite struct NumbersTests {
    /// With plain spaces before units.
    private func plain(_ text: String) -> String { text.replacing("\u{A0}", with: " ") }

    @Test func noLineBreaksAFigureFromItsUnit() {
        #expect(Numbers.duration(nanoseconds: 1e6) == "1.00\u{A0}ms")
        #expect(Numbers.tick(nanoseconds: 1e6) == "1\u{A0}ms")
        #expect(Numbers.share(0.5) == "50\u{A0}%")
    }

    @Test(arguments: [(UInt64(0), "0"), (999, "999"), (1_000, "1,000"), (123_456, "123,456"), (1_234_567, "1,234,567"), (.max, "18,446,744,073,709,551,615")])
    func thousandsAreSeparated(value: UInt64, text: String) {
        #expect(Numbers.whole(value) == text)
    }

    @Test func negativeNumbersHaveAMinus() {
        #expect(Numbers.whole(-1_234) == "−1,234")
        #expect(Numbers.fixed(-0.004, decimals: 2) == "0.00")
        #expect(Numbers.fixed(-1.5, decimals: 1) == "−1.5")
    }

    @Test(arguments: [
        (0.0, "0"), (0.0615, "0.0615"), (0.4821, "0.482"), (0.99949, "0.999"), (0.9996, "1.00"), (2.345, "2.35"), (9.996, "10.0"), (16.84, "16.8"), (99.96, "100"),
        (245_781.4, "245,781"), (.infinity, "–"), (.nan, "–"),
    ])
    func figuresHaveThreeDigitsThatCount(value: Double, text: String) {
        #expect(Numbers.figure(value) == text)
    }

    @Test(arguments: [(820.0, "820 ns"), (999.4, "999 ns"), (999.6, "1.00 µs"), (482_000, "482 µs"), (999_600, "1.00 ms"), (4_120_000, "4.12 ms"), (1.2e9, "1.20 s")])
    func durationsHaveTheUnitThatSuits(nanoseconds: Double, text: String) {
        #expect(plain(Numbers.duration(nanoseconds: nanoseconds)) == text)
    }

    @Test func ticksAreWithoutZerosAtTheirEnd() {
        #expect(plain(Numbers.tick(nanoseconds: 5e6)) == "5 ms")
        #expect(plain(Numbers.tick(nanoseconds: 2e5)) == "200 µs")
        #expect(plain(Numbers.tick(nanoseconds: 1e9)) == "1 s")
        #expect(Numbers.short(2.5) == "2.5")
        #expect(Numbers.short(100_000) == "100,000")
    }

    @Test(arguments: [(UInt64(0), "0 bytes"), (1, "1 byte"), (400, "400 bytes"), (1_536, "1.5 KiB"), (24 << 30, "24 GiB")])
    func bytesHaveBinaryUnits(value: UInt64, text: String) {
        #expect(plain(Numbers.bytes(value)) == text)
    }

    @Test(arguments: [(0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"), (0.9999, "99.99 %"), (0.99999, "99.999 %"), (0, "0 %"), (1, "100 %")])
    func sharesKeepTheirNines(value: Double, text: String) {
        #expect(plain(Numbers.share(value)) == text)
    }

    @Test(arguments: [(0.8765, "87 %"), (0.99875548, "99.87 %"), (0.999987654, "99.9987 %"), (0.99, "99 %"), (0.9, "90 %"), (0, "0 %"), (1, "100 %"), (0.05, "5 %")])
    func sharesOfCurvesAreRoundedDown(value: Double, text: String) {
        #expect(plain(Numbers.shareAtLeast(value)) == text)
    }

    @Test func theRest() {
        #expect(plain(Numbers.seconds(5)) == "5 s")
        #expect(plain(Numbers.seconds(12.34)) == "12.3 s")
        #expect(plain(Numbers.seconds(245)) == "4 min 5 s")
        #expect(Numbers.list([]) == "")
        #expect(Numbers.list(["a"]) == "a")
        #expect(Numbers.list(["a", "b", "c"]) == "a, b and c")
        #expect(Numbers.count(1, "run") == "1 run")
        #expect(Numbers.count(2, "run") == "2 runs")
        #expect(Numbers.moment(secondsSince1970: 1_772_892_300) == "2026-03-07 14:05 UTC")
        #expect(Numbers.optional(nil as UInt64?, Numbers.whole) == "–")
    }

    @Test func aColumnSharesItsUnit() {
        #expect(TimeUnit.shared(by: [482_000, 16_800_000]) == .milliseconds)
        #expect(TimeUnit.shared(by: [9_000, 16_800_000]) == .microseconds)
        #expect(TimeUnit.shared(by: [9, 900]) == .nanoseconds)
        #expect(TimeUnit.shared(by: []) == .milliseconds)
        #expect(TimeUnit.milliseconds.figure(482_000) == "0.482")
    }
}
