import Access
import Catalogue
import Core
import Records
import Store

/// What a node shows the partner, as the bytes of it tell.
private struct Shown: Equatable {
    var fields: [FieldID: Value]
    var modifiedAt: LogIndex

    /// What the oracle wants shown of a record that shows these fields: no field outside the visible schema, null and absent alike.
    init(_ record: ModelState.Record, fields shown: Set<FieldID>, rights: Rights) {
        fields = [:]
        for (field, value) in [(Policy.name, record.name), (Policy.count, record.count)] where rights.visible.contains(field) {
            if !shown.contains(field) { fields[field] = .withheld } else if value != .null { fields[field] = value }
        }
        // Else it would tell when hidden fields change.
        modifiedAt = rights.hidesNothing ? record.modifiedAt : LogIndex(0)
    }

    /// Nil if the bytes are no record, or more than one.
    init?(_ bytes: [UInt8]) {
        do throws(RecordError) {
            let record = try RecordView(bytes.span.bytes)
            var content = 0
            var all: [FieldID: Value] = [:]
            try record.forEachSlot { slot throws(RecordError) in
                content += max(0, Int(slot.length))
                let value = try record.value(slot)
                if value != .null { all[slot.id] = value }
            }
            guard bytes.count == RecordLayout.headerBytes + record.fieldCount * RecordLayout.entryBytes + content else { return nil }
            fields = all
            modifiedAt = record.modifiedAt
        } catch { return nil }
    }
}

/// The permission oracle at work: what a real store shows `b/sys` through its plan is what the rights of that index allow of the records of that
/// index, and not a byte more.
extension World {
    /// Whoever reads at the node now. The node's own plans are used again, as a query node's are.
    func checkRights(_ node: SimulatedNode) {
        guard settings.usesRights, let store = node.machine?.machine as? StateStore, store.damage == nil, violation == nil else { return }
        let filter = dice.pick(Rows.all)
        do throws(StoreError) {
            try store.withReadView { view throws(StoreError) in try check(view, node, filter) }
        } catch { fail("the store of \(node.id) cannot be read by the partner: \(error)") }
    }

    private func check(_ view: borrowing ReadView, _ node: SimulatedNode, _ filter: Rows) throws(StoreError) {
        let state = view.state
        let moment = record.rights.moment(state.position.index)
        let place = "\(node.id) at \(moment.index)"
        guard state.policyIndex == moment.policyIndex else {
            return fail("\(place) goes by the policy of \(state.policyIndex), the oracle by that of \(moment.policyIndex)")
        }
        let who = settings.defect == .partnerReadsAsOwner ? ModelState.owner : ModelState.partner
        guard let plan = node.plans.plan(principal: who, dataset: ModelState.dataset, in: view.catalogue, at: state.time) else {
            if moment.isKnown, record.model.founded >= 4 { fail("\(place) does not know the partner, the oracle does") }
            return
        }
        guard moment.isKnown else { return fail("\(place) knows the partner, which the oracle does not") }
        let visible = Set(plan.schema.fields.map(\.id))
        guard visible == moment.rights.visible else { return fail("\(place) has the visible fields \(visible), the oracle \(moment.rights.visible)") }
        counts.looks += 1
        for key in Workload.keys {
            let bytes = try view.get(key, through: plan) { shown in
                var out: [UInt8] = []
                shown.write(into: &out, requested: nil)
                return out
            }
            compare(bytes, key, moment, for: "get", place)
        }
        try scan(view, plan, filter, moment, place)
    }

    private func expected(_ key: [UInt8], _ moment: RightsHistory.Moment, for action: String) -> (record: ModelState.Record, fields: Set<FieldID>)? {
        guard let known = record.rights.record(key, at: moment.index), let fields = moment.rights.shown(of: known, for: action) else { return nil }
        return (known, fields)
    }

    private func compare(_ bytes: [UInt8]?, _ key: [UInt8], _ moment: RightsHistory.Moment, for action: String, _ place: String) {
        let name = String(decoding: key, as: UTF8.self)
        guard let (known, fields) = expected(key, moment, for: action) else {
            if bytes != nil { fail("\(place) shows the partner \(name), which is hidden from it or absent") }
            return
        }
        guard let bytes else { return fail("\(place) hides \(name) from the partner, which may see it") }
        let wanted = Shown(known, fields: fields, rights: moment.rights)
        if Shown(bytes) != wanted { fail("\(place) shows of \(name) \(Shown(bytes).map { "\($0)" } ?? "no record"), the oracle allows \(wanted)") }
        if wanted.fields.values.contains(.withheld) { counts.withheld += 1 } else { counts.shown += 1 }
    }

    /// A scan with a filter brings what the filter finds in the records as the partner sees them, in the order of their keys.
    private func scan(
        _ view: borrowing ReadView, _ plan: AccessPlan, _ filter: Rows, _ moment: RightsHistory.Moment, _ place: String
    ) throws(StoreError) {
        guard let text = filter.text, let condition = try? Condition.parse(text, resolve: { plan.schema.field(named: $0) }) else { return }
        var found: [(key: [UInt8], bytes: [UInt8])] = []
        _ = try view.scan(from: .at([]), through: plan, examinedMax: 1_000) { key, shown in
            guard shown.fulfils(condition) else { return true }
            var out: [UInt8] = []
            shown.write(into: &out, requested: nil)
            found.append((key.withUnsafeBytes { Array($0) }, out))
            return true
        }
        let wanted = Workload.keys.filter { key in
            guard let (known, fields) = expected(key, moment, for: "scan") else { return false }
            return filter.holds(known, shown: fields) == true
        }.sorted { $0.lexicographicallyPrecedes($1) }
        guard found.map(\.key) == wanted else {
            return fail("\(place) finds \(found.count) records with \(text) for the partner, the oracle \(wanted.count)")
        }
        for (key, bytes) in found { compare(bytes, key, moment, for: "scan", place) }
    }
}
