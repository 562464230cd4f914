/// Something that no correct system could have shown.
package struct Violation: Equatable, Sendable {
    package enum Kind: String, Sendable {
        /// There is no order of the key's operations.
        case notLinearizable = "not linearizable"
        /// A value was seen that nobody wrote, or whose write surely had no effect, or was not called yet.
        case neverWritten = "never written"
        /// A value was seen under another key, or at two log indexes.
        case duplicated = "duplicated"
        /// A read does not show the state at the log index that it claims.
        case notItsIndex = "not the state of its index"
        /// A read's index lies before what was known when it was called, less the age that it admits.
        case tooOld = "too old"
        /// An operation of a session shows less than one before it in the session.
        case sessionWentBack = "a session went back"
        /// An acknowledged write is not there at the end, and nothing could have come after it.
        case lost = "lost"
    }

    package var kind: Kind
    package var key: String
    /// Numbers of the operations that show it.
    package var operations: [Int]
    /// For people; may have several lines.
    package var text: String
}

/// How many of what there were.
package struct Counts: Equatable, Sendable {
    package var operations = 0
    package var keys = 0
    package var clients = 0
    /// Reads that were answered; those of them that could be stale.
    package var reads = 0, staleReads = 0
    package var writesAcknowledged = 0, writesRefused = 0
    /// Of reads and writes.
    package var failed = 0, unknown = 0
    /// Keys that were read at the end.
    package var finals = 0
    /// Acknowledged writes on keys that were read at the end: still there, followed by another that could have come after, and neither.
    package var kept = 0, superseded = 0, lost = 0
    /// Reads whose claimed index was checked against the log; operations of sessions.
    package var indexesChecked = 0, sessionOperations = 0
    /// Of the search for orders, and of the longest search of a key.
    package var steps = 0, stepsOfOneKey = 0
}

/// What `Checker` found.
package struct Verdict: Equatable, Sendable {
    package enum Conclusion: Equatable, Sendable {
        case noViolation
        case violation
        /// None was found, but for some keys the search was given up at its bound.
        case unknown
    }

    package var counts = Counts()
    package var violations: [Violation] = []
    /// Keys for which the search was given up.
    package var undecidedKeys: [String] = []

    package var conclusion: Conclusion { violations.isEmpty ? (undecidedKeys.isEmpty ? .noViolation : .unknown) : .violation }

    /// For people. Of the violations the first `shown`.
    package func text(shown: Int = 10) -> String {
        var lines = [
            "operations  \(counts.operations) of \(counts.clients) clients on \(counts.keys) keys",
            "reads       \(counts.reads), \(counts.staleReads) of them stale",
            "writes      \(counts.writesAcknowledged) acknowledged, \(counts.writesRefused) refused",
            "no answer   \(counts.unknown) unknown, \(counts.failed) failed",
            "orders      \(counts.keys - undecidedKeys.count) of \(counts.keys) keys decided, \(counts.steps) steps, \(counts.stepsOfOneKey) for one key at most",
            "indexes     \(counts.indexesChecked) reads compared with the log, \(counts.sessionOperations) operations of sessions",
            "at the end  \(counts.finals) keys read, \(counts.kept) acknowledged writes kept, \(counts.superseded) superseded, \(counts.lost) lost",
        ]
        for violation in violations.prefix(shown) { lines.append("\nVIOLATION: \(violation.kind.rawValue)\n\(violation.text)") }
        if violations.count > shown { lines.append("\n… and \(violations.count - shown) violations more") }
        for key in undecidedKeys.prefix(shown) { lines.append("\nundecided: the search of key \(key) was given up; a larger --steps may decide it") }
        lines.append("")
        switch conclusion {
        case .noViolation: lines.append("verdict     no violation")
        case .violation: lines.append("verdict     \(violations.count) violations")
        case .unknown: lines.append("verdict     unknown: no violation found, \(undecidedKeys.count) keys undecided")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
