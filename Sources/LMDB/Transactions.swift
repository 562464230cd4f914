import CLMDB
import Core
import Glibc

/// What a transaction can read. Values are borrowed from the map: they live as long as the transaction is borrowed.
package protocol ReadableTransaction: ~Copyable {
    var pointer: OpaquePointer { get }
}

extension ReadableTransaction where Self: ~Copyable {
    /// The value of the key, or nil. `key` of at most 511 bytes.
    @_lifetime(borrow self)
    package borrowing func get(_ database: Database, _ key: borrowing RawSpan) throws(LMDBError) -> RawSpan? {
        guard let value = try unsafe find(database, key) else { return nil }
        return unsafe _overrideLifetime(span(of: value), borrowing: self)
    }

    /// The same of the key that is `prefix`, big-endian, and `key`, of at most 507 bytes: put together on the stack, for who looks many up.
    @_lifetime(borrow self)
    package borrowing func get(_ database: Database, _ prefix: UInt32, _ key: borrowing RawSpan) throws(LMDBError) -> RawSpan? {
        guard let value = try unsafe find(database, prefix, key) else { return nil }
        return unsafe _overrideLifetime(span(of: value), borrowing: self)
    }

    private borrowing func find(_ database: Database, _ prefix: UInt32, _ key: borrowing RawSpan) throws(LMDBError) -> MDB_val? {
        let count = key.byteCount + 4
        invariant(count < Self.keyRoom, "a key of \(count) bytes")
        var value = unsafe MDB_val()
        let code = unsafe key.withUnsafeBytes { bytes in
            unsafe withUnsafeTemporaryAllocation(byteCount: Self.keyRoom, alignment: 8) { room in
                unsafe room.storeBytes(of: prefix.bigEndian, as: UInt32.self)
                if let base = bytes.baseAddress { unsafe (room.baseAddress! + 4).copyMemory(from: base, byteCount: bytes.count) }
                var wanted = unsafe MDB_val(mv_size: count, mv_data: room.baseAddress)
                return unsafe mdb_get(pointer, database.handle, &wanted, &value)
            }
        }
        return try unsafe found(value, code)
    }

    /// Bytes of a key, and one more.
    private static var keyRoom: Int { 512 }

    private borrowing func find(_ database: Database, _ key: borrowing RawSpan) throws(LMDBError) -> MDB_val? {
        var value = unsafe MDB_val()
        let code = unsafe key.withUnsafeBytes { bytes in
            var wanted = unsafe MDB_val(mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
            return unsafe mdb_get(pointer, database.handle, &wanted, &value)
        }
        return try unsafe found(value, code)
    }

    /// What `mdb_get` has found; the lines of the value are fetched.
    @inline(__always)
    private borrowing func found(_ value: MDB_val, _ code: CInt) throws(LMDBError) -> MDB_val? {
        if code == MDB_NOTFOUND { return nil }
        try check(code, "get")
        unsafe kho_prefetch(value.mv_data, value.mv_size)
        return unsafe value
    }

    /// The value of the key, copied.
    package borrowing func copied(_ database: Database, _ key: [UInt8]) throws(LMDBError) -> [UInt8]? {
        guard let value = try unsafe get(database, key.span.bytes) else { return nil }
        return unsafe value.withUnsafeBytes { unsafe [UInt8]($0) }
    }

    /// How many entries the database has.
    package borrowing func count(_ database: Database) throws(LMDBError) -> Int {
        var stat = MDB_stat()
        try unsafe check(mdb_stat(pointer, database.handle, &stat), "count")
        return Int(stat.ms_entries)
    }

    /// A cursor before the first entry.
    ///
    /// - Parameter readsAhead: the entry after the one that it stands on is looked up and fetched from memory meanwhile: for going forward through many,
    ///   where nothing is written in this transaction.
    @_lifetime(borrow self)
    package borrowing func cursor(_ database: Database, readsAhead: Bool = false) throws(LMDBError) -> Cursor {
        let cursor = try unsafe Cursor(transaction: pointer, database: database, readsAhead: readsAhead)
        return unsafe _overrideLifetime(cursor, borrowing: self)
    }
}

/// A snapshot of the environment. Ends with its value; can be put aside and taken up again, which is cheaper than a new one.
/// May move between threads, used by one at a time.
@safe package struct ReadTransaction: ~Copyable, ReadableTransaction {
    package let pointer: OpaquePointer
    // Keeps the environment open.
    let environment: Environment

    init(_ environment: Environment) throws(LMDBError) {
        var transaction: OpaquePointer?
        try unsafe check(mdb_txn_begin(environment.handle, nil, UInt32(MDB_RDONLY), &transaction), "begin to read")
        guard let transaction = unsafe transaction else { throw LMDBError(code: ENOMEM, operation: "begin to read") }
        unsafe pointer = unsafe transaction
        self.environment = environment
    }

    deinit { unsafe mdb_txn_abort(pointer) }

    /// The number of the transaction that this snapshot shows.
    package var id: UInt64 { unsafe UInt64(mdb_txn_id(pointer)) }

    /// How many pages the transaction replaced by others: they are listed under its number in the database of free pages, a count of 8 bytes
    /// first. As long as no later transaction has used them again.
    package borrowing func pagesReplaced(by transaction: UInt64) throws(LMDBError) -> Int {
        let number = [UInt(transaction)]
        guard let value = try unsafe get(.freePages, number.span.bytes), value.byteCount >= 8 else { return 0 }
        return unsafe value.unsafeLoadUnaligned(as: Int.self)
    }

    /// Pages that transactions before this one let go and that none has used again: if no older snapshot is looked at, the next writer can. Costs a look at an entry
    /// for each of those transactions.
    package borrowing func freePages(before transaction: UInt64) throws(LMDBError) -> Int {
        let cursor = try cursor(.freePages)
        var pages = 0
        var more = try cursor.first()
        while more, cursor.key.byteCount == 8, unsafe cursor.key.unsafeLoadUnaligned(as: UInt64.self) < transaction {
            if cursor.value.byteCount >= 8 { pages += unsafe cursor.value.unsafeLoadUnaligned(as: Int.self) }
            more = try cursor.next()
        }
        return pages
    }

    /// Lets go of the snapshot and keeps the reader's slot. Nothing can be read before `renew`.
    package mutating func reset() { unsafe mdb_txn_reset(pointer) }

    /// Takes the newest snapshot after a `reset`.
    package mutating func renew() throws(LMDBError) { try unsafe check(mdb_txn_renew(pointer), "renew a reader") }
}

/// The environment's one writer. What is not committed is as if it had never been.
@safe package struct WriteTransaction: ~Copyable, ReadableTransaction {
    package let pointer: OpaquePointer
    private let environment: Environment
    let kept = KeptCursor()
    private var ended = false

    init(_ environment: Environment) throws(LMDBError) {
        var transaction: OpaquePointer?
        try unsafe check(mdb_txn_begin(environment.handle, nil, 0, &transaction), "begin to write")
        guard let transaction = unsafe transaction else { throw LMDBError(code: ENOMEM, operation: "begin to write") }
        unsafe pointer = unsafe transaction
        self.environment = environment
    }

    deinit { if !ended { unsafe mdb_txn_abort(pointer) } }

    /// Commits, and ends the transaction whether or not that succeeds.
    package consuming func commit() throws(LMDBError) {
        ended = true
        try unsafe check(mdb_txn_commit(pointer), "commit")
    }

    /// The number that its commit gives the newest snapshot.
    package var id: UInt64 { unsafe UInt64(mdb_txn_id(pointer)) }

    package mutating func openDatabase(_ name: String) throws(LMDBError) -> Database {
        var database: MDB_dbi = 0
        try unsafe check(mdb_dbi_open(pointer, name, UInt32(MDB_CREATE), &database), "open a database")
        return Database(handle: database)
    }

    /// Sets the key's value. `appending`: the key is above every other (`MDB_APPEND`); an error if it is not.
    package mutating func put(
        _ database: Database, _ key: borrowing RawSpan, _ value: borrowing RawSpan, appending: Bool = false
    ) throws(LMDBError) {
        kept.leave(database)
        let code = unsafe key.withUnsafeBytes { key in
            unsafe value.withUnsafeBytes { value in
                var k = unsafe MDB_val(mv_size: key.count, mv_data: UnsafeMutableRawPointer(mutating: key.baseAddress))
                var v = unsafe MDB_val(mv_size: value.count, mv_data: UnsafeMutableRawPointer(mutating: value.baseAddress))
                return unsafe mdb_put(pointer, database.handle, &k, &v, appending ? UInt32(MDB_APPEND) : 0)
            }
        }
        try check(code, "put")
    }

    package mutating func put(_ database: Database, _ key: [UInt8], _ value: [UInt8], appending: Bool = false) throws(LMDBError) {
        try unsafe put(database, key.span.bytes, value.span.bytes, appending: appending)
    }

    /// Removes the key. Whether there was one.
    @discardableResult
    package mutating func delete(_ database: Database, _ key: [UInt8]) throws(LMDBError) -> Bool {
        kept.leave(database)
        let code = unsafe key.withUnsafeBytes { key in
            var k = unsafe MDB_val(mv_size: key.count, mv_data: UnsafeMutableRawPointer(mutating: key.baseAddress))
            return unsafe mdb_del(pointer, database.handle, &k, nil)
        }
        if code == MDB_NOTFOUND { return false }
        try check(code, "delete")
        return true
    }

    /// Removes everything in the database.
    package mutating func clear(_ database: Database) throws(LMDBError) {
        kept.leave(database)
        try unsafe check(mdb_drop(pointer, database.handle, 0), "clear")
    }
}

/// The bytes that an LMDB value points to. The caller ties them to their transaction.
func span(of value: MDB_val) -> RawSpan {
    let bytes = unsafe UnsafeRawBufferPointer(start: value.mv_data, count: value.mv_size)
    return unsafe _overrideLifetime(RawSpan(_unsafeBytes: bytes), borrowing: ())
}
