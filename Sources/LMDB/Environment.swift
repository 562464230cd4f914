import CKhoPlatform
import CLMDB
import Core
import Glibc

/// An LMDB environment: one data file, mapped into memory. A process opens a file once (`lmdb.h`, caveats).
///
/// `@unchecked Sendable` because LMDB's environment handle may be used from any thread, and everything else is constant.
@safe package final class Environment: @unchecked Sendable {
    package struct Options: Sendable {
        /// Bytes of address space kept for the file: the most that it can grow to. A multiple of the page size.
        package var mapBytes: Int
        /// Named databases.
        package var databases: Int
        /// Read transactions at a time.
        package var readers: Int

        package init(mapBytes: Int = 64 << 30, databases: Int = 8, readers: Int = 512) {
            self.mapBytes = mapBytes
            self.databases = databases
            self.readers = readers
        }
    }

    let handle: OpaquePointer
    package let pageBytes: Int
    private let guardian: OpaquePointer?

    /// Opens the data file in an existing folder, without syncing (`MDB_NOSYNC`): whoever opens it makes checkpoints. Readers
    /// belong to their transaction and not to a thread (`MDB_NOTLS`).
    ///
    /// - Parameter mark: path of a file that is made if a page of the data file ends the process: one that the disk does not give, that is not there, or that
    ///   LMDB goes astray in. The exit code is 74 then.
    package init(folder: String, options: Options, mark: String? = nil) throws(LMDBError) {
        var environment: OpaquePointer?
        try unsafe check(mdb_env_create(&environment), "create an environment")
        guard let environment = unsafe environment else { throw LMDBError(code: ENOMEM, operation: "create an environment") }
        do throws(LMDBError) {
            try unsafe check(mdb_env_set_mapsize(environment, options.mapBytes), "set the size of the map")
            try unsafe check(mdb_env_set_maxdbs(environment, UInt32(options.databases)), "set the number of databases")
            try unsafe check(mdb_env_set_maxreaders(environment, UInt32(options.readers)), "set the number of readers")
            let flags = UInt32(MDB_NOTLS | MDB_NOSYNC | MDB_NORDAHEAD)
            try unsafe check(mdb_env_open(environment, folder, flags, 0o640), "open the data file")
            var stat = MDB_stat()
            try unsafe check(mdb_env_stat(environment, &stat), "read the environment's figures")
            pageBytes = Int(stat.ms_psize)
            unsafe guardian = try mark.flatMap { mark throws(LMDBError) in try unsafe Self.watch(environment, leaving: mark) }
        } catch {
            unsafe mdb_env_close(environment)
            throw error
        }
        unsafe handle = unsafe environment
    }

    /// Closes the file. Every transaction must have ended.
    deinit {
        unsafe kho_map_guard_end(guardian)
        unsafe mdb_env_close(handle)
    }

    private static func watch(_ environment: OpaquePointer, leaving mark: String) throws(LMDBError) -> OpaquePointer? {
        var descriptor: Int32 = -1
        try unsafe check(mdb_env_get_fd(environment, &descriptor), "get the descriptor")
        guard let guardian = unsafe kho_map_guard_begin(descriptor, mark, kho_lmdb_code()) else { return nil }
        try unsafe check(mdb_env_set_userctx(environment, UnsafeMutableRawPointer(guardian)), "set the context")
        try unsafe check(
            kho_lmdb_when_it_gives_up(environment) { environment, message in unsafe kho_map_guard_give_up(OpaquePointer(mdb_env_get_userctx(environment)), message) },
            "set what is done when it gives up")
        return unsafe guardian
    }

    /// The descriptor with which LMDB writes, for `fdatasync`.
    package func fileDescriptor() throws(LMDBError) -> Int32 {
        var descriptor: Int32 = -1
        try unsafe check(mdb_env_get_fd(handle, &descriptor), "get the descriptor")
        return descriptor
    }

    /// The transaction that was committed last.
    package func lastTransaction() throws(LMDBError) -> UInt64 {
        var info = unsafe MDB_envinfo()
        try unsafe check(mdb_env_info(handle, &info), "read the environment's figures")
        return unsafe UInt64(info.me_last_txnid)
    }

    /// Bytes of the file in use, counted by its last page.
    package func usedBytes() throws(LMDBError) -> Int {
        var info = unsafe MDB_envinfo()
        try unsafe check(mdb_env_info(handle, &info), "read the environment's figures")
        return unsafe (Int(info.me_last_pgno) + 1) * pageBytes
    }

    /// The transaction of the oldest snapshot that anybody looks at; nil if nobody does. What later ones let go is not used again. Goes through the table of readers: some
    /// 200 ns for each slot that was ever taken.
    package func oldestReader() throws(LMDBError) -> UInt64? {
        var oldest = UInt64.max
        // A line for each slot: process, thread, and the transaction, or "-" if there is none at present. The first line names the columns.
        let code = unsafe withUnsafeMutablePointer(to: &oldest) { oldest in
            unsafe mdb_reader_list(
                handle,
                { line, oldest in
                    guard let line = unsafe line, let oldest = unsafe oldest?.assumingMemoryBound(to: UInt64.self) else { return 0 }
                    let last = unsafe String(cString: line).split(whereSeparator: { $0 == " " || $0 == "\n" }).last
                    if let transaction = last.flatMap({ UInt64($0) }) { unsafe oldest.pointee = min(unsafe oldest.pointee, transaction) }
                    return 0
                }, oldest)
        }
        // It returns how the last call ended, or that of printing: negative for an error of LMDB's.
        guard code >= 0 else { throw LMDBError(code: code, operation: "list the readers") }
        return oldest == .max ? nil : oldest
    }

    /// Frees the slots of readers whose process has died. How many there were.
    @discardableResult
    package func checkReaders() throws(LMDBError) -> Int {
        var dead: Int32 = 0
        try unsafe check(mdb_reader_check(handle, &dead), "check the readers")
        return Int(dead)
    }

    /// Opens (and makes, if it is missing) a named database. Once at start, before other transactions.
    package func openDatabase(_ name: String) throws(LMDBError) -> Database {
        var transaction = try beginWrite()
        let database = try transaction.openDatabase(name)
        try transaction.commit()
        return database
    }

    package func beginRead() throws(LMDBError) -> ReadTransaction { try ReadTransaction(self) }
    package func beginWrite() throws(LMDBError) -> WriteTransaction { try WriteTransaction(self) }
}

/// A named database of an environment.
package struct Database: Sendable, Equatable {
    let handle: MDB_dbi

    /// The pages that may be used again, by the transaction that let them go.
    package static let freePages = Database(handle: 0)

    /// The named databases by their names (`MAIN_DBI`).
    static let names = Database(handle: 1)
}
