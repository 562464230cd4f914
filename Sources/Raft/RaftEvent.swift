import Core

/// What happens to the consensus core. Time, disk, network and clients reach it in no other way.
package enum RaftEvent: Sendable {
    /// A tick of the driver's clock, at the rate that `RaftConfiguration` counts in. `wallMilliseconds`: the wall clock, with which a
    /// leader stamps entries.
    case tick(wallMilliseconds: Int64)
    /// A message from another node. One for another node than this is dropped.
    case message(RaftMessage)
    /// Commands to be replicated, in this order. Each is answered by `accepted` or `refused` in the same step.
    case propose([Proposal])
    /// A membership to change to, as it shall be in the end (`Membership` makes targets). A change of voters goes by way of a joint one,
    /// of which `accepted` tells the position; the leader proposes the end itself. One change at a time. Answered as a proposal is.
    case proposeMembership(ProposalID, Membership)
    /// The leader shall hand over to this voter, or to the one that is best fit. Answered by `handedOver` or `refused`, at the latest
    /// after an election timeout.
    case transferLeadership(ProposalID, to: NodeID?)
    /// The node shall not lead as long as others can, or shall again. Forgotten at a restart.
    case drain(Bool)
    /// A read asks for an index that is as new as this moment. Answered by `readReady` or `readFailed`, perhaps much later.
    case read(ReadID)
    /// The log made everything durable through the append effect of this number.
    case persisted(AppendNumber)
    /// The state machine has applied entries through this index.
    case applied(LogIndex)
    /// A snapshot was installed durably, and the log begins anew after it.
    case snapshotInstalled(InstalledSnapshot)
    /// A state that was damaged is that of a snapshot now, whose position the log has: `hasLog` was true for it right before. The log
    /// stays; entries after the position are handed over again.
    case stateReplaced(LogPosition)
    /// The transfer that `sendSnapshot` asked for has ended; `delivered` if the receiver said that it has installed it.
    case snapshotFinished(to: NodeID, through: LogPosition, delivered: Bool)
    /// The driver has removed entries up to this one from the log's files; the core forgets them too.
    case compacted(through: LogIndex)
    /// The transport has lost the connection to a node, so that messages under way to it are lost.
    case unreachable(NodeID)
}

/// A number that the driver gives a proposal.
package struct ProposalID: Identifier {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A number that the driver gives a read that waits.
package struct ReadID: Identifier {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// The number of an append effect; they count from 1 in each life of a core.
package struct AppendNumber: Identifier {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A command that a client wants in the log.
package struct Proposal: Equatable, Sendable {
    package let id: ProposalID
    package let payload: [UInt8]

    package init(id: ProposalID, payload: [UInt8]) {
        self.id = id
        self.payload = payload
    }
}

/// What a snapshot stands for: the log up to its position.
package struct InstalledSnapshot: Equatable, Sendable {
    package var position: LogPosition
    package var time: LogTime
    /// The membership in force at `position`, and the index of its entry.
    package var membership: Membership
    package var membershipIndex: LogIndex

    package init(position: LogPosition, time: LogTime, membership: Membership, membershipIndex: LogIndex) {
        self.position = position
        self.time = time
        self.membership = membership
        self.membershipIndex = membershipIndex
    }
}
