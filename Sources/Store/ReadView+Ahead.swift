import Core
import LMDB

/// Where a record may lie that is about to be looked up: a guess (`LookupHints`).
package struct RecordPlace {
    fileprivate let place: LookupHints.Place
}

extension ReadView {
    /// Where the record may lie. Ask for all of a few records first and then `fetch` them: so memory is waited for once, and not record by record.
    package func place(of key: RawSpan, in dataset: DatasetID) -> RecordPlace {
        guard key.byteCount <= Limits.recordKeyBytes else { return RecordPlace(place: .none) }
        return RecordPlace(place: hints.place(dataset.rawValue, key))
    }

    /// Has what may be the record fetched from memory. Shows nothing to anybody; without a plan, since rights are asked when it is looked up.
    package func fetch(_ place: RecordPlace) { hints.fetch(place.place, valueBytes: Self.fetchedBytes) }

    /// Bytes of a record that are fetched: many have no more, and the rest is fetched when it is found.
    private static let fetchedBytes = 448
}
