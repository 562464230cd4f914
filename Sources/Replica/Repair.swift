import Core
import Raft
import Synchronization

/// When a replica whose state is damaged asks whom for another state. Owned by the driver.
///
/// First the leader, then one member after another, with a pause between two that grows: the next one may be sound where the last was not,
/// and nobody is asked in a tight loop. While a transfer goes on nobody is asked.
struct Repair {
    private(set) var isUnderWay = false
    private let pauseMilliseconds: UInt64
    private var tries = 0
    private var notBefore = MonotonicTime(nanoseconds: 0)

    init(pauseMilliseconds: UInt64) { self.pauseMilliseconds = pauseMilliseconds }

    mutating func begin() {
        isUnderWay = true
        tries = 0
        notBefore = MonotonicTime(nanoseconds: 0)
    }

    mutating func end() { isUnderWay = false }

    /// Whom to ask now, if anybody.
    ///
    /// - Parameters:
    ///   - heardAt: when a part of a snapshot came last.
    ///   - others: the other members, ascending.
    mutating func whom(_ now: MonotonicTime, heardAt: MonotonicTime, leader: NodeID, others: [NodeID]) -> NodeID? {
        guard isUnderWay, !others.isEmpty, now >= notBefore, now >= heardAt.adding(milliseconds: pauseMilliseconds) || tries == 0 else { return nil }
        let known = others.contains(leader) ? [leader] : []
        let order = known + others.filter { $0 != leader }
        let node = order[tries % order.count]
        notBefore = now.adding(milliseconds: pauseMilliseconds << UInt64(min(tries, 4)))
        tries += 1
        return node
    }
}

/// What befalls a replica's state, for administrators.
package enum RepairEvent: Equatable, Sendable {
    /// It is damaged and out of service until another replica's has taken its place.
    case damaged(String)
    /// Another replica's state of this position has taken its place.
    case rebuilt(LogPosition)
    /// The voters' states differ at this index, and none is that of a majority: nobody can say which is right.
    case disputed(LogIndex)
}

/// Whether the replica serves, and whether there are others it could be rebuilt from; for every lane.
final class Standing: Sendable {
    private let node: NodeID
    private let now: Mutex<(damage: String?, hasOthers: Bool)>
    private let damaged: Atomic<Bool>

    init(of node: NodeID, in membership: Membership, damage: String?) {
        self.node = node
        damaged = Atomic(damage != nil)
        now = Mutex((damage, membership.members.contains { $0.id != node }))
    }

    /// Why the replica is out of service; nil if it serves.
    var damage: String? {
        get { now.withLock { $0.damage } }
        set {
            now.withLock {
                $0.damage = newValue
                damaged.store(newValue != nil, ordering: .sequentiallyConsistent)
            }
        }
    }

    /// Whether it is out of service. Costs a load: for whoever asks often.
    var isDamaged: Bool { damaged.load(ordering: .acquiring) }

    /// False if the replica is out of service already.
    func note(newDamage damage: String) -> Bool {
        now.withLock { now in
            guard now.damage == nil else { return false }
            now.damage = damage
            damaged.store(true, ordering: .sequentiallyConsistent)
            return true
        }
    }

    var hasOthers: Bool { now.withLock { $0.hasOthers } }

    func note(_ membership: Membership) { now.withLock { $0.hasOthers = membership.members.contains { $0.id != node } } }
}
