import Core

/// The memberships that the log says, from the committed one on: the last is in force, and a truncation brings back the one before.
struct MembershipHistory: Sendable {
    private var steps: [(index: LogIndex, membership: Membership)]

    init(_ membership: Membership, at index: LogIndex) { steps = [(index, membership)] }

    var current: Membership { steps[steps.count - 1].membership }
    /// The index of the entry that brought the current one; 0 for a new cluster's first.
    var index: LogIndex { steps[steps.count - 1].index }

    /// Whether the member votes by the current membership, or by one that may still be in force: it is not known yet that what
    /// took its vote is committed. Without it the others may lack the majority that commits its removal (thesis §4.2.2).
    ///
    /// A membership that gives the vote to another incarnation gives it to a directory that is gone: whoever receives the log anew meets those of before its time, in which its
    /// predecessor may have been the only voter. `incarnation` nil: not looked at.
    func mayLead(_ id: NodeID, _ incarnation: Incarnation?) -> Bool {
        steps.contains { $0.membership.isVoter(id) && (incarnation == nil || $0.membership.member(id)?.incarnation == incarnation) }
    }

    mutating func append(_ membership: Membership, at index: LogIndex) { steps.append((index, membership)) }

    /// Entries from `index` on are gone.
    mutating func truncate(from index: LogIndex) {
        while steps.count > 1, steps[steps.count - 1].index >= index { steps.removeLast() }
    }

    /// Entries through `index` are committed: what was in force before them never comes back. True if that ended a step.
    mutating func commit(_ index: LogIndex) -> Bool {
        let before = steps.count
        while steps.count > 1, steps[1].index <= index { steps.removeFirst() }
        return steps.count < before
    }
}
