import CLMDB
import Glibc

/// An error of LMDB: what was done, and the code (an errno if positive, one of LMDB's own if negative).
package struct LMDBError: Error, Equatable, Sendable, CustomStringConvertible {
    package let code: Int32
    package let operation: StaticString

    package static func == (a: LMDBError, b: LMDBError) -> Bool { a.code == b.code && a.operation.description == b.operation.description }

    package var description: String { unsafe "\(operation): \(String(cString: mdb_strerror(code)))" + (code > 0 ? " (errno \(code))" : "") }

    /// The key is empty, longer than 511 bytes, or not above every other where it is appended.
    package var isImpossibleKey: Bool { code == MDB_BAD_VALSIZE || code == MDB_KEYEXIST }

    /// The file's pages are not what LMDB wrote: one is of the wrong kind, is not there, or leads in a circle; or a call met such a page before, in the same transaction,
    /// as a cursor does that reads ahead of what anybody asks for (`MDB_BAD_TXN`).
    package var isDamage: Bool {
        [MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_INVALID, MDB_INCOMPATIBLE, MDB_CURSOR_FULL, MDB_BAD_TXN].contains(code)
    }

    /// The map or the disk is full.
    package var isFull: Bool { code == MDB_MAP_FULL || code == ENOSPC || code == EDQUOT }
}

/// Throws unless the code is success.
func check(_ code: Int32, _ operation: StaticString) throws(LMDBError) {
    if code != MDB_SUCCESS { throw LMDBError(code: code, operation: operation) }
}
