import Core

/// What the consensus core asks of its driver. The effects of a step are carried out in their order.
package enum RaftEffect: Equatable, Sendable {
    /// Make this durable, then send the messages in it, then report `persisted`.
    case append(AppendEffect)
    /// Send this at once: nothing in it depends on what is not yet durable.
    case send(RaftMessage)
    /// Hand these committed entries to the state machine; they follow those handed over before.
    case apply([LogEntry])
    /// The proposal stands in the leader's log here. It takes effect if an entry of this index and term is applied, and never if
    /// another one is.
    case accepted(ProposalID, LogPosition)
    case refused(ProposalID, Refusal)
    /// The node to which leadership was to be transferred leads.
    case handedOver(ProposalID, NodeID)
    /// The read may be answered from a state machine that has applied this index.
    case readReady(ReadID, LogIndex)
    case readFailed(ReadID, Refusal)
    /// The node is too far behind for the log: stream it a snapshot, and report `snapshotFinished`.
    case sendSnapshot(to: NodeID)
    /// Another membership is in force: connect to its members and to no others.
    case membershipChanged(Membership)
    /// Role, term or leader changed.
    case statusChanged(RaftStatus)
    /// The node's own right to answer queries changed, or what it has received under it. To be known to all readers before the
    /// effects that follow are carried out: an acknowledgement among them lets the leader answer writers. Only if it wants leases.
    case leaseChanged(ReadLease)
    /// Something that an administrator should hear of.
    case alarm(RaftAlarm)
}

/// A write to the log with the messages that must not leave before it is durable.
package struct AppendEffect: Equatable, Sendable {
    package var number: AppendNumber
    /// Term and vote, if they changed since the last append.
    package var hardState: HardState?
    /// Follow the log's last entry, or replace everything from the first one's index on.
    package var entries: [LogEntry]
    package var messages: [RaftMessage]

    package init(number: AppendNumber, hardState: HardState?, entries: [LogEntry], messages: [RaftMessage]) {
        self.number = number
        self.hardState = hardState
        self.entries = entries
        self.messages = messages
    }
}

/// Why a proposal or a read was not taken.
package enum Refusal: UInt8, Equatable, Sendable {
    /// Another node leads; `RaftStatus.leader` says who, if it is known. It had no effect and may be tried there.
    case notLeader = 1
    /// Too much is under way; it had no effect and may be tried again after a while.
    case busy = 2
    /// A change of membership is under way or not allowed yet.
    case membershipPending = 3
    /// The membership is no step that can be made from the one in force, or leaves nobody to vote.
    case membershipInvalid = 4
    /// Leadership was lost, or no quorum answered, before the read could be confirmed.
    case noQuorum = 5
    /// The leader hands over; it had no effect and may be tried again after a while, perhaps elsewhere.
    case transferring = 6
    /// A node that is to vote does not answer, or does not have nearly all of the log yet.
    case learnerBehind = 7
    /// Of those who are to vote no majority answers.
    case quorumAtRisk = 8
    /// The node that is to lead is no voter, does not answer, or leads already; or there is no such node.
    case targetUnfit = 9
    /// The target did not come to lead in time, or another did.
    case transferFailed = 10
}

package enum RaftRole: UInt8, Equatable, Sendable {
    case follower = 1, preCandidate, candidate, leader
    /// Follows the log without a vote.
    case learner
}

/// What the core says of itself.
package struct RaftStatus: Equatable, Sendable {
    package var id: NodeID
    package var role: RaftRole
    package var term: Term
    /// `NodeID.none` if none is known.
    package var leader: NodeID
    package var commitIndex: LogIndex
    package var lastIndex: LogIndex

    package init(id: NodeID, role: RaftRole, term: Term, leader: NodeID, commitIndex: LogIndex, lastIndex: LogIndex) {
        self.id = id
        self.role = role
        self.term = term
        self.leader = leader
        self.commitIndex = commitIndex
        self.lastIndex = lastIndex
    }
}

/// How far a follower is, as its leader sees it.
package struct FollowerStatus: Equatable, Sendable {
    package var id: NodeID
    package var matchIndex: LogIndex
    /// "probe", "replicate" or "snapshot".
    package var state: String
    /// Answered within the last election timeout.
    package var isActive: Bool

    package init(id: NodeID, matchIndex: LogIndex, state: String, isActive: Bool) {
        self.id = id
        self.matchIndex = matchIndex
        self.state = state
        self.isActive = isActive
    }
}

package enum RaftAlarm: Equatable, Sendable {
    /// The wall clock runs so far ahead of the log's time that the log's time follows in steps only.
    case clockAhead(milliseconds: Int64)
    /// The wall clock runs behind the log's time, which stands still until it is caught up.
    case clockBehind(milliseconds: Int64)
}
