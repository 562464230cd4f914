import Catalogue
import Core
import Records

/// What one principal may do with one dataset, as of one policy index: agreements in force and the rights of the dataset's
/// class, compiled. No rights is a plan too, with nothing in it: deny by default. It never changes; an object, so that to hand it on costs one count of
/// references and not one for each of its parts.
package final class AccessPlan: Sendable {
    /// One source of rights: some actions, some fields, of the records that fulfil a condition.
    package struct Grant: Sendable {
        package let actions: Actions
        package let fields: FieldMask
        /// With the principal's attributes in place; nil for every record.
        package let condition: Condition?
        /// Where it comes from, for explanations.
        package let source: Source
    }

    package enum Source: Sendable, Equatable {
        case owner
        case datasetClass(DatasetClass)
        case agreement(code: String)
    }

    package let principal: PrincipalID
    package let dataset: DatasetID
    package let policyIndex: LogIndex
    package let grants: [Grant]
    /// Actions that some grant allows for some record.
    package let actions: Actions
    /// The visible schema: fields that some grant shows in some record. Any other is an unknown field to the principal. Its version is the
    /// dataset's if every field is visible, else 0: it would tell that hidden fields change.
    package let schema: Schema
    package let visible: FieldMask
    /// Every field of the dataset is shown in every record.
    package let hidesNothing: Bool
    /// The plan holds for times of the log before this one; nil: until the next change of policy.
    package let validUntil: LogTime?
    /// Whether the dataset is open or an open code list, so that stale answers reveal nothing that was revoked.
    package let isOpen: Bool
    /// Every field of the dataset as it is now. A record may still hold values of fields that were deleted.
    private let known: FieldMask
    /// What is asked of every record where no grant has a condition: the fields of each action, found without looking at it.
    private let unconditional: FieldMask?
    /// The fields that may be written.
    package let writable: FieldMask
    /// Whether whole records may be put: `allows(.put, of:)` of the dataset that the plan was compiled for.
    package let allowsPuts: Bool

    /// Compiles a plan. Costs by the number of agreements between the two.
    package static func compile(for principal: Principal, dataset: Dataset, in catalogue: Catalogue, at time: LogTime) -> AccessPlan {
        var grants: [Grant] = []
        var validUntil: LogTime?
        func bound(_ limit: LogTime?) {
            guard let limit, limit > time else { return }
            validUntil = min(validUntil ?? limit, limit)
        }
        let all = dataset.schema.mask
        // An administrator runs the cluster and sees no records by that, nor does a gateway for itself.
        if principal.active, principal.role == .consumer {
            if principal.agency == dataset.owner {
                grants.append(Grant(actions: [.read, .write], fields: all, condition: nil, source: .owner))
            }
            if dataset.sharing != .sharedOnRequest {
                grants.append(Grant(actions: .read, fields: fields(ofClassOf: dataset), condition: nil, source: .datasetClass(dataset.sharing)))
            }
            let attributes = principal.attributes.map { (name: $0.name, value: Value.string($0.value)) }
            for agreement in catalogue.agreements(of: principal, about: dataset.id) where agreement.state == .approved {
                bound(agreement.from)
                bound(agreement.until)
                if let from = agreement.from, time < from { continue }
                if let until = agreement.until, time >= until { continue }
                grants.append(
                    Grant(
                        actions: agreement.actions, fields: agreement.fields.intersection(all),
                        condition: agreement.condition?.substituting(attributes), source: .agreement(code: agreement.code)))
            }
        }
        return AccessPlan(principal: principal.id, dataset: dataset, policyIndex: catalogue.policyIndex, grants: grants, validUntil: validUntil)
    }

    /// The fields that every principal may read by the dataset's class.
    static func fields(ofClassOf dataset: Dataset) -> FieldMask {
        func fields(upTo sensitivity: Sensitivity) -> FieldMask {
            FieldMask(dataset.schema.fields.lazy.filter { $0.sensitivity <= sensitivity }.map(\.id))
        }
        return switch dataset.sharing {
        case .open: fields(upTo: .public)
        case .sharedByDefault: fields(upTo: .internal)
        case .sharedOnRequest: .none
        }
    }

    private init(principal: PrincipalID, dataset: Dataset, policyIndex: LogIndex, grants: [Grant], validUntil: LogTime?) {
        self.principal = principal
        self.dataset = dataset.id
        self.policyIndex = policyIndex
        self.grants = grants
        self.validUntil = validUntil
        actions = grants.reduce(into: Actions()) { $0.formUnion($1.actions) }
        let readable = grants.filter { !$0.actions.isDisjoint(with: .read) }
        let visible = readable.reduce(FieldMask.none) { $0.union($1.fields) }
        self.visible = visible
        let seesEveryField = dataset.schema.mask.isSubset(of: visible)
        schema = Schema(version: seesEveryField ? dataset.schema.version : 0, fields: dataset.schema.fields.filter { visible.contains($0.id) })
        let everywhere = readable.filter { $0.condition == nil && $0.actions.isSuperset(of: .read) }.reduce(FieldMask.none) { $0.union($1.fields) }
        hidesNothing = dataset.schema.mask.isSubset(of: everywhere)
        let uniform = grants.allSatisfy { $0.condition == nil && ($0.actions.isSuperset(of: .read) || $0.actions.isDisjoint(with: .read)) }
        unconditional = uniform && !readable.isEmpty ? visible : nil
        known = dataset.schema.mask
        isOpen = dataset.sharing == .open
        let writable = grants.filter { $0.actions.contains(.write) }.reduce(FieldMask.none) { $0.union($1.fields) }
        self.writable = writable
        allowsPuts = actions.contains(.write) && dataset.schema.mask.isSubset(of: writable)
    }

    /// Whether the plan still holds at this policy index and this time of the log.
    package func holds(policyIndex: LogIndex, at time: LogTime) -> Bool {
        #if KHO_BUG_PLAN_OUTLIVES_POLICY
        // Bug: a plan that was kept holds whatever was revoked since.
        validUntil.map { time < $0 } ?? true
        #else
        self.policyIndex == policyIndex && validUntil.map { time < $0 } ?? true
        #endif
    }

    /// The fields that the record shows for the action; nil if the record is hidden. Rights add up record by record.
    package func mask(of record: borrowing RecordView, for action: Actions) -> FieldMask? {
        if let unconditional, actions.contains(action) { return unconditional }
        var mask = FieldMask.none
        var shown = false
        // By place: a grant that is copied has its text's references counted, for each record.
        for place in grants.indices where grants[place].actions.contains(action) && holds(grants[place], for: record) {
            mask = mask.union(grants[place].fields)
            shown = true
        }
        return shown ? mask : nil
    }

    /// Whether some reading action shows the record. Whom none does must not learn that it is there.
    package func shows(_ record: borrowing RecordView) -> Bool {
        if unconditional != nil { return true }
        for grant in grants where !grant.actions.isDisjoint(with: .read) && holds(grant, for: record) { return true }
        return false
    }

    /// Whether the grant covers the record. A condition on a deleted field is UNKNOWN in every record, also where an old value remains: no
    /// right hangs on when a record was last written, nor grows by a deletion.
    func holds(_ grant: borrowing Grant, for record: borrowing RecordView) -> Bool {
        #if KHO_BUG_CONDITION_AFTER_MASK
        // Bug: a row condition sees only the fields that its grant shows.
        grant.condition.map { $0.evaluate(record, shown: grant.fields) == .true } ?? true
        #else
        grant.condition.map { $0.evaluate(record, shown: known) == .true } ?? true
        #endif
    }

    /// Whether the principal may do such a write: a whole record needs the right on every field of the dataset, and so does a
    /// deletion; an update needs it on the fields that it sets.
    package func allows(_ write: WriteKind, of dataset: Dataset) -> Bool {
        guard actions.contains(.write) else { return false }
        switch write {
        case .put, .delete: return dataset.schema.mask.isSubset(of: writable)
        case let .update(fields): return fields.isSubset(of: writable)
        }
    }

    package enum WriteKind: Sendable {
        case put
        case delete
        case update(FieldMask)
    }
}
