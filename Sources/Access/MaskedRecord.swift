import Catalogue
import Core
import Records

/// A record behind the gate: what leaves the store. Shows what the plan shows in this record and no more.
package struct MaskedRecord: ~Escapable {
    private let record: RecordView
    // Borrowed, as the record is: it is not counted for each.
    private unowned(unsafe) let plan: AccessPlan
    /// The fields that this record shows.
    package let mask: FieldMask
    private let key: RawSpan

    /// Nil if the plan hides the record: hidden and absent are the same to the caller.
    @_lifetime(copy record, copy key, borrow plan)
    package init?(_ record: RecordView, key: RawSpan, through plan: borrowing AccessPlan, for action: Actions) {
        guard let mask = plan.mask(of: record, for: action) else { return nil }
        self.record = record
        self.plan = copy plan
        self.mask = mask
        self.key = key
    }

    private var hidesNothing: Bool { plan.hidesNothing }

    /// The client's filter, on what is shown: a withheld field is UNKNOWN.
    #if KHO_BUG_FILTER_SEES_HIDDEN
    // Bug: a filter sees fields that this record hides.
    package func fulfils(_ filter: Condition) -> Bool { filter.evaluate(record, shown: plan.visible) == .true }
    #else
    package func fulfils(_ filter: Condition) -> Bool { filter.evaluate(record, shown: mask) == .true }
    #endif

    /// Appends the record's bytes as the principal may see them. `requested`: the fields asked for, nil for all.
    package func write(into out: inout [UInt8], requested: FieldMask?) {
        record.writeMasked(
            into: &out, key: key, visible: plan.visible, mask: mask.intersection(plan.visible), requested: requested, hidesNothing: hidesNothing)
    }
}
