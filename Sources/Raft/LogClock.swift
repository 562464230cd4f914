import Core

/// The log's time at a leader: the wall clock, which never runs backwards here and never jumps.
struct LogClock: Sendable {
    /// By the latest tick.
    var wall = LogTime.zero
    private let stepTicks: Int
    private let alarmTicks: Int
    /// The tick of the last step that was shorter than the wall clock asked for.
    private var steppedAt: Int?
    private var alarmedAt: Int?

    /// Milliseconds that the wall clock may be behind before anybody hears of it: clocks of nodes differ by that much in health.
    static let toleranceMilliseconds: Int64 = 1_000

    /// - Parameter idleMilliseconds: between two steps that are shorter than the wall clock asks for, at the least.
    init(tickMilliseconds: Int, idleMilliseconds: Int64 = Limits.logTimeIdleMilliseconds) {
        stepTicks = Int(idleMilliseconds) / max(1, tickMilliseconds)
        alarmTicks = 60_000 / max(1, tickMilliseconds)
    }

    /// The stamp of an entry that follows one of time `last`, and an alarm, at most once a minute.
    ///
    /// A wall clock far ahead is followed by `Limits.logTimeStepMilliseconds` at a time, once in
    /// `Limits.logTimeIdleMilliseconds`: many entries a second must not make a wrong clock's jump out of many steps.
    mutating func stamp(after last: LogTime, now: Int) -> (LogTime, RaftAlarm?) {
        let ahead = wall.milliseconds - last.milliseconds
        if ahead < 0 {
            return (last, ahead < -Self.toleranceMilliseconds ? alarm(.clockBehind(milliseconds: -ahead), now) : nil)
        }
        if ahead <= Limits.logTimeStepMilliseconds || last == .zero { return (wall, nil) }
        let alarm = alarm(.clockAhead(milliseconds: ahead), now)
        if let steppedAt, now - steppedAt < stepTicks { return (last, alarm) }
        steppedAt = now
        return (LogTime(milliseconds: last.milliseconds + Limits.logTimeStepMilliseconds), alarm)
    }

    private mutating func alarm(_ alarm: RaftAlarm, _ now: Int) -> RaftAlarm? {
        if let alarmedAt, now - alarmedAt < alarmTicks { return nil }
        alarmedAt = now
        return alarm
    }
}

/// Draws, the same for the same seed (SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
struct Draws: Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A number from 0 to `bound` - 1; evenly enough for timeouts.
    mutating func below(_ bound: Int) -> Int { bound <= 1 ? 0 : Int(next() % UInt64(bound)) }
}
