import Access
import Catalogue
import Core
import Records

/// How new the snapshot is that an answer comes from.
enum Basis: Equatable {
    /// Taken behind a barrier, or by a lease: it has everything about what was asked for that was acknowledged before the request came.
    case newest
    /// Taken without one: it has everything that was acknowledged up to this moment, if one is known.
    case older(since: MonotonicTime?)

    var isNewest: Bool { self == .newest }

    /// How old the answer may be, in milliseconds: 0 is said behind a barrier and by a lease only, and what is not known is as old as can be said.
    func milliseconds(now: @autoclosure () -> MonotonicTime = MonotonicTime.now()) -> UInt32 {
        switch self {
        case .newest: 0
        case .older(nil): .max
        case let .older(since?): UInt32(clamping: now().nanoseconds(since: since) / 1_000_000 + 1)
        }
    }

    /// That of an answer which comes from both.
    func older(of other: Basis?) -> Basis {
        guard case let .older(mine) = self else { return other ?? self }
        guard case let .older(theirs)? = other else { return self }
        guard let mine, let theirs else { return .older(since: nil) }
        return .older(since: min(mine, theirs))
    }
}

extension AccessPlan {
    /// Everybody sees what the plan shows, since the dataset is open: there is no right to be revoked. An agreement, or owning the dataset, may
    /// show more of an open one than its class does.
    var showsOnlyWhatIsOpen: Bool { isOpen && visible.union(writable).isSubset(of: openFields) }

    private var openFields: FieldMask {
        grants.reduce(FieldMask.none) { $1.source == .datasetClass(.open) ? $0.union($1.fields) : $0 }
    }
}
