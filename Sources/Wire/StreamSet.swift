import Core

/// Which of the streams 1 to `capacity` are in use, as bits: a request costs no hashing and no allocation.
@usableFromInline struct StreamSet: Equatable, Sendable {
    @usableFromInline var words: [UInt64]
    @usableFromInline let capacity: Int
    @usableFromInline private(set) var count = 0
    /// The word where the next search for a free number begins.
    private var hint = 0

    init(capacity: Int) {
        self.capacity = capacity
        words = [UInt64](repeating: 0, count: (capacity + 63) / 64)
    }

    @inlinable func contains(_ stream: UInt32) -> Bool {
        guard isInRange(stream) else { return false }
        return words[Int(stream - 1) >> 6] & bit(stream) != 0
    }

    @inlinable func isInRange(_ stream: UInt32) -> Bool { stream >= 1 && stream <= capacity }

    /// False if it is in use, or out of range.
    mutating func insert(_ stream: UInt32) -> Bool {
        guard isInRange(stream), !contains(stream) else { return false }
        words[Int(stream - 1) >> 6] |= bit(stream)
        count += 1
        return true
    }

    /// False if it was not in use.
    mutating func remove(_ stream: UInt32) -> Bool {
        guard contains(stream) else { return false }
        words[Int(stream - 1) >> 6] &= ~bit(stream)
        count -= 1
        return true
    }

    /// Takes a number that is free; nil if none is.
    mutating func takeFree() -> UInt32? {
        guard count < capacity else { return nil }
        for step in 0..<words.count {
            let place = (hint + step) % words.count
            let free = ~words[place]
            guard free != 0 else { continue }
            let stream = UInt32(place * 64 + free.trailingZeroBitCount + 1)
            guard isInRange(stream) else { continue }
            hint = place
            _ = insert(stream)
            return stream
        }
        return nil
    }

    /// The numbers in use, ascending.
    var streams: [UInt32] { (1...UInt32(max(1, capacity))).filter(contains) }

    @inlinable func bit(_ stream: UInt32) -> UInt64 { 1 << UInt64((stream - 1) & 63) }
}
