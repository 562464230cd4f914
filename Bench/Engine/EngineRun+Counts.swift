import Core
import Store

extension EngineRun {
    /// What a measurement counts.
    enum Meter {
        /// Time, over so many seconds.
        case nanoseconds(Double)
        /// What the counter counts, over so many batches after some to warm up.
        case count(Counter, warmUp: Int, batches: Int)
    }

    /// Counts something that does not depend on the machine's speed, between a beginning and an end.
    package struct Counter {
        package let noun: String
        let begin: () -> Void
        /// What was counted since the beginning.
        let end: () throws -> UInt64

        package init(_ noun: String, begin: @escaping () -> Void, end: @escaping () throws -> UInt64) {
            self.noun = noun
            self.begin = begin
            self.end = end
        }
    }

    /// The most that each way may count.
    package struct Bounds {
        var get: Double
        var maskedGet: Double
        var filteredGet: Double
        var scanned: Double
        var put64: Double
        var put1: Double
        var sessionPut: Double

        package static let allocations = Bounds(get: 0.25, maskedGet: 0.25, filteredGet: 0.25, scanned: 0.01, put64: 1.25, put1: 4.5, sessionPut: 5.75)
        /// By callgrind, whose processor is the same on every machine.
        package static let instructions = Bounds(get: 6_250, maskedGet: 7_200, filteredGet: 6_100, scanned: 2_150, put64: 26_000, put1: 33_500, sessionPut: 40_000)
    }

    /// A figure that does not depend on the machine, and its bound.
    package struct Count: CustomStringConvertible {
        package let name: String
        package let noun: String
        package let value: Double
        package let bound: Double

        package var isWithin: Bool { value <= bound }
        package var description: String { "\(name): \(text(value)) \(noun), at most \(text(bound))\(isWithin ? "" : "  TOO MANY")" }

        private func text(_ value: Double) -> String { value < 100 ? String((value * 1_000).rounded() / 1_000) : String(Int(value.rounded())) }
    }

    /// Counts on every way.
    package func counts(_ counter: Counter, _ bounds: Bounds) throws -> [Count] {
        let frames = try requests()
        let meter = Meter.count(counter, warmUp: 32, batches: 256)
        func count(_ name: String, _ bound: Double, _ value: Double) -> Count { Count(name: name, noun: counter.noun, value: value, bound: bound) }
        return [
            count("GET, every field", bounds.get, try gets(data.owner, frames, meter)),
            count("GET, 8 of 10 fields", bounds.maskedGet, try gets(data.masked, frames, meter)),
            count("GET, 8 of 10 fields where f1 = 1", bounds.filteredGet, try gets(data.filtered, frames, meter)),
            count("scan, per record examined", bounds.scanned, try scan(.count(counter, warmUp: 4, batches: 16))),
            count("put applied, 64 to an entry", bounds.put64, try applied(putsPerEntry: 64, counter)),
            count("put applied, one to an entry", bounds.put1, try applied(putsPerEntry: 1, counter)),
            count("put applied, one to an entry, in a session with all its answers", bounds.sessionPut, try appliedInSessions(counter)),
        ]
    }

    /// Of each put, where 16 entries are applied in a transaction.
    private func applied(putsPerEntry: Int, _ counter: Counter) throws -> Double {
        let entries = data.entries(16 * 40, putsPerEntry: putsPerEntry)
        return try measure(.count(counter, warmUp: 8, batches: 32)) { batch in
            for case let .rejected(why)? in try data.store.apply(Array(entries[batch * 16..<batch * 16 + 16])) { throw EngineError("refused: \(why)") }
            return 16 * putsPerEntry
        }
    }

    /// The same of sessions that have as many answers as they keep: for each new one the oldest goes.
    private func appliedInSessions(_ counter: Counter) throws -> Double {
        let full = EngineData.sessions * Limits.sessionAnswers / 16 + 8
        let entries = try data.sessionEntries(16 * (full + 32))
        return try measure(.count(counter, warmUp: full, batches: 32)) { batch in
            for case let .rejected(why)? in try data.store.apply(Array(entries[batch * 16..<batch * 16 + 16])) { throw EngineError("refused: \(why)") }
            return 16
        }
    }
}
