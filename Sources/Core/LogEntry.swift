/// What an entry of the replicated log is.
package enum EntryKind: UInt8, Sendable {
    /// Nothing: the leader's first entry of its term.
    case empty = 0
    /// A command of the state machine; the payload is the command's bytes.
    case command = 1
    /// A membership; the payload is `Membership`'s bytes.
    case membership = 2
    /// Nothing but the entry's time, so that time goes on in an idle cluster.
    case time = 3
}

/// An entry of the replicated log.
package struct LogEntry: Equatable, Sendable {
    /// The group of replicas it belongs to. 0 until there are several.
    package var group: UInt16 = 0
    package var index: LogIndex
    package var term: Term
    package var kind: EntryKind
    /// The leader's stamp; never before the entry ahead of it.
    package var time: LogTime
    package var payload: [UInt8]

    package init(index: LogIndex, term: Term, kind: EntryKind, time: LogTime, payload: [UInt8] = []) {
        self.index = index
        self.term = term
        self.kind = kind
        self.time = time
        self.payload = payload
    }

    /// Bytes that the entry counts for in every bound on bytes: the payload and `Limits.entryOverheadBytes`.
    package var weight: Int { payload.count + Limits.entryOverheadBytes }
}

/// A place in the log with the term of its entry.
package struct LogPosition: Hashable, Sendable {
    package var index: LogIndex
    package var term: Term

    package init(index: LogIndex, term: Term) {
        self.index = index
        self.term = term
    }

    package static let zero = LogPosition(index: LogIndex(0), term: Term(0))
}

/// What a member must never forget between two replies: its term, and whom it voted for in it (`NodeID.none`: nobody).
package struct HardState: Equatable, Sendable {
    package var term: Term
    package var vote: NodeID

    package init(term: Term = Term(0), vote: NodeID = .none) {
        self.term = term
        self.vote = vote
    }
}
