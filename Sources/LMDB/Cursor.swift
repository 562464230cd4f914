import CLMDB
import Core
import Glibc

/// A place in a database, going through its entries in the order of the keys' bytes. Does not outlive its transaction.
@safe package struct Cursor: ~Copyable, ~Escapable {
    private let place: Place

    @_lifetime(immortal)
    init(transaction: OpaquePointer, database: Database, readsAhead: Bool) throws(LMDBError) {
        place = try unsafe Place(transaction: transaction, database: database, readsAhead: readsAhead)
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

    /// Goes to the entry before. False at the beginning. Not for a cursor that reads ahead.
    package func previous() throws(LMDBError) -> Bool { try place.move(MDB_PREV) }
}

/// LMDB's cursor and what it last gave.
@safe private final class Place {
    @unsafe private struct Entry {
        var key = unsafe MDB_val()
        var value = unsafe MDB_val()
    }

    @unsafe private struct State {
        var now = unsafe Entry()
        /// What comes after it, looked up already, and LMDB's code for that; used only while going forward.
        var ahead = unsafe Entry()
        var aheadCode: Int32 = 0
        var isAhead = false
    }

    private let pointer: OpaquePointer
    private let readsAhead: Bool
    // Memory of its own: as properties they would be guarded against overlapping use at every step.
    private let state: UnsafeMutablePointer<State>

    init(transaction: OpaquePointer, database: Database, readsAhead: Bool) throws(LMDBError) {
        var cursor: OpaquePointer?
        try unsafe check(mdb_cursor_open(transaction, database.handle, &cursor), "open a cursor")
        guard let cursor = unsafe cursor else { throw LMDBError(code: ENOMEM, operation: "open a cursor") }
        unsafe pointer = unsafe cursor
        self.readsAhead = readsAhead
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: State())
    }

    deinit {
        unsafe mdb_cursor_close(pointer)
        unsafe state.deallocate()
    }

    var key: MDB_val { unsafe state.pointee.now.key }
    var value: MDB_val { unsafe state.pointee.now.value }

    func seek(_ wanted: borrowing RawSpan) throws(LMDBError) -> Bool {
        let code = unsafe wanted.withUnsafeBytes { bytes in
            unsafe state.pointee.now.key = unsafe MDB_val(mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
            return unsafe mdb_cursor_get(pointer, &state.pointee.now.key, &state.pointee.now.value, MDB_SET_RANGE)
        }
        return try found(code)
    }

    func move(_ operation: MDB_cursor_op) throws(LMDBError) -> Bool {
        if operation == MDB_NEXT, unsafe state.pointee.isAhead {
            unsafe state.pointee.now = unsafe state.pointee.ahead
            return try found(unsafe state.pointee.aheadCode)
        }
        invariant(!readsAhead || operation != MDB_PREV, "a cursor that reads ahead goes forward only")
        return try found(unsafe mdb_cursor_get(pointer, &state.pointee.now.key, &state.pointee.now.value, operation))
    }

    private func found(_ code: Int32) throws(LMDBError) -> Bool {
        unsafe state.pointee.isAhead = false
        if code == MDB_NOTFOUND { return false }
        try check(code, "move a cursor")
        if readsAhead {
            unsafe state.pointee.aheadCode = unsafe mdb_cursor_get(pointer, &state.pointee.ahead.key, &state.pointee.ahead.value, MDB_NEXT)
            unsafe state.pointee.isAhead = true
            if unsafe state.pointee.aheadCode == 0 { unsafe kho_prefetch(state.pointee.ahead.value.mv_data, state.pointee.ahead.value.mv_size) }
        }
        return true
    }
}
