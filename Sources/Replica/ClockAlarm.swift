import Core

/// Whether the clocks disagree: while they do, the core raises an alarm once a minute.
struct ClockAlarm {
    /// Two and a half of them missed: it is over.
    static let milliseconds: UInt64 = 150_000
    private var raisedAt: MonotonicTime?

    mutating func raise(at now: MonotonicTime) { raisedAt = now }

    func isOn(at now: MonotonicTime) -> Bool { raisedAt.map { now < $0.adding(milliseconds: Self.milliseconds) } ?? false }
}
