import CKhoPlatform
import CLMDB
import Core
import Glibc

/// A write transaction's place in one database, which stays where the last lookup or write was: LMDB then begins at that leaf, and not at the root, if the next key lies in it.
/// Ends with the transaction, by LMDB itself, and when its database is changed in another way: how LMDB mends a cursor for what was written beside it is not relied on.
/// Used by the transaction's thread.
@safe final class KeptCursor {
    private var pointer: OpaquePointer?
    private var database: MDB_dbi = 0

    /// LMDB's cursor for this database: the same again as long as nobody asks for another.
    func cursor(_ transaction: OpaquePointer, _ database: Database) throws(LMDBError) -> OpaquePointer {
        if let pointer = unsafe pointer, self.database == database.handle { return unsafe pointer }
        close()
        var opened: OpaquePointer?
        try unsafe check(mdb_cursor_open(transaction, database.handle, &opened), "open a cursor")
        guard let opened = unsafe opened else { throw LMDBError(code: ENOMEM, operation: "open a cursor") }
        unsafe pointer = unsafe opened
        self.database = database.handle
        return unsafe opened
    }

    /// The database is about to be changed otherwise.
    @inline(__always)
    func leave(_ database: Database) { if self.database == database.handle { close() } }

    private func close() {
        guard let open = unsafe pointer else { return }
        unsafe mdb_cursor_close(open)
        unsafe pointer = nil
    }
}

extension WriteTransaction {
    /// The value of the key, or nil, by the kept cursor: for keys that are written next, or lie together.
    @_lifetime(borrow self)
    package borrowing func find(_ database: Database, _ key: borrowing RawSpan) throws(LMDBError) -> RawSpan? {
        let cursor = try unsafe kept.cursor(pointer, database)
        var value = unsafe MDB_val()
        // The first key that is not below it, and not the key itself: a miss would make LMDB forget the place.
        let (code, isThere) = unsafe key.withUnsafeBytes { bytes in
            var found = unsafe MDB_val(mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
            let code = unsafe mdb_cursor_get(cursor, &found, &value, MDB_SET_RANGE)
            guard code == 0, unsafe found.mv_size == bytes.count, unsafe found.mv_data != nil else { return (code, false) }
            return unsafe (code, memcmp(found.mv_data, bytes.baseAddress ?? UnsafeRawPointer(found.mv_data!), bytes.count) == 0)
        }
        if code == MDB_NOTFOUND { return nil }
        try check(code, "get")
        guard isThere else { return nil }
        unsafe kho_prefetch(value.mv_data, value.mv_size)
        return unsafe _overrideLifetime(span(of: value), borrowing: self)
    }

    /// Sets the key's value by the kept cursor.
    package mutating func set(_ database: Database, _ key: borrowing RawSpan, _ value: borrowing RawSpan) throws(LMDBError) {
        let cursor = try unsafe kept.cursor(pointer, database)
        let code = unsafe key.withUnsafeBytes { key in
            unsafe value.withUnsafeBytes { value in
                var k = unsafe MDB_val(mv_size: key.count, mv_data: UnsafeMutableRawPointer(mutating: key.baseAddress))
                var v = unsafe MDB_val(mv_size: value.count, mv_data: UnsafeMutableRawPointer(mutating: value.baseAddress))
                return unsafe mdb_cursor_put(cursor, &k, &v, 0)
            }
        }
        try check(code, "put")
    }
}
