import BenchMeasure
import Core
import Glibc

/// When the requests of an open load are due, and what became of those that were not sent in time: a value in virtual time, without clock or sockets.
///
/// Requests are due from `begin` to `end`, whether answers come or not. One that was sent more than a millisecond after it was due is *late*; one that was
/// never sent is *skipped*. Times are nanoseconds of any clock that does not go back.
package struct OpenSchedule: Sendable {
    package static let lateNanoseconds: UInt64 = 1_000_000

    private let arrivals: LoadDescription.Arrivals
    private let interval: Double
    private let end: UInt64
    private var random: SeededRandom
    /// With its fraction, so that rounding does not change the rate.
    private var exact: Double
    /// From when on late and skipped ones are counted: those of the warm-up are not.
    private let countFrom: UInt64
    package private(set) var sent: UInt64 = 0
    package private(set) var late: UInt64 = 0
    package private(set) var skipped: UInt64 = 0

    package init(
        ratePerSecond: Double, arrivals: LoadDescription.Arrivals, seed: UInt64, begin: UInt64, countFrom: UInt64? = nil, end: UInt64
    ) {
        self.arrivals = arrivals
        self.end = end
        self.countFrom = countFrom ?? begin
        interval = 1e9 / ratePerSecond
        random = SeededRandom(seed: seed)
        exact = Double(begin)
        advance()
    }

    /// When the next one is due; nil when there are no more.
    package var nextDue: UInt64? {
        let due = UInt64(exact)
        return due < end ? due : nil
    }

    /// Takes the oldest request that is due and not sent: it is sent now. When it was due, or nil if none is.
    package mutating func take(at now: UInt64) -> UInt64? {
        guard let due = nextDue, due <= now else { return nil }
        advance()
        if due >= countFrom {
            sent += 1
            if now - due > Self.lateNanoseconds { late += 1 }
        }
        return due
    }

    /// The load is over: what is still due before the end is skipped.
    package mutating func finish() {
        while let due = nextDue {
            if due >= countFrom { skipped += 1 }
            advance()
        }
    }

    private mutating func advance() {
        switch arrivals {
        case .constant: exact += interval
        case .poisson:
            let unit = Double(random.next() >> 11) * 0x1p-53
            exact += -log(1 - unit) * interval
        }
    }
}
