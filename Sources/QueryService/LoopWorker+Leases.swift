import Access
import Core
import Replica
import Store

/// What a read lease allows while writes arrive: requests about records that nothing on its way touches are answered at once, the others wait for a barrier.
extension LoopWorker {
    /// Whether the request may be answered from the snapshot by a lease. What else it asks for waits for a barrier.
    func permits(_ item: Item, _ scope: LeaseScope, _ view: borrowing ReadView) -> Bool {
        if scope.isWhole { return true }
        let request = item.request
        switch request.body {
        // Each by itself, when it is answered.
        case .gets: return true
        case let .multiGet(message):
            let dataset = message.preamble.dataset
            for key in message.keys { guard scope.permits(dataset, key.span.bytes) else { return false } }
            return holds(request.principal, dataset, scope, view)
        case let .count(message): return permits(message.preamble.dataset, request, scope, view)
        case let .countStep(state): return permits(state.message.preamble.dataset, request, scope, view)
        case let .scan(message): return permits(message.preamble.dataset, request, scope, view)
        case .scanStep:
            // One that has ended meanwhile asks for nothing any more.
            guard let scan = item.connection.scans[request.stream] else { return true }
            return permits(scan.message.preamble.dataset, request, scope, view)
        // Who is who and what there is: of those hardly any change is on its way, and nobody asks often.
        case .bind, .describe, .write, .openSession: return false
        }
    }

    func permits(_ get: GetBatch.Get, _ key: RawSpan, _ scope: LeaseScope, _ view: borrowing ReadView) -> Bool {
        scope.permits(get.dataset, key) && holds(get.principal, get.dataset, scope, view)
    }

    private func permits(_ dataset: DatasetID, _ request: Request, _ scope: LeaseScope, _ view: borrowing ReadView) -> Bool {
        scope.permits(dataset) && holds(request.principal, dataset, scope, view)
    }

    /// Whether the right that is found in the snapshot is the one by the time of the newest entry too: terms begin and end between the two.
    private func holds(_ principal: PrincipalID, _ dataset: DatasetID, _ scope: LeaseScope, _ view: borrowing ReadView) -> Bool {
        let (time, policyIndex) = (view.state.time, view.state.policyIndex)
        #if KHO_BUG_TERMS_BY_OLD_TIME
        // Bug: a term that has ended by an entry on its way goes on here.
        let newest = time
        #else
        let newest = scope.time ?? time
        #endif
        if newest == time { return true }
        let last = plans.lastPlan(principal: principal, dataset: dataset, policyIndex: policyIndex, at: time)
        return (last ?? plans.plan(principal: principal, dataset: dataset, in: view.catalogue, at: time))?.holds(policyIndex: policyIndex, at: newest) ?? false
    }
}
