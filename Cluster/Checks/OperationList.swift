/// The calls and returns of operations in the order of time, from which operations are taken out and put back in the reverse order, each in
/// constant time. A call stands before a return of the same moment: those operations count as concurrent.
struct OperationList {
    /// Behind the last event.
    static let end = -1

    private struct Event {
        let time: UInt64
        let operation: Int
        let isReturn: Bool
    }

    private let events: [Event]
    private let callEvents: [Int], returnEvents: [Int]
    /// By the event's place plus 1; the place 0 is the head.
    private var nexts: [Int], previouses: [Int]

    /// Of operations by their times of call and return.
    init(_ times: [(called: UInt64, end: UInt64)]) {
        var events: [Event] = []
        events.reserveCapacity(times.count * 2)
        for (operation, time) in times.enumerated() {
            events.append(Event(time: time.called, operation: operation, isReturn: false))
            events.append(Event(time: time.end, operation: operation, isReturn: true))
        }
        events.sort { ($0.time, $0.isReturn ? 1 : 0, $0.operation) < ($1.time, $1.isReturn ? 1 : 0, $1.operation) }
        var calls = [Int](repeating: 0, count: times.count)
        var returns = calls
        for (place, event) in events.enumerated() {
            if event.isReturn { returns[event.operation] = place } else { calls[event.operation] = place }
        }
        self.events = events
        callEvents = calls
        returnEvents = returns
        nexts = (0...events.count).map { $0 == events.count ? Self.end : $0 }
        previouses = (0...events.count).map { $0 - 2 }
    }

    var first: Int { nexts[0] }
    /// The first return; there is one unless the list is empty.
    var firstReturn: Int {
        var event = first
        while event != Self.end, !events[event].isReturn { event = self.event(after: event) }
        return event
    }
    func event(after event: Int) -> Int { nexts[event + 1] }
    func time(of event: Int) -> UInt64 { events[event].time }
    /// The operation that is called here; nil if one returns here.
    func call(at event: Int) -> Int? { events[event].isReturn ? nil : events[event].operation }
    func callEvent(of operation: Int) -> Int { callEvents[operation] }

    mutating func takeOut(_ operation: Int) {
        for event in [callEvents[operation], returnEvents[operation]] {
            let previous = previouses[event + 1], next = nexts[event + 1]
            nexts[previous + 1] = next
            if next != Self.end { previouses[next + 1] = previous }
        }
    }

    /// Undoes the last `takeOut`.
    mutating func putBack(_ operation: Int) {
        for event in [returnEvents[operation], callEvents[operation]] {
            let previous = previouses[event + 1], next = nexts[event + 1]
            nexts[previous + 1] = event
            if next != Self.end { previouses[next + 1] = event }
        }
    }
}

/// A set of numbers below a bound that knows from where on it is not full.
struct BitSet {
    private var words: [UInt64]
    /// The first word that is not full, or may not be.
    private var low = 0
    /// One more than the highest number that was ever in it.
    private var high = 0

    init(count: Int) { words = [UInt64](repeating: 0, count: (count + 63) / 64) }

    func contains(_ number: Int) -> Bool { words[number / 64] & (1 << UInt64(number % 64)) != 0 }

    mutating func insert(_ number: Int) {
        words[number / 64] |= 1 << UInt64(number % 64)
        high = max(high, number + 1)
        while low < words.count, words[low] == .max { low += 1 }
    }

    mutating func remove(_ number: Int) {
        words[number / 64] &= ~(1 << UInt64(number % 64))
        low = min(low, number / 64)
    }

    /// Appends words that stand for this set and no other: where the words begin that are not full, how many, and those up to the last that is not empty.
    func append(to key: inout [UInt64]) {
        var end = max(low, (high + 63) / 64)
        while end > low, words[end - 1] == 0 { end -= 1 }
        key.append(UInt64(low))
        key.append(UInt64(end - low))
        key += words[low..<end]
    }
}
