import Access
import Catalogue
import Core
import Glibc
import LMDB
import Records
import Store

/// A state with records, made by the state machine, and a second environment with the same entries, for `mdb_get` alone.
package final class EngineData {
    let records: Int
    let store: StateStore
    /// As a query node's loop has one.
    let reader: StateReader
    let raw: Environment
    let rawRecords: Database
    let dataset: DatasetID
    /// Records applied each second while the state was made, in key order and without a log.
    package let appliedPerSecond: Double
    /// Bytes of a record as it lies in LMDB, mean.
    package let recordBytes: Double
    /// Sees everything; eight of ten fields; eight of ten fields of the records whose region is 1, a tenth of all.
    let owner: PrincipalID, masked: PrincipalID, filtered: PrincipalID
    private let folder: String
    private var feed: Feed

    /// The key of a record: 12 bytes, ascending by number.
    static func key(_ number: Int) -> [UInt8] {
        let digits = Array(String(number).utf8)
        return [UInt8](repeating: UInt8(ascii: "0"), count: 12 - digits.count) + digits
    }

    private static let administrator = PrincipalID(2)

    /// Makes both environments under TMPDIR; takes some 10 s for a million records.
    package init(records: Int) throws {
        self.records = records
        var template = Array("\(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")/kho-bench-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template).map({ String(cString: $0) }) else { throw EngineError("no folder for the data: errno \(errno)") }
        folder = made
        let bytes = max(256 << 20, records * 2_048)
        store = try StateStore(directory: folder + "/state", cluster: ClusterID(high: 1, low: 1), options: .init(mapBytes: bytes))
        reader = store.makeReader()
        feed = Feed(store)
        try feed.genesis()
        for (agency, system) in [("own", "own"), ("see", "mask"), ("see", "rows")] {
            try feed.change(.agency, ["code": .string(agency)])
            try feed.change(.principal, ["code": .string(system), "agency": .string(agency)])
        }
        let names = (0..<10).map { "f\($0)" }
        try feed.change(
            .dataset,
            [
                "code": "things", "owner": "own", "class": "sharedOnRequest",
                "fields": .array(
                    names.map { ["name": .string($0), "kind": $0 == "f1" ? "int64" : "string", "sensitivity": "internal"] }),
            ])
        let shown = Document.array(names.prefix(8).map { .string($0) })
        let actions: Document = ["get", "scan", "count"]
        try feed.agree("mask", "see/mask", shown, actions, nil)
        try feed.agree("rows", "see/rows", shown, actions, "f1 = 1")
        let catalogue = try store.withReadView { view throws(StoreError) in view.catalogue }
        func principal(_ agency: String, _ system: String) throws -> PrincipalID {
            guard let found = catalogue.principal(role: .consumer, agency: agency, system: system) else { throw EngineError("no principal \(system)") }
            return found.id
        }
        guard let things = catalogue.dataset(code: "things") else { throw EngineError("no dataset") }
        dataset = things.id
        (owner, masked, filtered) = (try principal("own", "own"), try principal("see", "mask"), try principal("see", "rows"))
        let begin = MonotonicTime.now()
        try feed.fill(dataset, owner, records)
        appliedPerSecond = Double(records) / max(0.001, MonotonicTime.now().milliseconds(since: begin) / 1_000)

        let rawFolder = folder + "/raw"
        guard mkdir(rawFolder, 0o755) == 0 else { throw EngineError("no folder \(rawFolder): errno \(errno)") }
        raw = try Environment(folder: rawFolder, options: .init(mapBytes: bytes))
        rawRecords = try raw.openDatabase("records")
        recordBytes = Double(try Self.copy(of: store, to: raw, rawRecords)) / Double(records)
    }

    /// Entries that put new records, to be applied in their order; nothing else may be applied before them.
    func entries(_ count: Int, putsPerEntry: Int) -> [LogEntry] { feed.entries(count, putsPerEntry: putsPerEntry, dataset, owner) }

    /// Sessions of the owner, in whose turn `sessionEntries` puts.
    static let sessions = 4

    /// The same, of one put each, as clients write: in sessions, which remember what was answered.
    func sessionEntries(_ count: Int) throws -> [LogEntry] {
        try feed.openSessions(Self.sessions, owner)
        return feed.sessionEntries(count, dataset, owner)
    }

    /// Every record of the state, as it lies there. Returns the bytes of all values.
    private static func copy(of store: StateStore, to raw: Environment, _ database: Database) throws -> Int {
        var bytes = 0
        let source = try store.exportSnapshot()
        while let chunk = try source.nextChunk() {
            var transaction = try raw.beginWrite()
            var entries: [(database: UInt8, key: [UInt8], value: [UInt8])] = []
            try chunk.reading { reader throws(DecodingError) in
                _ = try reader.readUInt64()
                while !reader.isAtEnd { entries.append((try reader.readUInt8(), try reader.copiedBytes16(), try reader.copiedBytes32())) }
            }
            // 3: the records; see docs/disk-format.md.
            for entry in entries where entry.database == 3 {
                try transaction.put(database, entry.key, entry.value, appending: true)
                bytes += entry.value.count
            }
            try transaction.commit()
        }
        return bytes
    }

    /// Removes the folder of the data.
    package func remove() {
        for name in ["raw", "state/g-1", "state", ""] {
            let path = folder + "/" + name
            guard let handle = opendir(path) else { continue }
            while let entry = readdir(handle) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) { $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) } }
                unlink(path + "/" + name)
            }
            closedir(handle)
            rmdir(path)
        }
    }

    /// Entries for the state machine, one after the other.
    private struct Feed {
        let store: StateStore
        private var index = LogIndex(0)
        /// The number of the record that is put next.
        private var next = 0
        private var sessions: [(id: SessionID, sequence: UInt64)] = []

        init(_ store: StateStore) { self.store = store }

        private mutating func entry(_ command: Command) -> LogEntry {
            index = index.next
            return LogEntry(index: index, term: Term(1), kind: .command, time: LogTime(milliseconds: 1_000), payload: command.encoded())
        }

        private mutating func apply(_ command: Command) throws {
            if case let .rejected(why)? = try store.apply([entry(command)]).first ?? nil { throw EngineError("refused: \(why)") }
        }

        mutating func genesis() throws {
            try apply(.genesis(.init(clusterName: "bench", tokenKey: [UInt8](repeating: 1, count: 32), agency: "ops", system: "admin")))
        }

        mutating func change(_ kind: ObjectKind, _ document: Document, _ verb: CatalogueChange.Verb = .apply) throws {
            try apply(.catalogue(.init(actor: EngineData.administrator, change: .init(verb: verb, kind: kind, document: document))))
        }

        mutating func agree(_ code: String, _ consumer: String, _ fields: Document, _ actions: Document, _ condition: String?) throws {
            var members: [Document.Member] = [
                .init("code", .string(code)), .init("dataset", "things"), .init("purpose", "bench"), .init("consumer", .string(consumer)),
                .init("actions", actions), .init("fields", fields),
            ]
            if let condition { members.append(.init("where", .string(condition))) }
            try change(.agreement, .object(members))
            try change(.agreement, ["code": .string(code)], .approve)
        }

        mutating func fill(_ dataset: DatasetID, _ owner: PrincipalID, _ records: Int) throws {
            while next < records {
                var entries: [LogEntry] = []
                for _ in 0..<16 where next < records { entries.append(puts(min(64, records - next), dataset, owner)) }
                for case let .rejected(why)? in try store.apply(entries) { throw EngineError("refused: \(why)") }
            }
        }

        mutating func entries(_ count: Int, putsPerEntry: Int, _ dataset: DatasetID, _ owner: PrincipalID) -> [LogEntry] {
            (0..<count).map { _ in puts(putsPerEntry, dataset, owner) }
        }

        mutating func openSessions(_ count: Int, _ owner: PrincipalID) throws {
            for _ in 0..<count {
                guard case let .sessionOpened(id)? = try store.apply([entry(.openSession(owner))]).first ?? nil else { throw EngineError("no session was opened") }
                sessions.append((id, 0))
            }
        }

        mutating func sessionEntries(_ count: Int, _ dataset: DatasetID, _ owner: PrincipalID) -> [LogEntry] {
            (0..<count).map { number in
                let place = number % sessions.count
                sessions[place].sequence += 1
                return puts(1, dataset, owner, session: sessions[place].id, sequence: sessions[place].sequence)
            }
        }

        /// An entry that puts the next records.
        private mutating func puts(
            _ count: Int, _ dataset: DatasetID, _ owner: PrincipalID, session: SessionID = .none, sequence: UInt64 = 0
        ) -> LogEntry {
            let text = String(repeating: "x", count: 32)
            let operations = (next..<next + count).map { number in
                let fields = (0..<10).map { field -> WriteOperation.Field in
                    .init(FieldID(UInt16(field + 1)), field == 1 ? .int64(Int64(number % 10)) : .string("\(text)\(number &* 2_654_435_761 % 1_000_003)"))
                }
                return WriteOperation(kind: .put, dataset: dataset, key: EngineData.key(number), fields: fields)
            }
            next += count
            return entry(.write(WriteCommand(principal: owner, session: session, sequence: sequence, policyIndex: LogIndex(0), operations: operations)))
        }
    }
}

/// Why the data could not be made or read.
package struct EngineError: Error, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}
