import Core
import LMDB

/// A client session, so that a retried write is applied once.
struct Session: Equatable {
    var principal: UInt32
    /// The log's time of its last write.
    var lastUsed: LogTime
    /// The highest sequence number applied.
    var highest: UInt64

    /// When the queue of ends looks at it again: at its end, as far as was known when it was put there.
    var due: LogTime

    // Keys: session u64 → the session; session u64, place u16 → an answer: sequence u64, the outcome's bytes. Value: principal u32, last used
    // i64, highest u64, due i64. `SessionIndex` has the keys that begin with 255.
    //
    // An answer's place is its sequence number modulo the window's length: each takes that of the one that falls out of the window, in the same bytes mostly, and nothing is
    // ever removed. Where a client skips numbers an answer stays behind its window; who finds one looks at its number and at the window's foot.

    static func key(_ id: SessionID) -> [UInt8] {
        var out = ByteWriter(capacity: 8)
        out.write(id.rawValue)
        return out.bytes
    }

    /// The key of an answer.
    static func writeKey(_ id: SessionID, _ sequence: UInt64, into out: inout ByteWriter) {
        out.bytes.removeAll(keepingCapacity: true)
        out.write(id.rawValue)
        out.write(UInt16(sequence % UInt64(Limits.sessionAnswers)))
    }

    static func key(_ id: SessionID, _ sequence: UInt64) -> [UInt8] {
        var out = ByteWriter(capacity: 10)
        writeKey(id, sequence, into: &out)
        return out.bytes
    }

    /// Up to and with this number answers are forgotten.
    var foot: UInt64 {
        let window = UInt64(Limits.sessionAnswers)
        return highest > window ? highest - window : 0
    }

    /// What is stored under an answer's key is the answer to this number, or to one that has had its place before or after it: then nil.
    static func answer(_ stored: [UInt8], to sequence: UInt64) throws(StoreError) -> CommandOutcome? {
        do throws(DecodingError) {
            return try stored.reading { reader throws(DecodingError) in
                guard try reader.readUInt64() == sequence else {
                    _ = try reader.copiedRest()
                    return nil
                }
                return try CommandOutcome(from: &reader)
            }
        } catch { throw .corrupt(path: "sessions", what: "\(error)") }
    }

    func encoded() -> [UInt8] {
        var out = ByteWriter(capacity: 28)
        out.write(principal)
        out.write(lastUsed.milliseconds)
        out.write(highest)
        out.write(due.milliseconds)
        return out.bytes
    }

    init(principal: UInt32, lastUsed: LogTime) {
        self.principal = principal
        self.lastUsed = lastUsed
        highest = 0
        due = lastUsed.ofSessionsEnd
    }

    init(decoding bytes: [UInt8]) throws(StoreError) {
        do throws(DecodingError) {
            (principal, lastUsed, highest, due) = try bytes.reading { reader throws(DecodingError) in
                (
                    try reader.readUInt32(), LogTime(milliseconds: try reader.readInt64()), try reader.readUInt64(),
                    LogTime(milliseconds: try reader.readInt64())
                )
            }
        } catch { throw .corrupt(path: "sessions", what: "\(error)") }
    }
}

extension Applier {
    /// The session's id is the entry's index. Opening one ends some of those that were idle too long, and one where there are too many.
    func openSession(_ principal: PrincipalID, at entry: LogEntry, _ transaction: inout WriteTransaction) throws(StoreError) -> CommandOutcome {
        guard let known = catalogue.principal(principal), known.active else { return .rejected(Rejection(.unauthenticated)) }
        // What opening one looks through is in the database.
        try writeSessions(&transaction)
        try makeRoom(for: principal, at: entry.time, &transaction)
        let id = SessionID(entry.index.rawValue)
        try add(id, Session(principal: principal.rawValue, lastUsed: entry.time), &transaction)
        return .sessionOpened(id)
    }

    /// Applies the write, or gives the stored answer if this sequence number was applied before, even if the right has gone
    /// since.
    func applyOnce(
        _ write: WriteHeader, at entry: LogEntry, _ transaction: inout WriteTransaction,
        _ apply: (inout WriteTransaction) throws(StoreError) -> CommandOutcome
    ) throws(StoreError) -> CommandOutcome {
        guard write.session != .none else { return try apply(&transaction) }
        guard var session = try keptSession(write.session, transaction), session.principal == write.principal.rawValue,
            entry.time.milliseconds - session.lastUsed.milliseconds <= Limits.sessionIdleMilliseconds
        else { return .rejected(Rejection(.sessionEnded)) }
        guard write.sequence > 0 else { return .rejected(Rejection(.invalid, text: "sequence numbers begin with 1")) }
        guard write.sequence > session.foot else { return .rejected(Rejection(.sequenceTooOld)) }
        #if !KHO_BUG_RETRY_APPLIED_TWICE
        // Without it: a retried write is applied again.
        if write.sequence <= session.highest, let stored = try copied(transaction, databases.sessions, Session.key(write.session, write.sequence)),
            let answer = try Session.answer(stored, to: write.sequence)
        { return answer }
        #endif
        let outcome = try apply(&transaction)
        // Any number of 64 bits may come: nothing is added to it.
        session.highest = max(session.highest, write.sequence)
        session.lastUsed = entry.time
        sessions.change(write.session, to: session)
        Session.writeKey(write.session, write.sequence, into: &sessionKey)
        answer.bytes.removeAll(keepingCapacity: true)
        answer.write(write.sequence)
        outcome.encode(into: &answer)
        try put(&transaction, databases.sessions, sessionKey.bytes, answer.bytes)
        return outcome
    }

    /// The session as this batch has it by now.
    private func keptSession(_ id: SessionID, _ transaction: borrowing WriteTransaction) throws(StoreError) -> Session? {
        if let kept = sessions[id] { return kept }
        guard let session = try session(id, transaction) else { return nil }
        sessions.read(id, session)
        return session
    }

    /// Puts those that changed where everybody else looks for them.
    func writeSessions(_ transaction: inout WriteTransaction) throws(StoreError) {
        for (id, session) in sessions.take() { try put(&transaction, databases.sessions, Session.key(id), session.encoded()) }
    }

    func session(_ id: SessionID, _ transaction: borrowing WriteTransaction) throws(StoreError) -> Session? {
        guard let bytes = try copied(transaction, databases.sessions, Session.key(id)) else { return nil }
        return try Session(decoding: bytes)
    }

    func copied(_ transaction: borrowing WriteTransaction, _ database: Database, _ key: [UInt8]) throws(StoreError) -> [UInt8]? {
        do throws(LMDBError) { return try transaction.copied(database, key) } catch { throw .environment(error) }
    }

    func delete(_ transaction: inout WriteTransaction, _ database: Database, _ key: [UInt8]) throws(StoreError) {
        do throws(LMDBError) { try transaction.delete(database, key) } catch { throw .environment(error) }
    }
}
