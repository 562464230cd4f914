import Core
import Records

/// A state agency: owns datasets and principals.
package struct Agency: Equatable, Sendable {
    package var id: AgencyID
    package var code: String
    package var name: String
}

/// What a certificate's holder is for.
package enum Role: String, Sendable, CaseIterable {
    /// A consumer or publisher system of an agency.
    case consumer
    /// LGSP itself.
    case gateway
    /// Runs the cluster and the catalogue; has no right to any record by that.
    case administrator
}

/// A system that holds a certificate. Found by role, agency and code, which are the certificate's URI.
package struct Principal: Equatable, Sendable {
    package var id: PrincipalID
    /// The system's name within its agency.
    package var code: String
    package var agency: AgencyID
    package var role: Role
    package var name: String
    /// What row conditions may compare with, as `$principal.name`; texts.
    package var attributes: [Attribute]
    package var active: Bool

    package struct Attribute: Equatable, Sendable {
        package var name: String
        package var value: String
    }
}

/// Who may see a dataset without an agreement.
package enum DatasetClass: String, Sendable, CaseIterable {
    /// Every principal sees the fields of sensitivity `public`.
    case open
    /// Every principal sees the fields of sensitivity `public` and `internal`.
    case sharedByDefault
    /// Only agreements give rights.
    case sharedOnRequest

    /// Classes that the regulation keeps out of the repository, with what is said to who tries.
    static let refused: [String: String] = [
        "secret": "state secrets are not kept in the shared repository",
        "internal": "an agency's internal data is not kept in the shared repository",
        "temporary": "temporary data is not kept in the shared repository",
    ]
}

package enum DatasetKind: String, Sendable, CaseIterable {
    case data
    /// A shared list of codes; values of other datasets may be bound to its keys.
    case codeList
    case masterData
}

/// A dataset: a schema, an owner, a class.
package struct Dataset: Equatable, Sendable {
    package var id: DatasetID
    package var code: String
    package var name: String
    package var owner: AgencyID
    package var sharing: DatasetClass
    package var kind: DatasetKind
    /// What the record's key is called in files and tables.
    package var keyName: String
    package var schema: Schema
    /// The number that the next new field gets.
    package var nextField: UInt16
}

/// What an agreement allows.
package struct Actions: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let get = Actions(rawValue: 1)
    package static let scan = Actions(rawValue: 2)
    package static let count = Actions(rawValue: 4)
    package static let watch = Actions(rawValue: 8)
    package static let export = Actions(rawValue: 16)
    package static let write = Actions(rawValue: 32)
    package static let read: Actions = [.get, .scan, .count, .watch, .export]

    package static let names: [(String, Actions)] = [
        ("get", .get), ("scan", .scan), ("count", .count), ("watch", .watch), ("export", .export), ("write", .write),
    ]
}

package enum AgreementState: String, Sendable, CaseIterable {
    case proposed, approved, suspended, revoked, ended
}

/// The unit of permission: a provider lets a consumer do some actions with some fields of the records that fulfil a condition.
package struct Agreement: Equatable, Sendable {
    package enum Consumer: Equatable, Sendable {
        case principal(PrincipalID)
        case agency(AgencyID)
    }

    package var id: AgreementID
    package var code: String
    package var dataset: DatasetID
    package var consumer: Consumer
    package var actions: Actions
    package var fields: FieldMask
    package var condition: Condition?
    package var purpose: String
    /// In force from this time of the log, and before that one.
    package var from: LogTime?
    package var until: LogTime?
    package var state: AgreementState
}

/// The kinds of object; the raw value is the first byte of an object's key in the store.
package enum ObjectKind: UInt8, Sendable, CaseIterable {
    case agency = 1
    case principal = 2
    case dataset = 3
    case agreement = 4

    package var name: String { "\(self)" }
    package init?(name: some StringProtocol) {
        guard let kind = Self.allCases.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else { return nil }
        self = kind
    }
}
