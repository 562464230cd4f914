import CLMDB
import Core
import Glibc

/// A place in a database, going through its entries in the order of the keys' bytes. Does not outlive its transaction.
@safe package struct Cursor: ~Copyable, ~Escapable {
    private let place: Place

    @_lifetime(immortal)
    init(transaction: OpaquePointer, database: Database) throws(LMDBError) {
        place = try unsafe Place(transaction: transaction, database: database)
    }

    /// The key of the entry that the cursor stands on; borrowed until the cursor moves.
    package var key: RawSpan {
        @_lifetime(borrow self) get { unsafe _overrideLifetime(span(of: place.key), borrowing: self) }
    }

    /// The value of the entry that the cursor stands on; borrowed until the cursor moves.
    package var value: RawSpan {
        @_lifetime(borrow self) get { unsafe _overrideLifetime(span(of: place.value), borrowing: self) }
    }

    /// Goes to the first entry whose key is not below this one. False if there is none.
    package func seek(_ key: borrowing RawSpan) throws(LMDBError) -> Bool { try place.seek(key) }

    /// Goes to the first entry. False if there is none.
    package func first() throws(LMDBError) -> Bool { try place.move(MDB_FIRST) }

    /// Goes to the last entry. False if there is none.
    package func last() throws(LMDBError) -> Bool { try place.move(MDB_LAST) }

    /// Goes to the entry after. False at the end.
    package func next() throws(LMDBError) -> Bool { try place.move(MDB_NEXT) }

    /// Goes to the entry before. False at the beginning.
    package func previous() throws(LMDBError) -> Bool { try place.move(MDB_PREV) }
}

/// LMDB's cursor and what it last gave.
@safe private final class Place {
    private let pointer: OpaquePointer
    private(set) var key = unsafe MDB_val()
    private(set) var value = unsafe MDB_val()

    init(transaction: OpaquePointer, database: Database) throws(LMDBError) {
        var cursor: OpaquePointer?
        try unsafe check(mdb_cursor_open(transaction, database.handle, &cursor), "open a cursor")
        guard let cursor = unsafe cursor else { throw LMDBError(code: ENOMEM, operation: "open a cursor") }
        unsafe pointer = unsafe cursor
    }

    deinit { unsafe mdb_cursor_close(pointer) }

    func seek(_ wanted: borrowing RawSpan) throws(LMDBError) -> Bool {
        let code = unsafe wanted.withUnsafeBytes { bytes in
            unsafe key = unsafe MDB_val(mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
            return unsafe mdb_cursor_get(pointer, &key, &value, MDB_SET_RANGE)
        }
        return try found(code)
    }

    func move(_ operation: MDB_cursor_op) throws(LMDBError) -> Bool {
        try found(unsafe mdb_cursor_get(pointer, &key, &value, operation))
    }

    private func found(_ code: Int32) throws(LMDBError) -> Bool {
        if code == MDB_NOTFOUND { return false }
        try check(code, "move a cursor")
        return true
    }
}
