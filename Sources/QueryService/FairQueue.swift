import NIOCore

/// What one owner has brought to a `FairQueue`. Each owner keeps one for each queue, so that to find it costs nothing.
final class FairLane<Element> {
    fileprivate var waiting = CircularBuffer<Element>()
}

/// Things that wait for a worker, of many owners: each owner in its turn has one taken, however many it has brought.
struct FairQueue<Element> {
    /// The lanes that have something, each once, the next one first.
    private var order = CircularBuffer<FairLane<Element>>()
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func add(_ element: Element, to lane: FairLane<Element>) {
        count += 1
        if lane.waiting.isEmpty { order.append(lane) }
        lane.waiting.append(element)
    }

    /// The first thing of the owner whose turn it is; nil if nothing waits.
    mutating func next() -> Element? {
        guard let lane = order.popFirst(), let element = lane.waiting.popFirst() else { return nil }
        count -= 1
        if !lane.waiting.isEmpty { order.append(lane) }
        return element
    }
}
