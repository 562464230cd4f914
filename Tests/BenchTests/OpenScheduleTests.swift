import BenchLoad
import Testing

@Suite struct OpenScheduleTests {
    private static let second: UInt64 = 1_000_000_000

    @Test func requestsAreDueAtEqualIntervals() {
        var schedule = OpenSchedule(ratePerSecond: 1_000, arrivals: .constant, seed: 1, begin: 0, end: Self.second)
        var due: [UInt64] = []
        while let next = schedule.nextDue {
            #expect(schedule.take(at: next - 1) == nil)
            due.append(schedule.take(at: next) ?? 0)
        }
        #expect(due.count == 999)
        #expect(due.first == 1_000_000)
        #expect(due.last == 999_000_000)
        #expect(schedule.sent == 999 && schedule.late == 0 && schedule.skipped == 0)
    }

    /// A target that stands still for half a second: what was due meanwhile is sent late, each with the time at which it was due.
    @Test func aStallMakesRequestsLateNotFewer() {
        var schedule = OpenSchedule(ratePerSecond: 1_000, arrivals: .constant, seed: 1, begin: 0, end: Self.second)
        var responses: [UInt64] = []
        while let due = schedule.take(at: 500_000_000) { responses.append(500_000_000 - due) }
        #expect(responses.count == 500)
        #expect(responses.first == 499_000_000)
        #expect(responses.last == 0)
        // Those due at 499 and 500 ms are within a millisecond.
        #expect(schedule.late == 498)
        schedule.finish()
        #expect(schedule.skipped == 499)
        #expect(schedule.nextDue == nil)
    }

    @Test func theWarmUpIsNotCounted() {
        var schedule = OpenSchedule(ratePerSecond: 1_000, arrivals: .constant, seed: 1, begin: 0, countFrom: Self.second / 2, end: Self.second)
        while schedule.take(at: Self.second) != nil {}
        #expect(schedule.sent == 500)
    }

    @Test func poissonHasTheRateAndTheSameSeedTheSameTimes() {
        func times(_ seed: UInt64) -> [UInt64] {
            var schedule = OpenSchedule(ratePerSecond: 10_000, arrivals: .poisson, seed: seed, begin: 0, end: 10 * Self.second)
            var times: [UInt64] = []
            while let due = schedule.take(at: .max) { times.append(due) }
            return times
        }
        let one = times(1)
        #expect(one == times(1))
        #expect(one != times(2))
        // Five standard deviations of 100,000.
        #expect(abs(one.count - 100_000) < 1_600)
        #expect(zip(one, one.dropFirst()).allSatisfy { $0 <= $1 })
    }
}
