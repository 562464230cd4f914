import Access
import Catalogue
import Core
import Glibc
import LMDB
import Records

@testable import Store

/// A store in a temporary folder and the means to feed it entries.
final class Fixture {
    let folder: String
    let cluster = ClusterID(high: 1, low: 2)
    var store: StateStore
    private(set) var log: [LogEntry] = []

    init() throws {
        var template = Array("/tmp/kho-store-XXXXXX".utf8CString)
        folder = mkdtemp(&template).map { String(cString: $0) } ?? "/tmp/kho-store"
        store = try StateStore(directory: folder + "/state", cluster: cluster, options: .init(mapBytes: 64 << 20))
    }

    /// A store that starts from these files of the other one.
    init(of other: Fixture, data: [UInt8], checkpoint: [UInt8]) throws {
        var template = Array("/tmp/kho-store-XXXXXX".utf8CString)
        folder = mkdtemp(&template).map { String(cString: $0) } ?? "/tmp/kho-store"
        let directory = folder + "/state"
        do {
            try DurableFiles().makeFolder(directory)
            try DurableFiles().makeFolder(directory + "/g-1")
            try DurableFiles().replace(directory, "current", with: Array("1\n".utf8))
            try DurableFiles().replace(directory + "/g-1", "data.mdb", with: data)
            try DurableFiles().replace(directory + "/g-1", "checkpoint", with: checkpoint)
            store = try StateStore(directory: directory, cluster: other.cluster, options: .init(mapBytes: 64 << 20))
        } catch {
            Self.remove(folder)
            throw error
        }
    }

    deinit { Self.remove(folder) }

    /// The file that LMDB maps, of the first generation.
    var dataFile: String { store.directory + "/g-1/data.mdb" }

    /// The folders of generations that there are.
    func generations() throws -> [String] { try DurableFiles().names(in: store.directory).filter { $0.hasPrefix("g-") }.sorted() }

    static func remove(_ path: String) {
        guard let handle = opendir(path) else { return }
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) } }
            if name == "." || name == ".." { continue }
            if unlink(path + "/" + name) != 0 { remove(path + "/" + name) }
        }
        closedir(handle)
        rmdir(path)
    }

    func entry(_ command: Command, time: Int64 = 0) -> LogEntry {
        let previous = log.last
        let entry = LogEntry(
            index: previous?.index.next ?? LogIndex(1), term: Term(1), kind: .command,
            time: LogTime(milliseconds: max(time, previous?.time.milliseconds ?? 1_000)), payload: command.encoded())
        log.append(entry)
        return entry
    }

    func apply(_ membership: Membership) throws {
        let previous = log.last
        log.append(
            LogEntry(
                index: previous?.index.next ?? LogIndex(1), term: Term(1), kind: .membership, time: previous?.time ?? .zero,
                payload: membership.encoded()))
        _ = try store.apply([log.last!])
    }

    @discardableResult
    func apply(_ command: Command, time: Int64 = 0) throws -> CommandOutcome? { try store.apply([entry(command, time: time)])[0] }

    /// Closes the store; another one, empty, stands in its place.
    func close() throws { store = try StateStore(directory: folder + "/other", cluster: cluster, options: .init(mapBytes: 1 << 20)) }

    /// Closes and opens the store, as after any stop.
    func reopen() throws {
        let directory = store.directory
        try close()
        store = try StateStore(directory: directory, cluster: cluster, options: .init(mapBytes: 64 << 20))
    }

    func replay() throws {
        let applied = store.applied.position.index
        _ = try store.apply(log.filter { $0.index > applied })
    }

    /// Everything in the store, sound or not, in the order of a snapshot.
    func dump() throws -> [(database: Int, key: [UInt8], value: [UInt8])] {
        var all: [(Int, [UInt8], [UInt8])] = []
        try store.withReadView { view throws(StoreError) in
            for (place, database) in view.databases.all.enumerated() {
                try lmdbBorrowing(view.reader.transaction) { transaction throws(LMDBError) in
                    let cursor = try transaction.cursor(database)
                    var more = try cursor.first()
                    while more {
                        all.append((place, cursor.key.withUnsafeBytes { [UInt8]($0) }, cursor.value.withUnsafeBytes { [UInt8]($0) }))
                        more = try cursor.next()
                    }
                }
            }
        }
        return all
    }

    /// Sessions and their stored answers.
    func countOfSessionEntries() throws -> Int { try dump().count { $0.database == 2 && $0.key.first != 255 } }

    /// How many sessions there are, by each of the indexes and by the count that is kept; nil if they differ.
    func indexedSessions() throws -> Int? {
        let all = try dump().filter { $0.database == 2 }
        let owned = all.count { $0.key.starts(with: [255, 1]) }, queued = all.count { $0.key.starts(with: SessionIndex.queue) }
        let kept = all.first { $0.key == SessionIndex.count }?.value.reduce(0) { $0 << 8 | Int($1) }
        let sessions = all.count { $0.key.count == 8 }
        return owned == sessions && queued == sessions && kept == sessions ? sessions : nil
    }

    /// The keys that the owner's scan brings.
    func keys(_ dataset: String, from start: ReadView.Start = .at([]), to end: [UInt8]? = nil, prefix: [UInt8] = []) throws -> [String] {
        var keys: [String] = []
        try store.withReadView { view throws(StoreError) in
            let plan = AccessPlan.compile(
                for: view.catalogue.principal(path: "a/sys")!, dataset: view.catalogue.dataset(code: dataset)!, in: view.catalogue, at: view.state.time)
            _ = try view.scan(from: start, to: end, prefix: prefix, through: plan, examinedMax: 1_000) { key, _ in
                keys.append(key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
                return true
            }
        }
        return keys
    }

    // MARK: A small world

    static let admin = PrincipalID(2)

    func change(_ kind: ObjectKind, _ document: Document, verb: CatalogueChange.Verb = .apply) throws -> CommandOutcome? {
        try apply(.catalogue(.init(actor: Self.admin, change: .init(verb: verb, kind: kind, document: document))))
    }

    /// Agencies `a` (owner) and `b`, principals `a/sys` and `b/sys`, a code list, the dataset `houses` shared on request.
    ///
    /// - Parameter nameBytes: what `name` in both datasets may have; nil for what any field may.
    func makeWorld(nameBytes: Int? = nil) throws {
        func name(_ members: Document.Member...) -> Document {
            var all: [Document.Member] = [.init("name", "name"), .init("kind", "string"), .init("sensitivity", "public")] + members
            if let nameBytes { all.append(.init("maxBytes", .int(Int64(nameBytes)))) }
            return .object(all)
        }
        try apply(.genesis(.init(clusterName: "test", tokenKey: [UInt8](repeating: 7, count: 32), agency: "ops", system: "admin")))
        for agency in ["a", "b"] {
            _ = try change(.agency, ["code": .string(agency)])
            _ = try change(.principal, ["code": "sys", "agency": .string(agency), "attributes": ["district": "219"]])
        }
        _ = try change(
            .dataset, ["code": "units", "owner": "a", "class": "open", "kind": "codeList", "fields": [name()]])
        _ = try change(
            .dataset,
            [
                "code": "houses", "owner": "a", "class": "sharedOnRequest",
                "fields": [
                    name(.init("required", true)),
                    ["name": "district", "kind": "string", "sensitivity": "public", "codeList": "units"],
                    ["name": "owner", "kind": "string", "sensitivity": "personal"],
                    ["name": "capital", "kind": "int64", "sensitivity": "internal"],
                ],
            ])
    }

    var catalogue: Catalogue { get throws { try store.withReadView { view throws(StoreError) in view.catalogue } } }
    func principal(_ path: String) throws -> PrincipalID { try catalogue.principal(path: path)!.id }
    func dataset(_ code: String) throws -> DatasetID { try catalogue.dataset(code: code)!.id }

    func write(
        _ operations: [WriteOperation], as path: String = "a/sys", session: SessionID = .none, sequence: UInt64 = 0, time: Int64 = 0
    ) throws -> CommandOutcome? {
        try apply(
            .write(WriteCommand(principal: try principal(path), session: session, sequence: sequence, policyIndex: LogIndex(0), operations: operations)),
            time: time)
    }

    func put(_ dataset: String, _ key: String, _ fields: [(UInt16, Value)], _ condition: WriteCondition = .none, kind: WriteOperation.Kind = .put) throws -> WriteOperation {
        WriteOperation(
            kind: kind, dataset: try self.dataset(dataset), key: Array(key.utf8), condition: condition,
            fields: fields.map { .init(FieldID($0.0), $0.1) })
    }

    /// What the principal gets of a record.
    func get(_ dataset: String, _ key: String, as path: String = "a/sys") throws -> Record? {
        let principal = try principal(path), dataset = try self.dataset(dataset)
        let bytes: [UInt8]? = try store.withReadView { view throws(StoreError) in
            let who = view.catalogue.principal(principal)!, what = view.catalogue.dataset(dataset)!
            let plan = AccessPlan.compile(for: who, dataset: what, in: view.catalogue, at: view.state.time)
            return try view.get(Array(key.utf8), through: plan) { record in
                var out: [UInt8] = []
                record.write(into: &out, requested: nil)
                return out
            }
        }
        return try bytes.map { try Record(decoding: $0, key: Array(key.utf8)) }
    }
}
