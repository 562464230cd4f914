import Core
import LMDB

/// What finds sessions without looking at all of them, in the sessions' database behind them: an entry's index never begins with 255.
enum SessionIndex {
    // Keys: 255, 0 → the number of sessions u64; 255, 1, principal u32, session u64 → nothing; 255, 2, due i64, session u64 → nothing, the
    // queue of ends.

    static let count: [UInt8] = [255, 0]

    static func prefix(of principal: UInt32) -> [UInt8] {
        var out = ByteWriter(capacity: 14)
        out.write(raw: [255, 1])
        out.write(principal)
        return out.bytes
    }

    static func key(of principal: UInt32, _ id: SessionID) -> [UInt8] { prefix(of: principal) + Session.key(id) }

    static let queue: [UInt8] = [255, 2]

    static func key(due time: LogTime, _ id: SessionID) -> [UInt8] {
        var out = ByteWriter(capacity: 18)
        out.write(raw: queue)
        out.write(UInt64(bitPattern: time.milliseconds))
        out.write(id.rawValue)
        return out.bytes
    }
}

extension LogTime {
    /// The last moment of a session that was used now.
    var ofSessionsEnd: LogTime { LogTime(milliseconds: milliseconds &+ Limits.sessionIdleMilliseconds) }
}

extension Applier {
    /// Sessions of the queue that opening one looks at, so that no entry costs more than another.
    private static let looks = 16

    /// Puts a new session where it is found.
    func add(_ id: SessionID, _ session: Session, _ transaction: inout WriteTransaction) throws(StoreError) {
        try put(&transaction, databases.sessions, Session.key(id), session.encoded())
        try put(&transaction, databases.sessions, SessionIndex.key(of: session.principal, id), [])
        try put(&transaction, databases.sessions, SessionIndex.key(due: session.due, id), [])
        try count(by: 1, &transaction)
    }

    /// Ends sessions that were idle too long, then one where there are too many: of the principal, its own that is idle for longest; of all, again
    /// its own, and only if it has none, one of the others. So who opens many ends nobody else's.
    func makeRoom(for principal: PrincipalID, at time: LogTime, _ transaction: inout WriteTransaction) throws(StoreError) {
        let idlest = try endIdle(at: time, &transaction)
        let own = try sessions(of: principal.rawValue, transaction)
        let isFull = try count(transaction) >= Limits.sessions
        guard own.count >= Limits.sessionsPerPrincipal || isFull else { return }
        if let oldest = own.min(by: { ($0.session.lastUsed, $0.id) < ($1.session.lastUsed, $1.id) }) {
            try end(oldest.id, oldest.session, &transaction)
        } else if let idlest {
            try end(idlest.id, idlest.session, &transaction)
        }
    }

    /// Looks at the head of the queue. A session that was used since it was put there goes back to where its end is now: the queue is as new
    /// as it needs to be, and a write does not touch it. The one that is idle for longest of those looked at and not ended.
    private func endIdle(at time: LogTime, _ transaction: inout WriteTransaction) throws(StoreError) -> (id: SessionID, session: Session)? {
        var idlest: (id: SessionID, session: Session)?
        for id in try ids(under: SessionIndex.queue, most: Self.looks, transaction) {
            guard var session = try session(id, transaction) else { throw .corrupt(path: "sessions", what: "session \(id) is queued and not there") }
            let end = session.lastUsed.ofSessionsEnd
            if time > end {
                try self.end(id, session, &transaction)
                continue
            }
            if session.due != end {
                try delete(&transaction, databases.sessions, SessionIndex.key(due: session.due, id))
                session.due = end
                try put(&transaction, databases.sessions, Session.key(id), session.encoded())
                try put(&transaction, databases.sessions, SessionIndex.key(due: end, id), [])
            }
            if idlest.map({ (session.lastUsed, id) < ($0.session.lastUsed, $0.id) }) ?? true { idlest = (id, session) }
        }
        return idlest
    }

    private func sessions(
        of principal: UInt32, _ transaction: borrowing WriteTransaction
    ) throws(StoreError) -> [(id: SessionID, session: Session)] {
        var all: [(id: SessionID, session: Session)] = []
        for id in try ids(under: SessionIndex.prefix(of: principal), most: Limits.sessionsPerPrincipal, transaction) {
            guard let session = try session(id, transaction) else { throw .corrupt(path: "sessions", what: "session \(id) is indexed and not there") }
            all.append((id, session))
        }
        return all
    }

    /// The ids that the first keys of an index end with.
    private func ids(under prefix: [UInt8], most: Int, _ transaction: borrowing WriteTransaction) throws(StoreError) -> [SessionID] {
        var ids: [SessionID] = []
        do throws(LMDBError) {
            let cursor = try transaction.cursor(databases.sessions)
            var more = try cursor.seek(prefix.span.bytes)
            while more, ids.count < most {
                let key = cursor.key.withUnsafeBytes { [UInt8]($0) }
                guard key.starts(with: prefix) else { break }
                ids.append(SessionID(key.suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }))
                more = try cursor.next()
            }
        } catch { throw .environment(error) }
        return ids
    }

    private func end(_ id: SessionID, _ session: Session, _ transaction: inout WriteTransaction) throws(StoreError) {
        var keys = [SessionIndex.key(of: session.principal, id), SessionIndex.key(due: session.due, id)]
        do throws(LMDBError) {
            let cursor = try transaction.cursor(databases.sessions)
            var more = try cursor.seek(Session.key(id).span.bytes)
            while more {
                let key = cursor.key.withUnsafeBytes { [UInt8]($0) }
                guard key.starts(with: Session.key(id)) else { break }
                keys.append(key)
                more = try cursor.next()
            }
        } catch { throw .environment(error) }
        for key in keys { try delete(&transaction, databases.sessions, key) }
        try count(by: -1, &transaction)
    }

    private func count(_ transaction: borrowing WriteTransaction) throws(StoreError) -> Int {
        guard let bytes = try copied(transaction, databases.sessions, SessionIndex.count) else { return 0 }
        do throws(DecodingError) {
            return try bytes.reading { reader throws(DecodingError) in
                guard let number = UInt32(exactly: try reader.readUInt64()) else { throw .invalid(at: 0, "no such number of sessions can be") }
                return Int(number)
            }
        } catch { throw .corrupt(path: "sessions", what: "\(error)") }
    }

    private func count(by change: Int, _ transaction: inout WriteTransaction) throws(StoreError) {
        var out = ByteWriter(capacity: 8)
        out.write(UInt64(max(0, try count(transaction) + change)))
        try put(&transaction, databases.sessions, SessionIndex.count, out.bytes)
    }
}
