import Core
import Cryptography
import LMDB

/// Makes a digest of what replicas at the same index have in common, byte for byte.
enum StateDigestion {
    /// SHA-256 over each entry of `meta` and of `catalogue`, in the order of the keys, and the number of entries in `sessions`. The figures in `meta` stand for the records.
    ///
    ///     for each entry: length of its key u16, of its value u32, key, value · then u64
    static func digest(_ transaction: borrowing ReadTransaction, _ databases: Databases) throws(StoreError) -> Digest {
        let hash = SHA256()
        do {
            for database in [databases.meta, databases.catalogue] {
                let cursor = try transaction.cursor(database)
                var more = try cursor.first()
                while more {
                    var lengths = ByteWriter(capacity: 6)
                    lengths.write(UInt16(cursor.key.byteCount))
                    lengths.write(UInt32(cursor.value.byteCount))
                    hash.update(lengths.bytes)
                    hash.update(cursor.key)
                    hash.update(cursor.value)
                    more = try cursor.next()
                }
            }
            var sessions = ByteWriter(capacity: 8)
            sessions.write(UInt64(try transaction.count(databases.sessions)))
            hash.update(sessions.bytes)
        } catch { throw .environment(error) }
        return hash.finish()
    }
}
