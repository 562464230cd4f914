import Catalogue
import Core
import Records
@testable import Store

/// Snapshots of a store with a few of everything, in one chunk and in many, with a header that lies, of a damaged state, and of nothing.
func snapshotSeeds() throws -> [[UInt8]] {
    let whole = try snapshotOfASmallWorld()
    let pieces = stride(from: 0, to: whole.count, by: 3).map { Array(whole[$0..<min(whole.count, $0 + 3)]) }
    // Values that cannot be read: the applied state, figures, the membership, an object of the catalogue.
    let damaged = whole.indices.filter { whole[$0].database < 2 }.map { place in
        var all = whole
        all[place].value = [1, 2, 3]
        return seed(SentSnapshot.keepsFigures, [all])
    }
    // What stands in sessions and records is opened unread: numbers as large as can be.
    let unread = whole.indices.filter { whole[$0].database >= 2 }.map { place in
        var all = whole
        all[place].value = all[place].value.map { _ in 255 }
        return seed(0, [all])
    }
    return [seed(0, []), seed(0, [whole]), seed(0, pieces), seed(SentSnapshot.keepsFigures, pieces)] + (1...6).map { seed($0, [whole]) } + damaged + unread
}

private func seed(_ first: UInt8, _ chunks: [[SentSnapshot.Item]]) -> [UInt8] {
    written {
        $0.write(first)
        for chunk in chunks { $0.write16(SentSnapshot.body(of: chunk)) }
    }
}

private func snapshotOfASmallWorld() throws -> [SentSnapshot.Item] {
    try SnapshotReception.withNewStore { store in
        var index: UInt64 = 0
        func apply(_ kind: EntryKind, _ payload: [UInt8]) throws {
            index += 1
            _ = try store.apply([LogEntry(index: LogIndex(index), term: Term(2), kind: kind, time: LogTime(milliseconds: 1_000), payload: payload)])
        }
        func change(_ kind: ObjectKind, _ document: Document) throws {
            let change = CatalogueChange(verb: .apply, kind: kind, document: document)
            try apply(.command, Command.catalogue(.init(actor: PrincipalID(2), change: change)).encoded())
        }
        try apply(
            .command,
            Command.genesis(.init(clusterName: "test", tokenKey: [UInt8](repeating: 7, count: 32), agency: "ops", system: "admin")).encoded())
        let member = Membership.Member(id: NodeID(1), name: "n1", peerAddress: "h:1", adminAddress: "h:2", incarnation: Incarnation(5))
        try apply(.membership, Membership(members: [member], voters: [NodeID(1)]).encoded())
        try change(.agency, ["code": "a"])
        try change(.principal, ["code": "sys", "agency": "a", "attributes": ["district": "219"]])
        let fields: Document = [["name": "name", "kind": "string", "sensitivity": "public"]]
        for code in ["units", "houses"] { try change(.dataset, ["code": .string(code), "owner": "a", "class": "open", "kind": "data", "fields": fields]) }
        let catalogue = try store.withReadView { view throws(StoreError) in view.catalogue }
        guard let principal = catalogue.principal(path: "a/sys")?.id else { throw FuzzFinding(what: "the seeds' world has no principal") }
        try apply(.command, Command.openSession(principal).encoded())
        for code in ["units", "houses"] {
            guard let dataset = catalogue.dataset(code: code)?.id else { throw FuzzFinding(what: "the seeds' world has no \(code)") }
            let puts = (0..<3 as Range<UInt8>).map { WriteOperation(kind: .put, dataset: dataset, key: [65 + $0], fields: [.init(FieldID(1), .string("x"))]) }
            let write = WriteCommand(principal: principal, session: .none, sequence: 0, policyIndex: LogIndex(0), operations: puts)
            try apply(.command, Command.write(write).encoded())
        }
        return try SnapshotReception.items(of: store)
    }
}
