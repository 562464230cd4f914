import Admission
import Core

/// What is to happen, by its moment; what is due at the same moment happens in the order in which it was asked for. A binary heap.
struct EventQueue {
    private struct Key {
        let time: UInt64
        let number: UInt64
        let slot: Int
        func isBefore(_ other: Key) -> Bool { time != other.time ? time < other.time : number < other.number }
    }

    private var heap: [Key] = []
    private var slots: [Event?] = []
    private var free: [Int] = []
    private var count: UInt64 = 0

    var isEmpty: Bool { heap.isEmpty }

    mutating func push(_ event: Event, at time: UInt64) {
        let slot: Int
        if let reused = free.popLast() {
            slot = reused
            slots[slot] = event
        } else {
            slot = slots.count
            slots.append(event)
        }
        count += 1
        heap.append(Key(time: time, number: count, slot: slot))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].isBefore(heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> (time: UInt64, event: Event)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].isBefore(heap[least]) { least = child }
                guard least != parent else { break }
                heap.swapAt(parent, least)
                parent = least
            }
        }
        guard let event = slots[first.slot] else { return nil }
        slots[first.slot] = nil
        free.append(first.slot)
        return (first.time, event)
    }
}

/// One thing that happens. What `kho-sim` counts: a batch of a lane, a message's arrival, something that a client, the administrator or a
/// fault does.
enum Event {
    /// A lane's next batch; of an older `token` it is no longer wanted.
    case lane(LaneSlot, token: UInt64)
    case deliver(Packet)
    case client(Int, step: UInt64)
    case administrator
    case fault(Fault)
    case restart(place: Int, life: Int)
    /// A node whose disk failed ends.
    case stop(place: Int, life: Int)
    /// The node learns that its connection to another one is gone.
    case disconnected(place: Int, life: Int, from: Int)
    case healLinks(epoch: Int)
    case leasedRead(LeasedRead)
}

/// Bytes on their way between two nodes.
struct Packet {
    let from: Int
    let to: Int
    /// The sender's data directory, its start there and life, and the receiver's life, when it was sent.
    let incarnation: UInt64
    let start: PeerStart
    let life: Int
    let receiverLife: Int
    /// At which entry the sender's log named it then (`PeerStanding`).
    let standing: PeerStanding
    let isBulk: Bool
    let bytes: [UInt8]
}
