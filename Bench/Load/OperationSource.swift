import Core
import Synchronization

/// Where a thread's operations come from. Each thread has its own; what they share is `Shared`.
package struct OperationSource: Sendable {
    /// What the threads of a load count together.
    package final class Shared: Sendable {
        /// Records that there are: inserts add to them.
        package let records: Atomic<UInt64>
        /// The next record, or place in the list, of sources that go through all.
        package let next = Atomic<UInt64>(0)

        package init(records: UInt64) { self.records = Atomic(records) }
    }

    /// Records that a scan asks for.
    package enum ScanLength: Sendable, Equatable {
        case fixed(Int)
        /// Each number from 1 to this one as often as any other.
        case uniform(upTo: Int)
    }

    /// What is drawn from.
    package enum Kind: Sendable {
        /// Operations by their shares, of which the sum is 100, on keys drawn at random, without end.
        case mix(shares: [(kind: OperationKind, percent: Int)], KeyDistribution, onlyVisible: Bool, scan: ScanLength)
        /// Batches of new records from a number on, without end or up to `end`; scattered ones within windows of a million.
        case imports(from: UInt64, end: UInt64?, batch: Int, isScattered: Bool)
        /// These, each once.
        case list([Operation])
    }

    private let kind: Kind
    private let shared: Shared
    private var keys: KeyChoice?
    private var random: SeededRandom
    /// For a number from 0 to 99, the kind.
    private var table: [OperationKind] = []
    private let scatter: ScatteredOrder
    package static let scatterWindow: UInt64 = 1_000_000

    package init(_ kind: Kind, shared: Shared, seed: UInt64, zipf: Zipf?) {
        self.kind = kind
        self.shared = shared
        random = SeededRandom(seed: seed ^ 0x5EED)
        scatter = ScatteredOrder(count: Self.scatterWindow)
        guard case let .mix(shares, distribution, onlyVisible, _) = kind else { return }
        keys = KeyChoice(distribution, records: shared.records.load(ordering: .relaxed), onlyVisible: onlyVisible, seed: seed, zipf: zipf)
        for share in shares { table += [OperationKind](repeating: share.kind, count: share.percent) }
    }

    /// The next operation; nil when there are no more.
    package mutating func next(at now: UInt64) -> Operation? {
        switch kind {
        case let .mix(_, _, _, length):
            let kind = table.count == 1 ? table[0] : table[Int(random.next().multipliedFullWidth(by: UInt64(table.count)).high)]
            switch kind {
            case .insert:
                return Operation(.insert, record: shared.records.wrappingAdd(1, ordering: .relaxed).oldValue, stamp: now)
            default:
                let record = keys?.next(of: shared.records.load(ordering: .relaxed)) ?? 0
                return Operation(kind, record: record, count: kind == .scan ? records(of: length) : 1, stamp: now)
            }
        case let .imports(from, end, batch, isScattered):
            let record = shared.next.wrappingAdd(UInt64(batch), ordering: .relaxed).oldValue
            if let end, from + record >= end { return nil }
            let count = min(UInt64(batch), (end ?? .max) - from - record)
            // A scattered batch says so by a first record behind all others; see `record(_:of:)`.
            return Operation(.importBatch, record: isScattered ? from + record | Self.scattered : from + record, count: UInt32(count))
        case let .list(list):
            let place = shared.next.wrappingAdd(1, ordering: .relaxed).oldValue
            return place < UInt64(list.count) ? list[Int(place)] : nil
        }
    }

    private mutating func records(of length: ScanLength) -> UInt32 {
        switch length {
        case let .fixed(count): UInt32(count)
        case let .uniform(most): UInt32(random.next().multipliedFullWidth(by: UInt64(most)).high) + 1
        }
    }

    private static let scattered: UInt64 = 1 << 63

    /// The number of a batch's record at a place.
    package static func record(_ place: UInt32, of batch: Operation, _ order: ScatteredOrder) -> UInt64 {
        let number = batch.record & ~scattered + UInt64(place)
        guard batch.record & scattered != 0 else { return number }
        let window = number / scatterWindow * scatterWindow
        return window + order[number - window]
    }
}
