import Access
import Catalogue
import Core
import Records

/// A catalogue whose dataset `d` of agency `a` has a field of each sensitivity, and plans of it.
struct World {
    var catalogue = Catalogue()
    private var index: UInt64 = 1

    static let now = LogTime(milliseconds: 1_000_000)
    /// Fields by number: 1 to 4 in the order of their sensitivity, 5 what conditions look at.
    static let fields: [Document] = [
        ["name": "open", "kind": "string", "sensitivity": "public"], ["name": "inner", "kind": "string", "sensitivity": "internal"],
        ["name": "person", "kind": "string", "sensitivity": "personal"], ["name": "health", "kind": "string", "sensitivity": "sensitive"],
        ["name": "district", "kind": "string", "sensitivity": "sensitive"],
    ]

    /// Systems `a/sys` (the owner's), `b/sys` and `b/other` of another agency, `c/sys` of a third; a gateway and an administrator of `a`.
    init(sharing: String = "sharedOnRequest") throws {
        _ = catalogue.genesis(clusterName: "test", tokenKey: [], administratorAgency: "ops", administrator: "admin", at: LogIndex(1))
        for agency in ["a", "b", "c"] { try change(.agency, ["code": .string(agency)]) }
        for (agency, code, role) in [
            ("a", "sys", "consumer"), ("b", "sys", "consumer"), ("b", "other", "consumer"), ("c", "sys", "consumer"), ("a", "gate", "gateway"),
            ("a", "admin", "administrator"),
        ] {
            try change(
                .principal, ["code": .string(code), "agency": .string(agency), "role": .string(role), "attributes": ["district": "219", "level": "2"]])
        }
        try share(as: sharing)
    }

    mutating func share(as sharing: String, owner: String = "a", fields: [Document] = World.fields) throws {
        try change(.dataset, ["code": "d", "owner": .string(owner), "class": .string(sharing), "fields": .array(fields)])
    }

    mutating func change(_ kind: ObjectKind, _ document: Document, verb: CatalogueChange.Verb = .apply) throws {
        index += 1
        _ = try catalogue.apply(CatalogueChange(verb: verb, kind: kind, document: document), at: LogIndex(index))
    }

    /// An agreement with `b/sys`, or as the members say.
    mutating func agree(
        _ code: String = "g", _ actions: [String] = ["get"], _ fields: [String] = ["open"], where condition: String? = nil, consumer: String? = "b/sys",
        agency: String? = nil, from: Int64? = nil, until: Int64? = nil, state: String? = nil
    ) throws {
        var members: [Document.Member] = [
            .init("code", .string(code)), .init("dataset", "d"), .init("purpose", "p"), .init("actions", .array(actions.map { .string($0) })),
            .init("fields", fields == ["*"] ? "*" : .array(fields.map { .string($0) })),
        ]
        if let agency { members.append(.init("consumerAgency", .string(agency))) } else if let consumer { members.append(.init("consumer", .string(consumer))) }
        if let condition { members.append(.init("where", .string(condition))) }
        if let from { members.append(.init("from", .string(TimestampText.write(from)))) }
        if let until { members.append(.init("until", .string(TimestampText.write(until)))) }
        if let state { members.append(.init("state", .string(state))) }
        try change(.agreement, .object(members))
    }

    var dataset: Dataset { catalogue.dataset(code: "d")! }
    func principal(_ path: String) -> Principal { catalogue.principal(path: path)! }

    func plan(_ path: String = "b/sys", at time: LogTime = World.now) -> AccessPlan {
        AccessPlan.compile(for: principal(path), dataset: dataset, in: catalogue, at: time)
    }

    /// A record's bytes: field number to text.
    static func record(_ fields: [UInt16: String?], key: [UInt8] = [1]) -> [UInt8] {
        RecordCodec.encode(
            key: key, schemaVersion: 1, modifiedAt: LogIndex(7), time: LogTime(milliseconds: 8),
            fields: fields.map { (FieldID($0.key), $0.value.map { .string($0) } ?? .null, .string) })
    }

    static let near = record([1: "o", 2: "i", 3: "p", 4: "h", 5: "219"]), far = record([1: "o", 2: "i", 3: "p", 4: "h", 5: "213"])

    /// The numbers of the fields that the plan shows of the record; nil if it is hidden.
    static func shown(_ plan: AccessPlan, _ bytes: [UInt8] = near, for action: Actions = .get) throws -> [UInt16]? {
        let view = try RecordView(bytes.span.bytes)
        return plan.mask(of: view, for: action)?.fields.map(\.rawValue)
    }

    /// What the principal gets of the record; nil if it is hidden.
    static func masked(_ plan: AccessPlan, _ bytes: [UInt8] = near, for action: Actions = .get, requested: FieldMask? = nil, key: [UInt8] = [1]) throws -> Record? {
        let view = try RecordView(bytes.span.bytes)
        guard let record = MaskedRecord(view, key: key.span.bytes, through: plan, for: action) else { return nil }
        var out: [UInt8] = []
        record.write(into: &out, requested: requested)
        return try Record(decoding: out, key: key)
    }
}

func mask(_ fields: UInt16...) -> FieldMask { FieldMask(fields.map { FieldID($0) }) }
