import Core
import Testing

@testable import Replica

@Suite struct ClockAlarmTests {
    /// It lasts as long as it is raised again each minute, and ends by itself.
    @Test func itEndsWhenTheClocksAgree() {
        func time(_ seconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }
        var alarm = ClockAlarm()
        #expect(!alarm.isOn(at: time(5)))
        for minute in 1...5 as ClosedRange<UInt64> {
            alarm.raise(at: time(minute * 60))
            for second in minute * 60..<minute * 60 + 60 { #expect(alarm.isOn(at: time(second))) }
        }
        #expect(alarm.isOn(at: time(449)) && !alarm.isOn(at: time(450)))
        alarm.raise(at: time(1_000))
        #expect(alarm.isOn(at: time(1_001)))
    }
}
