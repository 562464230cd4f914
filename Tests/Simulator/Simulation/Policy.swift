import Catalogue
import Core
import Records
import Store

/// What the partner `b/sys` may do with the one dataset, and by which rights: the permission oracle. Written a second time, from the documents
/// and not from the code of `Catalogue` and `Access`. A value: a checkpoint or a snapshot of the state is a copy.
struct Policy: Equatable {
    static let name = FieldID(1), count = FieldID(2)
    static let fields: Set<FieldID> = [name, count]
    static let reading: Set<String> = ["get", "scan", "count", "watch", "export"]

    enum Sharing: String { case open, sharedByDefault, sharedOnRequest }
    enum State: String { case approved, suspended, revoked }

    struct Agreement: Equatable {
        let code: String
        var isOfAgency: Bool
        var actions: Set<String>
        var fields: Set<FieldID>
        var rows: Rows
        var from: Int64?
        var until: Int64?
        var state: State
    }

    /// One source of rights, in force.
    struct Grant {
        let actions: Set<String>
        let fields: Set<FieldID>
        let rows: Rows
    }

    /// Nil before there is a dataset.
    private(set) var sharing: Sharing?
    /// Nil before there is a partner.
    private(set) var isActive: Bool?
    private(set) var agreements: [Agreement] = []

    // MARK: Changes

    /// False if the change is refused; nothing is changed then.
    mutating func apply(_ change: CatalogueChange) -> Bool {
        let document = change.document
        switch (change.verb, change.kind) {
        case (.apply, .dataset): sharing = document["class"]?.string.flatMap(Sharing.init)
        case (.apply, .principal): if document["agency"]?.string == "b" { isActive = document["active"]?.bool ?? true }
        case (.apply, .agreement): return agree(document)
        case (let verb, .agreement):
            guard let place = agreements.firstIndex(where: { $0.code == document["code"]?.string }) else { return false }
            if agreements[place].state == .revoked { return verb == .revoke }
            agreements[place].state = verb == .approve ? .approved : verb == .suspend ? .suspended : .revoked
        default: break
        }
        return true
    }

    private mutating func agree(_ document: Document) -> Bool {
        guard let code = document["code"]?.string else { return false }
        let place = agreements.firstIndex { $0.code == code }
        let old = place.map { agreements[$0] }
        if old?.state == .revoked { return false }
        let names = document["fields"]?.array?.compactMap(\.string)
        let agreement = Agreement(
            code: code, isOfAgency: document["consumerAgency"] != nil, actions: Set(document["actions"]?.array?.compactMap(\.string) ?? []),
            fields: names.map { Set($0.map { $0 == "name" ? Self.name : Self.count }) } ?? Self.fields,
            rows: Rows.all.first { $0.text == document["where"]?.string } ?? .every, from: document["from"]?.string.flatMap(TimestampText.parse),
            until: document["until"]?.string.flatMap(TimestampText.parse), state: document["state"]?.string.flatMap(State.init) ?? old?.state ?? .approved)
        if let place { agreements[place] = agreement } else { agreements.append(agreement) }
        return true
    }

    // MARK: Rights

    /// The partner's rights at a time of the log, in milliseconds.
    func grants(at time: Int64) -> [Grant] {
        guard isActive == true, let sharing else { return [] }
        var grants: [Grant] = []
        // The name is public, the count internal (Workload.withPartner).
        switch sharing {
        case .open: grants.append(Grant(actions: Self.reading, fields: [Self.name], rows: .every))
        case .sharedByDefault: grants.append(Grant(actions: Self.reading, fields: Self.fields, rows: .every))
        case .sharedOnRequest: break
        }
        for agreement in agreements where agreement.state == .approved {
            if let from = agreement.from, time < from { continue }
            if let until = agreement.until, time >= until { continue }
            grants.append(Grant(actions: agreement.actions, fields: agreement.fields, rows: agreement.rows))
        }
        return grants
    }
}

/// Rights in force at one moment, added up.
struct Rights {
    let grants: [Policy.Grant]
    /// The owner's rights: everything.
    static let owner = Rights(grants: [.init(actions: Policy.reading.union(["write"]), fields: Policy.fields, rows: .every)])

    func allows(_ action: String) -> Bool { grants.contains { $0.actions.contains(action) } }

    /// The fields that some record shows.
    var visible: Set<FieldID> { grants.reduce(into: []) { if !$1.actions.isDisjoint(with: Policy.reading) { $0.formUnion($1.fields) } } }
    var writable: Set<FieldID> { grants.reduce(into: []) { if $1.actions.contains("write") { $0.formUnion($1.fields) } } }

    /// Every field of every record is shown, whatever is done to read it.
    var hidesNothing: Bool {
        let everywhere = grants.filter { $0.rows == .every && $0.actions.isSuperset(of: Policy.reading) }
        return everywhere.reduce(into: Set()) { $0.formUnion($1.fields) } == Policy.fields
    }

    /// The fields that the record shows for the action; nil if it is hidden.
    func shown(of record: ModelState.Record, for action: String) -> Set<FieldID>? {
        let holding = grants.filter { $0.actions.contains(action) && $0.rows.holds(record, shown: Policy.fields) == true }
        return holding.isEmpty ? nil : holding.reduce(into: []) { $0.formUnion($1.fields) }
    }

    /// Whether anything that reads shows the record.
    func shows(_ record: ModelState.Record) -> Bool { Policy.reading.contains { shown(of: record, for: $0) != nil } }
}

/// Conditions on records: of agreements, and of the partner's own filters.
enum Rows: Equatable {
    case every
    case countAtLeast(Int64)
    case countBelow(Int64)
    case nameIs(String)
    case nameIsNot(String)
    case nameIsNull
    case nameBegins(String)

    static let all: [Rows] =
        (0..<7).flatMap { [.countAtLeast($0 << 32), .countBelow($0 << 32)] }
        + (0..<8).flatMap { [.nameIs("n\($0)"), .nameIsNot("n\($0)")] } + [.nameIsNull, .nameBegins("n"), .nameBegins("nn")]

    /// As it is written; nil for every record.
    var text: String? {
        switch self {
        case .every: nil
        case let .countAtLeast(number): "count >= \(number)"
        case let .countBelow(number): "NOT count >= \(number)"
        case let .nameIs(text): "name = '\(text)'"
        case let .nameIsNot(text): "NOT name = '\(text)'"
        case .nameIsNull: "name IS NULL"
        case let .nameBegins(text): "name STARTS WITH '\(text)'"
        }
    }

    var field: FieldID? {
        switch self {
        case .every: nil
        case .countAtLeast, .countBelow: Policy.count
        case .nameIs, .nameIsNot, .nameIsNull, .nameBegins: Policy.name
        }
    }

    /// Whether the record fulfils it, as far as it shows these fields; nil: unknown, which is no.
    func holds(_ record: ModelState.Record, shown: Set<FieldID>) -> Bool? {
        guard let field else { return true }
        guard shown.contains(field) else { return nil }
        switch (self, field == Policy.name ? record.name : record.count) {
        case (.nameIsNull, let value): return value == .null
        case (_, .null): return nil
        case let (.countAtLeast(least), .int64(number)): return number >= least
        case let (.countBelow(bound), .int64(number)): return number < bound
        case let (.nameIs(text), .string(name)): return name == text
        case let (.nameIsNot(text), .string(name)): return name != text
        case let (.nameBegins(text), .string(name)): return name.hasPrefix(text)
        default: return nil
        }
    }
}
