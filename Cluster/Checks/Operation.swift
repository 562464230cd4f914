/// One operation of a history on one key: what a client asked for, when, and what it was told.
///
/// Values are numbers that stand for what was written; each stands for one write of the whole history, so that a reader knows
/// whose value it sees. 0 is no value.
package struct Operation: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        /// Gets the record.
        case read
        /// Writes the record whether or not there is one.
        case put
        /// Changes a record that there is.
        case update
        /// Removes the record; none there is no error.
        case delete
    }

    /// What must hold of the record before a write.
    package enum Condition: Hashable, Sendable {
        case none
        case absent
        case present
        /// The record was last changed by the entry of this log index.
        case modifiedAt(UInt64)
    }

    package enum Outcome: Equatable, Sendable {
        /// It took effect.
        case ok
        /// Its condition did not hold, or there was no record to update. It had no effect, and it says something of the record.
        case refused
        /// It surely had no effect, and says nothing of the record.
        case failed
        /// Nobody told: it may take effect at any time after its call, or never.
        case unknown
    }

    /// Its number in the history, from 0 in the order of the calls. `History` gives it.
    package var number = 0
    /// As its client wrote it.
    package var name: UInt64
    /// Which file of the history it comes from, from 0.
    package var source = 0
    package var client: UInt64
    /// Operations of one session see what the session saw before. nil: no such promise.
    package var session: UInt64?
    package var key: String
    package var kind: Kind
    /// Of a put or an update: what it writes.
    package var written: UInt64
    package var condition: Condition
    /// Of a read: whether an older state is enough.
    package var mayBeStale: Bool

    /// Nanoseconds of one monotonic clock for all clients.
    package var called: UInt64
    /// nil: nobody told until the history ended.
    package var returned: UInt64?
    package var outcome: Outcome
    /// The log index that the answer claims: of a write where it took effect, of a read the one whose state it shows. nil: none.
    package var index: UInt64?
    /// Of a read: the value seen; 0: no record.
    package var seen: UInt64
    /// Of a read: the log index of the record's last change, if it was told.
    package var seenModified: UInt64?
    /// Of a read: milliseconds that its answer says it may be old.
    package var ageMilliseconds: UInt64
    /// It is part of what was read of every key at the end.
    package var isFinal: Bool

    package init(
        name: UInt64, client: UInt64 = 0, session: UInt64? = nil, key: String, kind: Kind, written: UInt64 = 0, condition: Condition = .none,
        mayBeStale: Bool = false, called: UInt64, returned: UInt64? = nil, outcome: Outcome = .unknown, index: UInt64? = nil, seen: UInt64 = 0,
        seenModified: UInt64? = nil, ageMilliseconds: UInt64 = 0, isFinal: Bool = false
    ) {
        self.name = name
        self.client = client
        self.session = session
        self.key = key
        self.kind = kind
        self.written = written
        self.condition = condition
        self.mayBeStale = mayBeStale
        self.called = called
        self.returned = returned
        self.outcome = outcome
        self.index = index
        self.seen = seen
        self.seenModified = seenModified
        self.ageMilliseconds = ageMilliseconds
        self.isFinal = isFinal
    }

    package var isWrite: Bool { kind != .read }
    /// The end of its stretch of time; that of one without an answer never comes.
    var end: UInt64 { outcome == .unknown ? .max : returned ?? .max }
}

extension Operation {
    /// Who did it, for people: `client 3`, `client 3 of the second file` as `client 2.3`, or `at the end`.
    var who: String { isFinal ? "at the end" : source == 0 ? "client \(client)" : "client \(source + 1).\(client)" }

    /// Its name, for people: `#17`, of the second file `#2.17`.
    var label: String { isFinal ? "final" : source == 0 ? "#\(name)" : "#\(source + 1).\(name)" }

    /// What was asked, for people: `put 7 if absent`.
    var asked: String {
        var text =
            switch kind {
            case .read: mayBeStale ? "read (stale)" : "read"
            case .put: "put \(written)"
            case .update: "update to \(written)"
            case .delete: "delete"
            }
        switch condition {
        case .none: break
        case .absent: text += " if absent"
        case .present: text += " if present"
        case let .modifiedAt(index): text += " if modified at \(index)"
        }
        return text
    }

    /// What was answered, for people: `ok, index 55`.
    var answered: String {
        let at = index.map { ", index \($0)" } ?? ""
        switch outcome {
        case .ok where kind == .read:
            return (seen == 0 ? "no record" : "value \(seen)" + (seenModified.map { " modified at \($0)" } ?? "")) + at
        case .ok: return "ok" + at
        case .refused: return "refused" + at
        case .failed: return "failed"
        case .unknown: return "nobody knows"
        }
    }
}
