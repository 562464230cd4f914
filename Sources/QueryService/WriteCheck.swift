import Access
import Catalogue
import Core
import Records
import Store
import Wire

/// Whether a write is allowed as of a snapshot. The state machine checks again when it applies; this is so that a refusal is early.
enum WriteCheck {
    struct Denial: Equatable {
        let operation: Int
        let dataset: DatasetID
        let code: ErrorCode
    }

    /// The first operation that is not allowed; nil if all are.
    static func denied(_ write: Write, principal: PrincipalID, view: borrowing ReadView, plans: inout PlanCache) -> Denial? {
        guard let who = view.catalogue.principal(principal), who.active else {
            return Denial(operation: 0, dataset: DatasetID(0), code: .unauthenticated)
        }
        for (place, operation) in write.operations.enumerated() {
            guard let dataset = view.catalogue.dataset(operation.dataset),
                let plan = plans.plan(principal: principal, dataset: operation.dataset, in: view.catalogue, at: view.state.time),
                plan.allows(kind(of: operation), of: dataset)
            else { return Denial(operation: place, dataset: operation.dataset, code: .denied) }
        }
        return nil
    }

    /// Whether puts to all of these datasets are allowed.
    static func allowsPuts(to datasets: [DatasetID], principal: PrincipalID, view: borrowing ReadView, plans: inout PlanCache) -> Bool {
        guard let who = view.catalogue.principal(principal), who.active else { return false }
        for id in datasets {
            guard let dataset = view.catalogue.dataset(id), let plan = plans.plan(principal: principal, dataset: id, in: view.catalogue, at: view.state.time),
                plan.allows(.put, of: dataset)
            else { return false }
        }
        return true
    }

    /// The same, if the plan that was asked for last says so: it holds for a policy and a time, whatever state has these, so none is looked at. False if a snapshot must be asked.
    static func lastPlanAllowsPuts(to datasets: [DatasetID], principal: PrincipalID, as applied: AppliedState, plans: borrowing PlanCache) -> Bool {
        for dataset in datasets {
            guard let plan = plans.lastPlan(principal: principal, dataset: dataset, policyIndex: applied.policyIndex, at: applied.time), plan.allowsPuts
            else { return false }
        }
        return true
    }

    private static func kind(of operation: WriteOperation) -> AccessPlan.WriteKind {
        switch operation.kind {
        case .put: .put
        case .delete: .delete
        case .update: .update(operation.mask)
        }
    }
}
