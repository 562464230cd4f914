import Catalogue
import Core

/// Access plans used again while they hold. Owned by one event loop.
package struct PlanCache {
    private struct Key: Hashable {
        let principal: PrincipalID
        let dataset: DatasetID
    }

    private var plans: [Key: AccessPlan] = [:]
    /// The plan that was asked for last: most requests are followed by one of the same principal about the same dataset.
    private var last: AccessPlan?
    /// Plans kept; when there are more, all are dropped, which a next use makes good.
    private let limit: Int

    package init(limit: Int = 10_000) { self.limit = limit }

    /// The plan that was asked for last, if it is that of the principal and the dataset and still holds. A principal that has a plan which holds is an
    /// active one. Costs a few comparisons.
    @inline(__always)
    package func lastPlan(principal: PrincipalID, dataset: DatasetID, policyIndex: LogIndex, at time: LogTime) -> AccessPlan? {
        guard let last, last.principal == principal, last.dataset == dataset, last.holds(policyIndex: policyIndex, at: time) else { return nil }
        return last
    }

    /// The plan as of the catalogue and the time, or nil if there is no such dataset or principal (any longer).
    package mutating func plan(principal: PrincipalID, dataset: DatasetID, in catalogue: Catalogue, at time: LogTime) -> AccessPlan? {
        let key = Key(principal: principal, dataset: dataset)
        if let plan = plans[key], plan.holds(policyIndex: catalogue.policyIndex, at: time) {
            last = plan
            return plan
        }
        guard let principal = catalogue.principal(principal), principal.active, let dataset = catalogue.dataset(dataset) else {
            plans[key] = nil
            last = nil
            return nil
        }
        let plan = AccessPlan.compile(for: principal, dataset: dataset, in: catalogue, at: time)
        if plans.count >= limit { plans.removeAll(keepingCapacity: true) }
        plans[key] = plan
        last = plan
        return plan
    }
}
