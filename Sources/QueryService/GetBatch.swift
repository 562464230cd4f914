import Core
import Records
import Wire

/// GETs of one connection that came with one read of its socket and allow the same age: they wait together, for the same barrier. One object for all of
/// them, so that a GET costs no allocation of its own.
final class GetBatch {
    struct Get {
        let stream: UInt32
        let principal: PrincipalID
        let dataset: DatasetID
        /// Where its key lies in `keys`.
        fileprivate let from: Int32, to: Int32
        /// The fields that are asked for; nil for all.
        let fields: FieldMask?

        var key: Range<Int> { Int(from)..<Int(to) }
    }

    let consistency: Consistency
    private var gets: [Get] = []
    /// The keys, one behind the other.
    private(set) var keys: [UInt8] = []
    private var next = 0

    init(_ consistency: Consistency) { self.consistency = consistency }

    /// Those that are not taken yet.
    var count: Int { gets.count - next }

    func append(stream: UInt32, principal: PrincipalID, dataset: DatasetID, fields: FieldMask?, key: RawSpan) {
        let from = keys.count
        key.withUnsafeBytes { keys.append(contentsOf: $0) }
        gets.append(Get(stream: stream, principal: principal, dataset: dataset, from: Int32(from), to: Int32(keys.count), fields: fields))
    }

    /// The next one, in the order in which they came.
    func takeNext() -> Get? {
        guard next < gets.count else { return nil }
        next += 1
        return gets[next - 1]
    }

    /// The one that was taken last, as a batch of its own.
    func last() -> GetBatch {
        let batch = GetBatch(consistency)
        guard next > 0 else { return batch }
        let get = gets[next - 1], keys = keys
        batch.append(
            stream: get.stream, principal: get.principal, dataset: get.dataset, fields: get.fields, key: keys.span.bytes.extracting(get.key))
        return batch
    }
}
