import Catalogue
import Core
import LMDB
import Synchronization

/// A read transaction used again and again. Used by one thread at a time.
///
/// `@unchecked Sendable` because the pool hands it to one thread at a time.
final class Reader: @unchecked Sendable {
    // One thread at a time uses it, and no access goes on while another begins.
    @exclusivity(unchecked) var transaction: ReadTransaction

    init(_ environment: Environment) throws(LMDBError) { transaction = try environment.beginRead() }
}

/// Read transactions of one environment, and the catalogue of the newest snapshot.
final class ReaderPool: Sendable {
    private let environment: Environment
    private let idle = Mutex<[Reader]>([])
    private let newest = Mutex<KeptCatalogue?>(nil)
    private let taken = Atomic(0)

    init(_ environment: Environment) { self.environment = environment }

    /// Readers that show a snapshot now.
    var open: Int { taken.load(ordering: .relaxed) }

    /// A reader with the newest snapshot.
    func take() throws(StoreError) -> Reader {
        let reader: Reader
        do throws(LMDBError) {
            if let kept = idle.withLock({ $0.popLast() }) {
                try kept.transaction.renew()
                reader = kept
            } else {
                reader = try Reader(environment)
            }
        } catch { throw .environment(error) }
        taken.add(1, ordering: .relaxed)
        return reader
    }

    /// Puts the reader's snapshot away and keeps the reader.
    func give(_ reader: Reader) {
        reader.transaction.reset()
        taken.subtract(1, ordering: .relaxed)
        idle.withLock { $0.append(reader) }
    }

    /// The catalogue of the reader's snapshot: the kept one if its policy index is the same, else loaded.
    func catalogue(as policyIndex: LogIndex, _ reader: Reader, _ databases: Databases) throws(StoreError) -> KeptCatalogue {
        if let kept = newest.withLock({ $0 }), kept.value.policyIndex == policyIndex { return kept }
        let loaded = KeptCatalogue(try CatalogueLoader.load(reader.transaction, databases))
        newest.withLock { kept in
            if kept.map({ $0.value.policyIndex < loaded.value.policyIndex }) ?? true { kept = loaded }
        }
        return loaded
    }
}

enum CatalogueLoader {
    static func load(_ transaction: borrowing some ReadableTransaction & ~Copyable, _ databases: Databases) throws(StoreError) -> Catalogue {
        var entries: [(key: [UInt8], value: [UInt8])] = []
        do {
            let cursor = try transaction.cursor(databases.catalogue)
            var more = try cursor.first()
            while more {
                entries.append((cursor.key.withUnsafeBytes { [UInt8]($0) }, cursor.value.withUnsafeBytes { [UInt8]($0) }))
                more = try cursor.next()
            }
            return try Catalogue(loading: entries)
        } catch let error as LMDBError { throw .environment(error) } catch { throw .corrupt(path: "catalogue", what: "\(error)") }
    }
}
