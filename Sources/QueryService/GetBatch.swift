import Core
import Records
import Wire

/// GETs of one connection that came with one read of its socket and allow the same age: they wait together, for the same barrier. One object for all of
/// them, so that a GET costs no allocation of its own.
package final class GetBatch {
    package struct Get {
        package let stream: UInt32
        package let principal: PrincipalID
        package let dataset: DatasetID
        /// Where its key lies in `keys`.
        fileprivate let from: Int32, to: Int32
        /// The fields that are asked for; nil for all.
        package let fields: FieldMask?

        package var key: Range<Int> { Int(from)..<Int(to) }
    }

    /// Those that come together, as long as more may come: a value in place, since an object would be counted for each of them.
    package struct Gathered {
        package private(set) var consistency = Consistency.linearizable
        fileprivate var gets: [Get] = []
        /// The keys, one behind the other.
        fileprivate var keys: [UInt8] = []

        package init() {}

        package var isEmpty: Bool { gets.isEmpty }
        var count: Int { gets.count }

        /// Whether one of this age may come to them.
        func takes(_ consistency: Consistency) -> Bool { gets.isEmpty || consistency == self.consistency }

        package mutating func append(
            stream: UInt32, principal: PrincipalID, dataset: DatasetID, fields: FieldMask?, key: RawSpan, _ consistency: Consistency
        ) {
            self.consistency = consistency
            let from = keys.count
            key.withUnsafeBytes { keys.append(contentsOf: $0) }
            gets.append(Get(stream: stream, principal: principal, dataset: dataset, from: Int32(from), to: Int32(keys.count), fields: fields))
        }

        /// One of a batch.
        mutating func append(_ get: Get, _ key: RawSpan, _ consistency: Consistency) {
            append(stream: get.stream, principal: get.principal, dataset: get.dataset, fields: get.fields, key: key, consistency)
        }
    }

    let consistency: Consistency
    private let gets: [Get]
    /// The keys, one behind the other.
    package let keys: [UInt8]
    // No method calls anything that could come back here while it reads or writes it, so that is not checked for each GET.
    @exclusivity(unchecked) private var next = 0

    package init(_ gathered: consuming Gathered) {
        consistency = gathered.consistency
        gets = gathered.gets
        keys = gathered.keys
    }

    /// Those that are not taken yet.
    package var count: Int { gets.count - next }

    /// The next one, in the order in which they came.
    package func takeNext() -> Get? {
        guard next < gets.count else { return nil }
        next += 1
        return gets[next - 1]
    }

    /// The next ones, at most so many, which stay.
    package func upcoming(_ most: Int) -> ArraySlice<Get> { gets[next..<min(gets.count, next + most)] }

    /// The one that was taken last, as a batch of its own.
    func last() -> GetBatch {
        var one = Gathered()
        guard next > 0 else { return GetBatch(one) }
        let get = gets[next - 1], keys = keys
        one.append(get, keys.span.bytes.extracting(get.key), consistency)
        return GetBatch(one)
    }
}
