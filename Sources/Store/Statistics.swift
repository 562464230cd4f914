import Core
import Cryptography
import LMDB

/// How many records a dataset has, and their digest: the sum modulo 2²⁵⁶ of SHA-256 over key and record, which does not depend
/// on an order. Two replicas with the same applied index have the same.
package struct DatasetFigures: Equatable, Sendable {
    package var records: UInt64 = 0
    package var digest = Digest.zero

    static let prefix = Array("figures".utf8)

    static func key(_ dataset: DatasetID) -> [UInt8] {
        var out = ByteWriter(capacity: 12)
        out.write(raw: prefix)
        out.write(dataset.rawValue)
        return out.bytes
    }

    // Layout: records u64, digest 32.

    func encoded() -> [UInt8] {
        var out = ByteWriter(capacity: 40)
        out.write(records)
        out.write(raw: digest.bytes)
        return out.bytes
    }

    init() {}

    init(decoding bytes: [UInt8]) throws(StoreError) {
        guard bytes.count == 40, let digest = Digest(bytes: Array(bytes[8...])) else {
            throw .corrupt(path: "meta/figures", what: "not 40 bytes")
        }
        records = bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        self.digest = digest
    }

    static func read(_ transaction: borrowing some ReadableTransaction & ~Copyable, _ databases: Databases, _ dataset: DatasetID) throws(StoreError) -> DatasetFigures {
        let bytes = try lmdbBorrowing(transaction) { transaction throws(LMDBError) in try transaction.copied(databases.meta, key(dataset)) }
        return try bytes.map { bytes throws(StoreError) in try DatasetFigures(decoding: bytes) } ?? DatasetFigures()
    }

    /// Every dataset's, by number.
    static func readAll(_ transaction: borrowing some ReadableTransaction & ~Copyable, _ databases: Databases) throws(StoreError) -> [(DatasetID, DatasetFigures)] {
        var all: [(DatasetID, DatasetFigures)] = []
        do {
            let cursor = try transaction.cursor(databases.meta)
            var more = try cursor.seek(prefix.span.bytes)
            while more {
                let key = cursor.key.withUnsafeBytes { [UInt8]($0) }
                guard key.starts(with: prefix), key.count == prefix.count + 4 else { break }
                let id = key[prefix.count...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
                all.append((DatasetID(id), try DatasetFigures(decoding: cursor.value.withUnsafeBytes { [UInt8]($0) })))
                more = try cursor.next()
            }
        } catch let error as StoreError { throw error } catch let error as LMDBError { throw .environment(error) } catch {
            throw .corrupt(path: "meta/figures", what: "\(error)")
        }
        return all
    }
}

/// What the datasets of a state added up to at an index, by number.
package struct FiguresAtIndex: Sendable {
    package let index: LogIndex
    package let figures: [(dataset: DatasetID, figures: DatasetFigures)]
}
