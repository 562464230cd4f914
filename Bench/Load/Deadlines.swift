/// Things that are due a fixed time after they were put in: first in, first out. Times are nanoseconds.
struct Deadlines<Element> {
    private let delay: UInt64
    private var entries: [(due: UInt64, element: Element)] = []
    /// Entries before it were taken.
    private var head = 0

    init(delay: UInt64) { self.delay = delay }

    /// When the first one is due; nil if there is none.
    var first: UInt64? { head < entries.count ? entries[head].due : nil }

    mutating func append(_ element: Element, _ now: UInt64) { entries.append((now + delay, element)) }

    /// The first one, if it is due by now.
    mutating func take(_ now: UInt64) -> Element? {
        guard let first, first <= now else { return nil }
        let element = entries[head].element
        head += 1
        // Each is moved once, on the average.
        if head > entries.count / 2 {
            entries.removeSubrange(..<head)
            head = 0
        }
        return element
    }
}
