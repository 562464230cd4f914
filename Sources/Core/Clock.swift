import CKhoPlatform

/// A point of this machine's monotonic clock (CLOCK_BOOTTIME, which counts suspended time), for measuring and deadlines.
public struct MonotonicTime: Comparable, Sendable {
    package let nanoseconds: UInt64

    package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    package static func now() -> MonotonicTime { MonotonicTime(nanoseconds: kho_monotonic_nanoseconds()) }

    public static func < (a: MonotonicTime, b: MonotonicTime) -> Bool { a.nanoseconds < b.nanoseconds }

    /// Nanoseconds since the earlier point; 0 if it is not earlier.
    package func nanoseconds(since earlier: MonotonicTime) -> UInt64 {
        nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0
    }

    package func milliseconds(since earlier: MonotonicTime) -> Double { Double(nanoseconds(since: earlier)) / 1e6 }

    package func adding(milliseconds: UInt64) -> MonotonicTime {
        MonotonicTime(nanoseconds: nanoseconds + milliseconds * 1_000_000)
    }

    package func adding(nanoseconds more: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: nanoseconds + more) }
}

/// The wall clock. Only the edges read it: a leader's stamp, audit lines, names of certificates.
package enum WallClock {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    package static func now() -> Int64 { kho_wall_milliseconds() }
}

/// The kernel's random source.
package enum SystemRandom {
    package static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let code = kho_random_bytes(buffer.baseAddress, count)
            invariant(code == 0, "the kernel gives no random bytes: errno \(code)")
            filled = count
        }
    }

    package static func uint64() -> UInt64 { bytes(8).reduce(0) { $0 << 8 | UInt64($1) } }
}

/// A small generator that gives the same numbers for the same seed (SplitMix64: Steele, Lea, Flood 2014). For election
/// timeouts, simulations and generated data; never for secrets.
package struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
