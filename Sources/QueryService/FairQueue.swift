import NIOCore

/// Things that wait for a worker, of many owners: each owner in its turn has one taken, however many it has brought. A pure value.
struct FairQueue<Element> {
    private var lanes: [ObjectIdentifier: CircularBuffer<Element>] = [:]
    /// The owners that have something, the next one first.
    private var order = CircularBuffer<ObjectIdentifier>()
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func add(_ element: Element, of owner: ObjectIdentifier) {
        count += 1
        if lanes[owner]?.append(element) == nil {
            lanes[owner] = [element]
            order.append(owner)
        }
    }

    /// The first thing of the owner whose turn it is; nil if nothing waits.
    mutating func next() -> Element? {
        guard let owner = order.popFirst(), let element = lanes[owner]?.popFirst() else { return nil }
        count -= 1
        if lanes[owner]?.isEmpty == false { order.append(owner) } else { lanes[owner] = nil }
        return element
    }
}
