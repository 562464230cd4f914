/// How far apart large writes are begun while others read: so far that hardly a reader waits because of them. A pure value; its times are nanoseconds.
///
/// A bell is due each few milliseconds, and how late the loop hears it is what somebody who asked at that moment would have waited before the loop so much as looked at the request:
/// for a processor that others had, or for the loop itself. A late bell moves large writes apart by a step, one in time brings them together by a fiftieth of a step, so the gap
/// comes to rest where one bell in fifty is late. Where nobody reads every bell is in time, and where there are processors enough too: then large writes are begun as they come.
struct WritePace: Equatable, Sendable {
    /// From one bell to the next.
    static let bell: UInt64 = 5_000_000
    /// A bell that is heard later than this is late.
    static let late: UInt64 = 500_000
    /// What a late bell adds, and what one in time takes away.
    static let step: UInt64 = 500_000, stepBack: UInt64 = 10_000
    /// At the most: fifty large writes a second on each loop are begun whatever readers wait.
    static let gapMax: UInt64 = 20_000_000
    /// What a large write waits at the most where as many come as are begun: of many that wait, more are begun in the same time. The last of 500 that come at once waits some 3 s.
    static let waitMax: UInt64 = 1_000_000_000

    /// From the beginning of one large write to that of the next; 0 for none.
    private(set) var gap: UInt64

    init(gap: UInt64 = 0) { self.gap = min(gap, Self.gapMax) }

    /// The bell was heard so late; `hasReaders`: since the one before something was read.
    mutating func heard(late: UInt64, hasReaders: Bool) {
        let isLate = hasReaders && late > Self.late
        gap = isLate ? min(gap + Self.step, Self.gapMax) : gap - min(gap, Self.stepBack)
    }

    /// From now to the beginning of the next, of so many that wait.
    func gap(waiting: Int) -> UInt64 { min(gap, Self.waitMax / UInt64(max(1, waiting))) }
}
