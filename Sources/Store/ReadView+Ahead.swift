import Core
import LMDB

/// Records that are about to be looked up one after the other (`ReadView.fetch`). Kept and used again.
package struct RecordsAhead {
    fileprivate var keys = Lookahead()

    package init() {}

    package var count: Int { keys.count }
    package mutating func removeAll() { keys.removeAll() }

    /// One more. A key that is longer than any record's is looked for nowhere.
    package mutating func append(_ key: RawSpan, in dataset: DatasetID) {
        if key.byteCount <= Limits.recordKeyBytes { keys.append(dataset.rawValue, key) } else { keys.append(0, RawSpan()) }
    }

    /// What was found of the record that was appended as this one, for `ReadView.get`.
    package subscript(number: Int) -> RecordPlace { RecordPlace(found: keys[number]) }
}

/// Where a record was found that was looked for ahead. Good for the snapshot in which it was; in others it says nothing.
package struct RecordPlace {
    fileprivate(set) var found: Lookahead.Place

    /// Not looked for.
    package static var unknown: RecordPlace { RecordPlace(found: .none) }
}

extension ReadView {
    /// Looks for these records together and has them fetched from memory: so memory is waited for once, and not record by record. Shows nothing to anybody; without
    /// a plan, since rights are asked when a record is got (`get`, with its place).
    package func fetch(_ ahead: inout RecordsAhead) {
        guard ahead.count >= Self.aheadMin else { return }
        reader.transaction.fetch(&ahead.keys, in: Databases.recordsName, valueBytes: Self.fetchedBytes)
    }

    /// Fewer are looked up as quickly one after the other.
    private static let aheadMin = 3
    /// Bytes of a record that are fetched: many have no more, and the rest is fetched when it is found.
    private static let fetchedBytes = 448
}
