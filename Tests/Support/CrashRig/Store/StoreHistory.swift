import Catalogue
import Core
import Records
import SimulatedDisk
import Store

/// Entries of a log, and what the state is after each: made once by a store to which nothing happens.
final class StoreHistory {
    static let cluster = ClusterID(high: 1, low: 2)
    static let options = StateStore.Options(mapBytes: 64 << 20, readers: 16)

    private(set) var entries: [LogEntry] = []
    /// The digest of everything in the store after the entry of this index.
    private(set) var digests: [UInt64: UInt32] = [:]
    private let folder = TemporaryFolder()
    private let store: StateStore

    /// `count` writes behind those that make a dataset.
    init(seed: UInt64, count: Int) throws {
        store = try StateStore(directory: folder.path + "/state", cluster: Self.cluster, options: Self.options, disk: RecordingDisk.unrecorded(folder.path))
        digests[0] = try Self.digest(store)
        var random = SeededRandom(seed: seed)
        func apply(_ command: Command) throws {
            entries.append(LogEntry(
                index: LogIndex(UInt64(entries.count + 1)), term: Term(1), kind: .command, time: LogTime(milliseconds: Int64(1_000 + entries.count)),
                payload: command.encoded()))
            _ = try store.apply([entries[entries.count - 1]])
            digests[UInt64(entries.count)] = try Self.digest(store)
        }
        func change(_ kind: ObjectKind, _ document: Document) throws {
            try apply(.catalogue(.init(actor: PrincipalID(2), change: CatalogueChange(verb: .apply, kind: kind, document: document))))
        }
        try apply(.genesis(.init(clusterName: "test", tokenKey: [UInt8](repeating: 7, count: 32), agency: "ops", system: "admin")))
        try change(.agency, ["code": "a"])
        try change(.principal, ["code": "sys", "agency": "a"])
        try change(
            .dataset,
            ["code": "units", "owner": "a", "class": "open", "kind": "codeList", "fields": [["name": "name", "kind": "string", "sensitivity": "public"]]])
        var principal: PrincipalID?, dataset: DatasetID?
        try store.withReadView { view throws(StoreError) in
            principal = view.catalogue.principal(path: "a/sys")?.id
            dataset = view.catalogue.dataset(code: "units")?.id
        }
        guard let principal, let dataset else { throw StoreError.corrupt(path: folder.path, what: "the world was not made") }
        for _ in 0..<count {
            let isDelete = random.next() % 4 == 0
            // Large ones live on pages of their own.
            let size = random.next() % 8 == 0 ? Int.random(in: 3_000...9_000, using: &random) : Int.random(in: 1...400, using: &random)
            let text = String(repeating: Character(UnicodeScalar(UInt8.random(in: 97...122, using: &random))), count: size)
            let operation = WriteOperation(
                kind: isDelete ? .delete : .put, dataset: dataset, key: Array("u\(random.next() % 60)".utf8), condition: .none,
                fields: isDelete ? [] : [.init(FieldID(1), .string(text))])
            try apply(.write(WriteCommand(principal: principal, session: .none, sequence: 0, policyIndex: LogIndex(0), operations: [operation])))
        }
    }

    /// A snapshot of a store to which the entries through this index were applied: header and chunks.
    func snapshot(through index: Int) throws -> (SnapshotHeader, [[UInt8]]) {
        let folder = TemporaryFolder()
        let store = try StateStore(directory: folder.path + "/state", cluster: Self.cluster, options: Self.options, disk: RecordingDisk.unrecorded(folder.path))
        _ = try store.apply(Array(entries[..<index]))
        let source = try store.exportSnapshot()
        var chunks: [[UInt8]] = []
        while let chunk = try source.nextChunk() { chunks.append(chunk) }
        return (source.header, chunks)
    }

    /// Of every key and value of every database, in the order of a snapshot.
    static func digest(_ store: StateStore) throws -> UInt32 {
        let source = try store.exportSnapshot()
        var crc = CRC32C()
        while let chunk = try source.nextChunk() {
            let content = Array(chunk[8...])
            crc.update(content.span.bytes)
        }
        return crc.value
    }
}

extension RecordingDisk {
    /// A disk for a store to which nothing happens: it spares the real syncs.
    static func unrecorded(_ root: String) -> RecordingDisk { RecordingDisk(root: root, shadow: SimulatedDisk(seed: 0)) }
}
