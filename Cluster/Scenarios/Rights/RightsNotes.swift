import Core
import Synchronization

/// A change of the partner's right, as the administrator knows it.
package struct RightChange: Sendable, Equatable {
    package var right: PartnerRight
    /// When it was asked for; nanoseconds, as `MonotonicTime`.
    package var begun: UInt64
    /// When it was acknowledged; `.max` if it never was.
    package var acknowledged: UInt64
    /// The log index of the newest change of rights after it, of which there was no other: answers made under a later one are not of this right. `.max` if
    /// nobody knows.
    package var policyIndex: UInt64
    /// It was asked for more than once, and of one time nobody knows what became of it: it may have come into force once more, at any later time.
    package var mayComeAgain: Bool

    package init(right: PartnerRight, begun: UInt64, acknowledged: UInt64, policyIndex: UInt64, mayComeAgain: Bool = false) {
        (self.right, self.begun, self.acknowledged, self.policyIndex, self.mayComeAgain) = (right, begun, acknowledged, policyIndex, mayComeAgain)
    }
}

/// What the partner was answered.
package struct PartnerAnswer: Sendable, Equatable {
    package enum Seen: Sendable, Equatable {
        /// There is no such record, or none that it may see.
        case nothing
        /// A record with these fields; the others were withheld.
        case record(number: Int64?, text: String?)
        /// It was told that it may not do that at all.
        case denied
        /// So many records, of all or of those that other clients wrote.
        case counted(UInt64, ofOthers: Bool)
        /// It was told that there is no field such as the number, by which it wanted to choose.
        case noSuchField
    }

    package var key: String
    package var isStale: Bool
    package var called: UInt64
    package var returned: UInt64
    /// Of what was refused nobody says under which rights it was: 0.
    package var policyIndex: UInt64
    package var seen: Seen
    package var action: PartnerRight.Action

    package init(
        key: String, isStale: Bool, called: UInt64, returned: UInt64, policyIndex: UInt64, seen: Seen, action: PartnerRight.Action = .get
    ) {
        (self.key, self.isStale, self.called, self.returned, self.policyIndex, self.seen) = (key, isStale, called, returned, policyIndex, seen)
        self.action = action
    }
}

/// What administrator and partner of a run have noted.
package final class RightsNotes: Sendable {
    private let state = Mutex<(changes: [RightChange], answers: [PartnerAnswer])>(([], []))

    package init() {}

    /// A change is about to be asked for. The number to complete it with.
    func begin(_ right: PartnerRight) -> Int {
        state.withLock { state in
            state.changes.append(RightChange(right: right, begun: MonotonicTime.now().nanoseconds, acknowledged: .max, policyIndex: .max))
            return state.changes.count - 1
        }
    }

    func acknowledged(_ change: Int) { state.withLock { $0.changes[change].acknowledged = MonotonicTime.now().nanoseconds } }
    func mayComeAgain(_ change: Int) { state.withLock { $0.changes[change].mayComeAgain = true } }
    func known(_ change: Int, at policyIndex: UInt64) { state.withLock { $0.changes[change].policyIndex = policyIndex } }
    func note(_ answer: PartnerAnswer) { state.withLock { $0.answers.append(answer) } }

    package var changes: [RightChange] { state.withLock { $0.changes } }
    package var answers: [PartnerAnswer] { state.withLock { $0.answers } }
}
