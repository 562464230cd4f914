/// Looks for many byte strings of eight bytes or more in one pass.
struct CanarySearch {
    private var byPrefix: [UInt64: [Int]] = [:]
    private let canaries: [[UInt8]]

    init(_ canaries: [[UInt8]]) {
        self.canaries = canaries
        for (place, canary) in canaries.enumerated() { byPrefix[canary.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }, default: []].append(place) }
    }

    /// The places of the canaries that are there.
    func found(in bytes: [UInt8]) -> Set<Int> {
        var found: Set<Int> = []
        var window: UInt64 = 0
        bytes.withUnsafeBufferPointer { bytes in
            for end in bytes.indices {
                window = window << 8 | UInt64(bytes[end])
                guard end >= 7, let places = byPrefix[window] else { continue }
                for place in places where bytes[(end - 7)...].starts(with: canaries[place]) { found.insert(place) }
            }
        }
        return found
    }
}
