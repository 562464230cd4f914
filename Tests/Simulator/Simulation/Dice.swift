import Core

/// The draws of one seed. Everything that happens by chance in a simulation is drawn here, in the order in which it happens.
struct Dice {
    private var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    mutating func next() -> UInt64 { random.next() }

    /// 0 to `bound` − 1.
    mutating func below(_ bound: Int) -> Int { bound <= 1 ? 0 : Int(random.next() % UInt64(bound)) }

    /// From `range`, both ends included.
    mutating func within(_ range: ClosedRange<UInt64>) -> UInt64 { range.lowerBound + random.next() % (range.upperBound - range.lowerBound + 1) }

    /// True so many times in a thousand.
    mutating func permille(_ count: Int) -> Bool { count > 0 && below(1_000) < count }

    mutating func pick<T>(_ items: [T]) -> T { items[below(items.count)] }
}
