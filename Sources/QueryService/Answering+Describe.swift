import Access
import Catalogue
import Core
import Records
import Store
import Wire

extension Answering {
    /// The datasets of which the principal sees something, as it sees them. One that it sees nothing of is as if it were not there.
    func describe(_ message: Describe, _ view: borrowing ReadView, _ plans: inout PlanCache) {
        guard isAuthenticated(view) else { return }
        if message.preamble.dataset != DatasetID(0) || !message.code.isEmpty {
            let asked =
                message.preamble.dataset != DatasetID(0)
                ? view.catalogue.dataset(message.preamble.dataset) : view.catalogue.dataset(code: message.code)
            if !basis.isNewest {
                // A schema that can be hidden again is shown behind a barrier only; so is that a dataset is not there.
                guard let asked, isOpenToAll(asked, view, &plans) else { return again() }
                guard isYoungEnough() else { return }
            }
            var found: [DatasetDescription] = []
            if let asked, let one = description(of: asked, view, &plans) { found.append(one) }
            return connection.reply(Description(info: info(view, found.first?.schema.version ?? 0), datasets: found), on: stream)
        }
        guard basis.isNewest else { return again() }
        var all: [DatasetDescription] = []
        var more = false
        // As many as fit the frame, one at the least.
        var room = connection.frameBytesMax - Limits.frameHeaderBytes - 64
        for dataset in view.catalogue.datasets where dataset.id > message.after {
            guard let one = description(of: dataset, view, &plans) else { continue }
            var encoded = ByteWriter(capacity: 1_024)
            one.encode(into: &encoded)
            room -= encoded.count
            guard all.count < Limits.describedDatasets, room >= 0 || all.isEmpty else {
                more = true
                break
            }
            all.append(one)
        }
        connection.reply(Description(info: info(view), datasets: all, more: more), on: stream)
    }

    /// Whether nothing in the dataset's description hangs on a right that can be revoked, the naming of code lists included.
    private func isOpenToAll(_ dataset: Dataset, _ view: borrowing ReadView, _ plans: inout PlanCache) -> Bool {
        guard plan(dataset.id, view, &plans)?.showsOnlyWhatIsOpen == true else { return false }
        for field in dataset.schema.fields {
            guard let list = field.codeList else { continue }
            guard plan(list, view, &plans)?.showsOnlyWhatIsOpen == true else { return false }
        }
        return true
    }

    private func plan(_ dataset: DatasetID, _ view: borrowing ReadView, _ plans: inout PlanCache) -> AccessPlan? {
        plans.plan(principal: principal, dataset: dataset, in: view.catalogue, at: view.state.time)
    }

    private func description(of dataset: Dataset, _ view: borrowing ReadView, _ plans: inout PlanCache) -> DatasetDescription? {
        guard let plan = plan(dataset.id, view, &plans), !plan.actions.isEmpty else { return nil }
        let sharing: SharingClass =
            switch dataset.sharing {
            case .open: .open
            case .sharedByDefault: .sharedByDefault
            case .sharedOnRequest: .sharedOnRequest
            }
        // Who may write a field must know that it is there, to write it.
        let known = plan.visible.union(plan.writable)
        let fields = dataset.schema.fields.filter { known.contains($0.id) }.map { field in
            var field = field
            // A code list that the principal does not see is not named either, as one that there is no more.
            if let list = field.codeList, self.plan(list, view, &plans)?.actions.isEmpty != false { field.codeList = nil }
            return field
        }
        return DatasetDescription(
            id: dataset.id, code: dataset.code, name: dataset.name, owner: view.catalogue.agency(dataset.owner)?.code ?? "",
            keyName: dataset.keyName, sharing: sharing, actions: DatasetActions(rawValue: plan.actions.rawValue),
            // The plan's: no version where fields are hidden, which would tell that they change.
            schema: Schema(version: plan.schema.version, fields: fields))
    }
}
