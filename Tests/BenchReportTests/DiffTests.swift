@testable import BenchMeasure
import Testing

@testable import BenchReport

@Suite struct BootstrapTests {
    @Test func theIntervalHoldsTheRatioAndIsTheSameForTheSameSeed() throws {
        let a = [100.0, 101, 99, 102, 98]
        let b = [110.0, 111, 109, 112, 108]
        func interval(_ seed: UInt64) throws -> ClosedRange<Double> {
            try #require(Bootstrap.ratioOfMedians(a, b, confidence: 0.95, resamples: 10_000, seed: seed))
        }
        let first = try interval(1)
        #expect(try first == interval(1))
        #expect(first.contains(1.1))
        // Medians of resamples are members of the sample.
        #expect(first.lowerBound >= 108.0 / 102 && first.upperBound <= 112.0 / 98)
        #expect(first.lowerBound > 1.06 && first.upperBound < 1.14)
    }

    @Test func equalFiguresHaveAnIntervalWithoutWidth() {
        #expect(Bootstrap.ratioOfMedians([2, 2, 2], [3, 3, 3], confidence: 0.95, resamples: 100, seed: 7) == 1.5...1.5)
        #expect(Bootstrap.ratioOfMedians([2], [3], confidence: 0.95, resamples: 1, seed: 7) == 1.5...1.5)
    }

    @Test func moreConfidenceIsWider() throws {
        let a = (1...9).map(Double.init(_:))
        let narrow = try #require(Bootstrap.ratioOfMedians(a, a, confidence: 0.5, resamples: 10_000, seed: 3))
        let wide = try #require(Bootstrap.ratioOfMedians(a, a, confidence: 0.99, resamples: 10_000, seed: 3))
        #expect(wide.lowerBound < narrow.lowerBound && narrow.upperBound < wide.upperBound)
    }

    @Test func withoutPositiveFiguresThereIsNoRatio() {
        #expect(Bootstrap.ratioOfMedians([], [1], confidence: 0.95, resamples: 100, seed: 1) == nil)
        #expect(Bootstrap.ratioOfMedians([1], [], confidence: 0.95, resamples: 100, seed: 1) == nil)
        #expect(Bootstrap.ratioOfMedians([0, 1], [1], confidence: 0.95, resamples: 100, seed: 1) == nil)
        #expect(Bootstrap.ratioOfMedians([.nan], [1], confidence: 0.95, resamples: 100, seed: 1) == nil)
    }
}

@Suite struct DiffTests {
    @Test(arguments: [
        (0.98...1.02, DiffResult.Verdict.equivalent), (1.01...1.02, .equivalent), (1.01...1.2, .faster), (1.05...1.2, .faster), (0.8...0.99, .slower), (0.9...1.1, .inconclusive),
        (0.8...1, .inconclusive),
    ])
    func theRule(interval: ClosedRange<Double>, verdict: DiffResult.Verdict) {
        #expect(Diff.verdict(interval, isBetterWhenMore: true, margin: 0.03) == verdict)
        let mirrored: DiffResult.Verdict = verdict == .faster ? .slower : verdict == .slower ? .faster : verdict
        #expect(Diff.verdict(interval, isBetterWhenMore: false, margin: 0.03) == mirrored)
    }

    /// With fewer resamples than are usual: differences are plain here.
    private func compare(_ a: [RunResult], _ b: [RunResult], _ settings: DiffResult.Settings = .init()) -> DiffResult {
        var quick = settings
        quick.resamples = 500
        return Diff.compare(a: a, b: b, settings: quick)
    }

    /// Runs of each side in turns, so much faster on B's.
    private func sides(_ rounds: Int = 6, faster: Double = 1, change: (inout RunResult, _ isB: Bool, _ round: Int) -> Void = { _, _, _ in }) -> ([RunResult], [RunResult]) {
        var samples = Samples(seed: 5)
        func side(_ isB: Bool) -> [RunResult] {
            (0..<rounds).map { round in
                let speed = (isB ? faster : 1) * samples.noise(0.004)
                var run = samples.run(beganAt: Int64(1_000 + round * 100 + (isB ? 50 : 0)), perSecond: 100_000 * speed, middle: 1e7 / speed)
                change(&run, isB, round)
                return run
            }
        }
        return (side(false), side(true))
    }

    private func row(_ result: DiffResult, _ figure: DiffResult.Figure = .throughput(kind: "get")) throws -> DiffResult.Row { try #require(result.rows.first { $0.figure == figure }) }

    @Test func fasterIsSaidOfThroughputAndOfLatency() throws {
        let (a, b) = sides(faster: 1.2)
        let result = compare(a, b)
        #expect(result.rows.map(\.figure) == [.throughput(kind: "get"), .throughput(kind: "put"), .p99(kind: "get"), .p99(kind: "put")])
        let throughput = try row(result)
        #expect(throughput.verdict == .faster && throughput.reason == nil)
        #expect(abs(try #require(throughput.ratio) - 1.2) < 0.03)
        let latency = try row(result, .p99(kind: "get"))
        #expect(latency.verdict == .faster)
        #expect(try #require(latency.ratio) < 0.9)
        #expect(result.exitCode == 0)
        #expect(result.conclusion == "B: 4 faster, 0 slower, 0 equivalent, 0 inconclusive.")
    }

    @Test func slowerHasItsExitCode() throws {
        let (a, b) = sides(faster: 0.8)
        let result = compare(a, b)
        #expect(try row(result).verdict == .slower)
        #expect(result.exitCode == 2)
    }

    @Test func theSameIsEquivalent() throws {
        let (a, b) = sides()
        let result = compare(a, b)
        #expect(result.rows.allSatisfy { $0.verdict == .equivalent })
        #expect(result.exitCode == 0)
    }

    @Test func aNarrowerMarginMakesItInconclusive() throws {
        let (a, b) = sides()
        var settings = DiffResult.Settings()
        settings.equivalenceMargin = 0.0001
        #expect(try row(compare(a, b, settings)).verdict == .inconclusive)
    }

    @Test func fewRoundsAreInconclusiveWithTheReason() throws {
        let (a, b) = sides(4, faster: 2)
        let result = compare(a, b)
        #expect(try row(result).verdict == .inconclusive)
        #expect(try row(result).reason == "A has 4 runs, B 4; each needs 5")
        #expect(try row(result).interval == nil && row(result).ratio != nil)
        #expect(result.exitCode == 3)
    }

    @Test func unequalSetsAreComparedIfEachIsLargeEnough() throws {
        let (a, b) = sides(9, faster: 1.5)
        let result = compare(a, Array(b.prefix(5)))
        #expect(try row(result).verdict == .faster)
        #expect(try row(result).a.count == 9 && row(result).b.count == 5)
        #expect(try row(compare(a, Array(b.prefix(3)))).reason == "A has 9 runs, B 3; each needs 5")
    }

    @Test func runsOneAfterAnotherAreInconclusiveUnlessAllowed() throws {
        let (a, b) = sides(faster: 1.5) { run, isB, round in run.beganAt = Int64(isB ? 9_000 + round : round) }
        #expect(try row(compare(a, b)).reason == "not run in turns")
        var settings = DiffResult.Settings()
        settings.allowsRunsOneAfterAnother = true
        #expect(try row(compare(a, b, settings)).verdict == .faster)
    }

    @Test func turnsMayChangeTheirOrder() throws {
        let (a, b) = sides(faster: 1.5) { run, isB, round in run.beganAt = Int64(round * 10 + (isB == (round % 2 == 0) ? 1 : 2)) }
        #expect(try row(compare(a, b)).verdict == .faster)
    }

    @Test func whatMustNotBeComparedIsNot() throws {
        func reason(_ change: (inout RunResult) -> Void) throws -> String? {
            let (a, b) = sides(faster: 2) { run, isB, round in if isB, round == 2 { change(&run) } }
            return try row(compare(a, b)).reason
        }
        #expect(try reason { $0.environment.build = "debug" } == "a debug build")
        #expect(try reason { $0.checks[0].passed = false } == "a check did not hold")
        #expect(try reason { $0.workload.valueBytes = 401 } == "the work differs")
        #expect(try reason { $0.workload.file += "x = 1\n" } == "the work differs")
        #expect(try reason { $0.load.threads = 2 } == "the load differs")
        #expect(try reason { $0.environment.processors = 64 } == "the machines differ")
        #expect(try reason { $0.workload.seed = 43 } == nil)
    }

    @Test func openLoadsAreComparedByLatencyAlone() {
        let (a, b) = sides { run, _, _ in run.load = Samples.open(5_000) }
        let result = compare(a, b)
        #expect(result.rows.map(\.figure) == [.p99(kind: "get"), .p99(kind: "put")])
        #expect(result.rows.map(\.subject.shape) == ["open-5000", "open-5000"])
    }

    @Test func anAbsentPercentileIsCounted() throws {
        let (a, b) = sides { run, isB, round in if isB, round < 2 { run.operations[0].service.p99 = nil } }
        #expect(try row(compare(a, b), .p99(kind: "get")).reason == "A has 6 runs, B 4 with this figure; each needs 5")
    }

    @Test func nothingAnsweredHasNoRatio() throws {
        let (a, b) = sides { run, isB, _ in if isB { for place in run.operations.indices { run.operations[place].perSecond = 0 } } }
        let found = try row(compare(a, b))
        #expect(found.verdict == .inconclusive && found.ratio == nil)
        #expect(found.reason == "a figure is zero, so that there is no ratio")
    }

    @Test func whatOnlyOneSideHasIsListed() {
        let (a, b) = sides { run, isB, round in if round == 0 { run.workload.name = isB ? "only-b" : "only-a" } }
        let result = compare(a, b)
        #expect(result.onlyInA.map(\.workload) == ["only-a"] && result.onlyInB.map(\.workload) == ["only-b"])
        #expect(result.text.contains("Only in A: only-a, kho, 64x16\n"))
        #expect(compare([a[0]], [b[1]]).text.contains("Nothing was measured on both sides."))
        #expect(compare([a[0]], [b[1]]).exitCode == 3)
    }

    @Test func theTextSaysHowAndWhat() throws {
        let (a, b) = sides(faster: 1.2) { run, isB, _ in
            run.environment.revision = isB ? "bbbb+" : "aaaa"
            run.warnings = isB ? ["a busy machine"] : []
        }
        let text = Diff.compare(a: a, b: b).text
        #expect(text.hasPrefix("A: 6 runs, revision aaaa\nB: 6 runs, revision bbbb+\nB: 6 of 6 runs carry a warning: a busy machine\n"))
        #expect(text.contains("95 % interval by bootstrap (percentile method, 10,000 resamples, seed 1)"))
        #expect(text.hasSuffix("\nB: 4 faster, 0 slower, 0 equivalent, 0 inconclusive.\n"))
        let table = text.split(separator: "\n").filter { $0.hasPrefix("WORKLOAD") || $0.hasPrefix("mixed-95-5") }
        #expect(table.count == 5)
        // Columns stand below each other.
        #expect(Set(table.map { $0.distance(from: $0.startIndex, to: $0.range(of: table[0] == $0 ? "VERDICT" : "faster")?.lowerBound ?? $0.endIndex) }).count == 1)
    }
}
