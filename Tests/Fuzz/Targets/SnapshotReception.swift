import Core
import Glibc
import LMDB
import Records
@testable import Store
import Synchronization

/// A store that receives one snapshot after the other, as a replica does, in a folder that goes with the process.
struct SnapshotReception {
    static let shared = Mutex(SnapshotReception())
    static let cluster = ClusterID(high: 1, low: 2)
    private static let options = StateStore.Options(mapBytes: 4 << 20, readers: 8)

    private var store: StateStore?
    /// What `beginInstall` would make for each snapshot, emptied after one that was refused: making a data file takes long.
    private var next: Generation?
    private var nextNumber: UInt64 = 2

    /// Throws where a snapshot is neither refused as a bad one nor taken as it is.
    mutating func run(_ sent: SentSnapshot) throws {
        do {
            guard try receive(sent, into: try opened()) else { return }
            try Self.compare(try opened(), sent)
            next = nil
            store = nil
            try Self.compare(try opened(), sent)
            Self.use(try opened())
            store = nil
        } catch {
            next = nil
            store = nil
            Self.remove(Self.state)
            throw error
        }
    }

    private mutating func opened() throws -> StateStore {
        if let store { return store }
        let opened = try StateStore(directory: Self.state, cluster: Self.cluster, options: Self.options)
        store = opened
        return opened
    }

    private mutating func emptyGeneration(after current: StateStore) throws -> Generation {
        // Its first checkpoint keeps pages from being used again.
        if let next, try next.environment.usedBytes() < Self.options.mapBytes / 2 {
            var transaction = try next.environment.beginWrite()
            for database in next.databases.all { try transaction.clear(database) }
            try transaction.commit()
            return next
        }
        next = nil
        let made = try Generation.make(
            nextNumber, in: current.directory, cluster: Self.cluster, options: Self.options.environment, files: DurableFiles())
        next = made
        return made
    }

    /// False if it was refused.
    private mutating func receive(_ sent: SentSnapshot, into store: StateStore) throws -> Bool {
        let before = store.applied
        let sink: SnapshotSink
        do {
            sink = try SnapshotSink(sent.header, generation: try emptyGeneration(after: store))
            for (number, chunk) in sent.chunks.enumerated() {
                try Self.expectRefusal("a chunk out of its order", sink, SentSnapshot.chunk(UInt32(number) + 1, []))
                var altered = chunk
                altered[number % chunk.count] ^= 1 << UInt8(number % 8)
                try Self.expectRefusal("an altered chunk", sink, altered)
                // The second time it is passed over.
                for _ in 0..<2 {
                    try sink.write(chunk)
                    guard sink.next == UInt32(number) + 1 else { throw FuzzFinding(what: "chunk \(sink.next) is due after chunk \(number)") }
                }
            }
            try sink.prepare()
        } catch StoreError.badSnapshot {
            guard store.applied == before else { throw FuzzFinding(what: "a bad snapshot has changed the state") }
            return false
        }
        guard !sent.isHeaderFalse else { throw FuzzFinding(what: "a header is taken that is not that of the snapshot") }
        try store.install(sink)
        nextNumber += 1
        return true
    }

    private static func expectRefusal(_ what: String, _ sink: SnapshotSink, _ chunk: [UInt8]) throws {
        let due = sink.next
        do { try sink.write(chunk) } catch StoreError.badSnapshot {
            guard sink.next == due else { throw FuzzFinding(what: "\(what) is refused and counted") }
            return
        }
        throw FuzzFinding(what: "\(what) is taken")
    }

    /// What the store shows is what was sent.
    private static func compare(_ store: StateStore, _ sent: SentSnapshot) throws {
        let source = try store.exportSnapshot()
        guard source.header == sent.header else { throw FuzzFinding(what: "\(source.header) is shown, \(sent.header) was sent") }
        let shown = try items(of: store)
        let all = sent.items.flatMap { $0 }
        guard shown.count == all.count, zip(shown, all).allSatisfy({ $0 == $1 }) else { throw FuzzFinding(what: "other entries are shown than were sent") }
        try store.withReadView { view throws(StoreError) in
            guard try view.membership() == sent.header.membership else { throw .badSnapshot("another membership is shown than was sent") }
            for dataset in try view.rescan() ?? [] where dataset.kept != dataset.found { throw .badSnapshot("the figures of \(dataset) are not its records'") }
        }
    }

    /// Applies commands that meet the records and the sessions, which are opened without being read. Damage in them is an error, never the end of
    /// the process. What is applied is gone at the next opening.
    private static func use(_ store: StateStore) {
        // An index is counted on, and no log ever comes so far.
        guard store.applied.position.index.rawValue < 1 << 62 else { return }
        for number in 1...8 as ClosedRange<UInt32> {
            let put = WriteOperation(kind: .put, dataset: DatasetID(number), key: [65], fields: [.init(FieldID(1), .string("y"))])
            let write = WriteCommand(principal: PrincipalID(number % 4 + 1), session: .none, sequence: 0, policyIndex: LogIndex(0), operations: [put])
            for command in [Command.openSession(PrincipalID(number)), .write(write)] {
                let state = store.applied
                let entry = LogEntry(
                    index: state.position.index.next, term: state.position.term, kind: .command, time: state.time, payload: command.encoded())
                _ = try? store.apply([entry])
            }
        }
    }

    /// What a snapshot of the store brings.
    static func items(of store: StateStore) throws -> [SentSnapshot.Item] {
        let source = try store.exportSnapshot()
        var all: [SentSnapshot.Item] = []
        while let chunk = try source.nextChunk() { all += SentSnapshot.items(of: Array(chunk[8...])) ?? [] }
        return all
    }

    // MARK: The folder

    /// Calls with an empty store, which is gone afterwards.
    static func withNewStore<T>(_ body: (StateStore) throws -> T) throws -> T {
        let directory = folder + "/seeds"
        defer { remove(directory) }
        return try body(try StateStore(directory: directory, cluster: cluster, options: options))
    }

    private static let state = folder + "/state"

    /// In memory where that can be, for nothing of it has to last.
    private static let folder: String = {
        for parent in ["/dev/shm", "/tmp"] {
            var template = Array((parent + "/kho-fuzz-XXXXXX").utf8CString)
            guard let path = mkdtemp(&template).map({ String(cString: $0) }) else { continue }
            atexit {
                SnapshotReception.remove(SnapshotReception.state)
                rmdir(SnapshotReception.folder)
            }
            return path
        }
        return "/tmp/kho-fuzz"
    }()

    private static func remove(_ directory: String) {
        let files = DurableFiles()
        for name in (try? files.names(in: directory)) ?? [] where name.hasPrefix("g-") { try? files.removeFolder(directory + "/" + name) }
        try? files.removeFolder(directory)
    }
}
