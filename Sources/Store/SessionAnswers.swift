import Catalogue
import Core
import LMDB

extension ReadView {
    /// The stored answer to a write that the principal's session has made: what a retry of it would be answered. Nil if the write was not
    /// applied, or so long ago that its answer is forgotten, or the session is another's or has ended.
    package func answer(to sequence: UInt64, of session: SessionID, by principal: PrincipalID) throws(StoreError) -> CommandOutcome? {
        guard session != .none, let bytes = try copied(Session.key(session)) else { return nil }
        let found = try Session(decoding: bytes)
        guard found.principal == principal.rawValue,
            state.time.milliseconds - found.lastUsed.milliseconds <= Limits.sessionIdleMilliseconds,
            sequence > found.foot, let stored = try copied(Session.key(session, sequence))
        else { return nil }
        return try Session.answer(stored, to: sequence)
    }

    private func copied(_ key: [UInt8]) throws(StoreError) -> [UInt8]? {
        try lmdbBorrowing(reader.transaction) { [databases] transaction throws(LMDBError) in try transaction.copied(databases.sessions, key) }
    }
}
