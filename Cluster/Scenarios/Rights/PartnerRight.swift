import KhoClient

/// What a scenario's partner may see of the register: no more than one agreement, which an administrator changes while the run goes on.
package enum PartnerRight: String, Sendable, CaseIterable {
    /// No agreement is in force.
    case nothing
    /// The number of every record.
    case numbers
    /// Both fields of the records that clients 1 and 2 wrote.
    case firstClients
    /// The text of the records that the other clients wrote: the field that the condition is about is itself hidden.
    case textsOfOthers

    package enum Field: String, Sendable, CaseIterable {
        case number, text
    }

    /// What an agreement lets its consumer do, as far as the partner does it. Several keys at once are got like one.
    package enum Action: String, Sendable, CaseIterable {
        case get, scan, count
    }

    static let agency = "co-quan-doc"
    static let system = "may-doc"
    private static let code = "thoa-thuan-thu"
    /// The first number of a client that is not one of the first two (`Client.nextValue`).
    package static let border: Int64 = 3_000_000_000

    package var fields: Set<Field> {
        switch self {
        case .nothing: []
        case .numbers: [.number]
        case .firstClients: [.number, .text]
        case .textsOfOthers: [.text]
        }
    }

    /// Each lets records be got; what else, differs, so that there is something to be denied.
    package var actions: Set<Action> {
        switch self {
        case .nothing: []
        case .numbers: [.get, .scan]
        case .firstClients: [.get, .count]
        case .textsOfOthers: [.get, .scan, .count]
        }
    }

    /// Whether a record with this number is shown.
    package func shows(_ number: Int64) -> Bool {
        switch self {
        case .nothing: false
        case .numbers: true
        case .firstClients: number < Self.border
        case .textsOfOthers: number >= Self.border
        }
    }

    private var condition: String? {
        switch self {
        case .nothing, .numbers: nil
        case .firstClients: "number < \(Self.border)"
        case .textsOfOthers: Self.othersCondition
        }
    }

    /// What the records fulfil that other clients wrote, for whoever may see the number.
    static let othersCondition = "NOT number < \(border)"

    /// The body of `catalogue.apply` that brings it into force, whatever was before.
    var change: Document {
        guard self != .nothing else { return ["kind": "agreement", "verb": "suspend", "document": ["code": .string(Self.code)]] }
        var members: [Document.Member] = [
            .init("code", .string(Self.code)), .init("dataset", .string(Register.privateCode)), .init("consumer", .string("\(Self.agency)/\(Self.system)")),
            .init("actions", .array(actions.map(\.rawValue).sorted().map { .string($0) })), .init("fields", .array(fields.map(\.rawValue).sorted().map { .string($0) })), .init("purpose", "thử nghiệm"),
            .init("state", "approved"),
        ]
        if let condition { members.append(.init("where", .string(condition))) }
        return ["kind": "agreement", "document": .object(members)]
    }
}
