import Core
import SegmentLog

/// A kind of life of a log: which steps come how often, on what disk.
package struct LogWorkload: Sendable {
    package var name: String
    /// Of each kind of step, how many of a hundred or so.
    var weights: Weights
    /// Of a payload.
    var sizes: [Int]
    var options: LogOptions
    var steps: Int
    var capacityBytes = Int.max

    struct Weights: Sendable {
        var append = 30
        var sync = 30
        var replace = 0
        var vote = 0
        var compact = 0
        var reset = 0
        var reopen = 0
    }

    /// A step that is not yet tied to indexes: those come from the log as it then is.
    enum Step: Sendable {
        /// Entries of these sizes behind the last one, with a higher term and a vote for somebody, or in the term that is.
        case append([Int], raisesTerm: Bool, vote: UInt32)
        /// The same in place of the last `back` entries.
        case replace(back: Int, [Int], raisesTerm: Bool)
        case vote(UInt32)
        case sync
        /// Through the entry so far from the last.
        case compact(back: Int)
        /// To a position so far from the last; a negative one lies within the log.
        case reset(ahead: Int)
        /// An orderly stop without a sync.
        case reopen
    }

    private static let small = LogOptions(segmentBytes: 16 << 10, reserveBytes: 0, lowSpaceBytes: 0)

    package static let all: [LogWorkload] = [
        LogWorkload(name: "appends", weights: Weights(), sizes: [0, 1, 16, 33, 100, 400, 464, 700, 1_500], options: small, steps: 40),
        LogWorkload(
            name: "conflicts", weights: Weights(append: 30, sync: 20, replace: 30, vote: 5, reopen: 3), sizes: [10, 200, 464, 900], options: small, steps: 32),
        LogWorkload(name: "votes", weights: Weights(append: 10, sync: 10, vote: 60, reopen: 10), sizes: [50], options: small, steps: 32),
        LogWorkload(
            name: "compaction", weights: Weights(append: 50, sync: 25, compact: 15, reopen: 2), sizes: [1_500, 2_500, 3_000], options: small, steps: 50),
        LogWorkload(
            name: "reset", weights: Weights(append: 40, sync: 20, vote: 5, reset: 15, reopen: 5), sizes: [100, 700, 1_500], options: small, steps: 32),
        // Larger than a segment: each gets one of its own.
        LogWorkload(
            name: "rolls", weights: Weights(append: 40, sync: 20, replace: 5, compact: 10), sizes: [300, 4_000, 9_000, 20_000], options: small, steps: 32),
        LogWorkload(
            name: "reserve", weights: Weights(append: 50, sync: 25, vote: 5, compact: 10, reopen: 3), sizes: [900, 2_000, 9_000],
            options: LogOptions(segmentBytes: 16 << 10, reserveBytes: 32 << 10, lowSpaceBytes: 48 << 10), steps: 40, capacityBytes: 176 << 10),
        LogWorkload(
            name: "mixed", weights: Weights(append: 40, sync: 25, replace: 10, vote: 8, compact: 8, reset: 3, reopen: 5),
            sizes: [0, 16, 80, 464, 1_500, 3_000, 9_000], options: small, steps: 60),
    ]

    func makeSteps(seed: UInt64) -> [Step] {
        var random = SeededRandom(seed: seed)
        return (0..<steps).map { _ in
            let w = weights
            var roll = Int.random(in: 0..<w.append + w.sync + w.replace + w.vote + w.compact + w.reset + w.reopen, using: &random)
            func isNext(_ weight: Int) -> Bool {
                roll -= weight
                return roll < 0
            }
            if isNext(w.append) {
                return .append(payloads(&random), raisesTerm: random.next() % 8 == 0, vote: UInt32.random(in: 0...3, using: &random))
            }
            if isNext(w.sync) { return .sync }
            if isNext(w.replace) {
                return .replace(back: Int.random(in: 1...12, using: &random), payloads(&random), raisesTerm: random.next() % 2 == 0)
            }
            if isNext(w.vote) { return .vote(UInt32.random(in: 0...3, using: &random)) }
            if isNext(w.compact) { return .compact(back: Int.random(in: 0...10, using: &random)) }
            if isNext(w.reset) { return .reset(ahead: Int.random(in: -5...20, using: &random)) }
            return .reopen
        }
    }

    private func payloads(_ random: inout SeededRandom) -> [Int] {
        (0..<Int.random(in: 1...4, using: &random)).map { _ in sizes.randomElement(using: &random) ?? 0 }
    }
}
