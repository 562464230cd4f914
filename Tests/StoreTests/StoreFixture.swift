import Catalogue
import Core
import Glibc
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

    deinit { Self.remove(folder) }

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

    @discardableResult
    func apply(_ command: Command, time: Int64 = 0) throws -> CommandOutcome? { try store.apply([entry(command, time: time)])[0] }

    /// Closes and opens the store, as after any stop.
    func reopen() throws {
        let directory = store.directory
        store = try StateStore(directory: folder + "/other", cluster: cluster, options: .init(mapBytes: 1 << 20))
        store = try StateStore(directory: directory, cluster: cluster, options: .init(mapBytes: 64 << 20))
    }

    func replay() throws {
        let applied = store.applied.position.index
        _ = try store.apply(log.filter { $0.index > applied })
    }

    // MARK: A small world

    static let admin = PrincipalID(2)

    func change(_ kind: ObjectKind, _ document: Document, verb: CatalogueChange.Verb = .apply) throws -> CommandOutcome? {
        try apply(.catalogue(.init(actor: Self.admin, change: .init(verb: verb, kind: kind, document: document))))
    }

    /// Agencies `a` (owner) and `b`, principals `a/sys` and `b/sys`, a code list, the dataset `houses` shared on request.
    func makeWorld() throws {
        try apply(.genesis(.init(clusterName: "test", tokenKey: [UInt8](repeating: 7, count: 32), agency: "ops", system: "admin")))
        for agency in ["a", "b"] {
            _ = try change(.agency, ["code": .string(agency)])
            _ = try change(.principal, ["code": "sys", "agency": .string(agency), "attributes": ["district": "219"]])
        }
        _ = try change(
            .dataset, ["code": "units", "owner": "a", "class": "open", "kind": "codeList", "fields": [["name": "name", "kind": "string", "sensitivity": "public"]]])
        _ = try change(
            .dataset,
            [
                "code": "houses", "owner": "a", "class": "sharedOnRequest",
                "fields": [
                    ["name": "name", "kind": "string", "sensitivity": "public", "required": true],
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
            let plan = Access.AccessPlan.compile(for: who, dataset: what, in: view.catalogue, at: view.state.time)
            return try view.get(Array(key.utf8), through: plan) { record in
                var out: [UInt8] = []
                record.write(into: &out, requested: nil)
                return out
            }
        }
        return try bytes.map { try Record(decoding: $0, key: Array(key.utf8)) }
    }
}

import Access
