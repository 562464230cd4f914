import Core

/// The reads that a follower or learner has sent to the leader, in the order of their numbers on the wire.
struct ForwardedReads: Sendable {
    private struct Read: Sendable {
        var id: ReadID
        var deadline: Int
        var isDone = false
    }

    /// Numbers on the wire follow one another: the read at place `i` has `firstWire + i`.
    private var reads: [Read] = []
    private var firstWire: UInt64
    /// Reads before this place are done.
    private var head = 0
    private(set) var count = 0

    /// `nonce`: where the numbers on the wire begin, a draw. The driver may count its own from 1 again after a restart, and an
    /// answer to the life before must not answer a read of this one.
    init(nonce: UInt64) { firstWire = nonce >> 2 }

    /// Notes a read, and gives its number on the wire.
    mutating func add(_ id: ReadID, deadline: Int) -> ReadID {
        reads.append(Read(id: id, deadline: deadline))
        count += 1
        return ReadID(firstWire + UInt64(reads.count) - 1)
    }

    /// The read with this number on the wire, which is then done; nil if none of this number waits.
    mutating func finish(_ wire: ReadID) -> ReadID? {
        guard wire.rawValue >= firstWire, wire.rawValue - firstWire < UInt64(reads.count) else { return nil }
        let place = Int(wire.rawValue - firstWire)
        guard !reads[place].isDone else { return nil }
        let id = reads[place].id
        reads[place].isDone = true
        count -= 1
        trim()
        return id
    }

    /// Takes out the reads whose time is up. Deadlines ascend.
    mutating func expire(now: Int) -> [ReadID] {
        var expired: [ReadID] = []
        while head < reads.count, reads[head].isDone || reads[head].deadline <= now {
            if !reads[head].isDone {
                expired.append(reads[head].id)
                reads[head].isDone = true
                count -= 1
            }
            head += 1
        }
        trim()
        return expired
    }

    /// Takes out all reads that wait.
    mutating func removeAll() -> [ReadID] {
        let waiting = reads[head...].filter { !$0.isDone }.map(\.id)
        head = reads.count
        count = 0
        trim()
        return waiting
    }

    /// Lets go of the reads done at the front, now and then.
    private mutating func trim() {
        while head < reads.count, reads[head].isDone { head += 1 }
        guard head == reads.count || head > 1_024 && head > reads.count / 2 else { return }
        reads.removeFirst(head)
        firstWire += UInt64(head)
        head = 0
    }
}
