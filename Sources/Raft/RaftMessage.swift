import Core

/// A message between the consensus cores of two nodes.
package struct RaftMessage: Equatable, Sendable {
    package var from: NodeID
    package var to: NodeID
    /// The sender's term. A pre-vote carries the term that it would campaign in, and a granted answer to it likewise.
    package var term: Term
    package var body: Body

    package init(from: NodeID, to: NodeID, term: Term, body: Body) {
        self.from = from
        self.to = to
        self.term = term
        self.body = body
    }

    package enum Body: Equatable, Sendable {
        /// Would you vote for me? Changes nothing at the receiver (Ongaro's thesis, §9.6).
        case preVote(last: LogPosition)
        case preVoteReply(granted: Bool)
        /// `transfer`: the leader itself asked for this election by `timeoutNow`, so that who still hears it may vote too, and has
        /// released the promises made to its heartbeats through `released`.
        case vote(last: LogPosition, transfer: Bool, released: UInt64 = 0)
        case voteReply(granted: Bool)
        /// Entries after `previous`, none for a probe or a new commit index alone.
        case append(previous: LogPosition, entries: [LogEntry], commit: LogIndex)
        /// The receiver's log is the leader's through `match`.
        case appendAccepted(match: LogIndex)
        /// There is no entry at `previous`, or one of another term. `hint`: the last place at which the logs can agree, by the
        /// receiver's log (the first index of the conflicting term's predecessor and its term).
        case appendRejected(previous: LogIndex, hint: LogPosition)
        /// I still lead. `context` is that of the newest round of reads that waits for a quorum.
        /// `stamp`: when it was sent, by the sender's clock, if a promise not to elect another is wanted; otherwise 0.
        case heartbeat(commit: LogIndex, context: UInt64, stamp: UInt64 = 0)
        /// `stamp`: that of the heartbeat, with which the promise is made; 0 if it is not. `isDraining`: the sender wants no office.
        case heartbeatReply(context: UInt64, stamp: UInt64 = 0, isDraining: Bool = false)
        /// A follower's or learner's read asks for the leader's read index.
        case readRequest(ReadID)
        case readReply(ReadID, LogIndex)
        case readRefused(ReadID, Refusal)
        /// Campaign now, the leader hands over (Ongaro's thesis, §3.10). `released`: the last of its heartbeats that asked for promises.
        case timeoutNow(released: UInt64 = 0)
        /// I would answer queries by myself.
        case leaseRequest(nonce: UInt64)
        /// You may, for so long from when you asked, with what is committed through `index` and all that you receive.
        case leaseGranted(nonce: UInt64, nanoseconds: UInt64, index: LogIndex)

        /// Whether it says something that the receiver counts for the sender's number: a vote, a promise, entries that are durable or received there.
        package var counts: Bool {
            switch self {
            case let .preVoteReply(granted), let .voteReply(granted): granted
            case .appendAccepted, .heartbeatReply, .leaseRequest: true
            default: false
            }
        }
    }
}
