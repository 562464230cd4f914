import Core
import Store

extension EngineRun {
    /// What a measurement counts.
    enum Meter {
        /// Time, over so many seconds.
        case nanoseconds(Double)
        /// Allocations by this counter, over so many batches after some to warm up.
        case allocations(() -> UInt64, warmUp: Int, batches: Int)
    }

    /// A figure that does not depend on the machine, and its bound.
    package struct Count: CustomStringConvertible {
        package let name: String
        package let value: Double
        package let bound: Double

        package var isWithin: Bool { value <= bound }
        package var description: String { "\(name): \(Self.text(value)) allocations, at most \(Self.text(bound))\(isWithin ? "" : "  TOO MANY")" }

        private static func text(_ value: Double) -> String { String((value * 1_000).rounded() / 1_000) }
    }

    /// Counts with the counter, which is the thread's.
    package func counts(_ counter: @escaping () -> UInt64) throws -> [Count] {
        let frames = try requests()
        let meter = Meter.allocations(counter, warmUp: 32, batches: 256)
        return [
            Count(name: "GET, every field", value: try gets(data.owner, frames, meter), bound: 0.25),
            Count(name: "GET, 8 of 10 fields", value: try gets(data.masked, frames, meter), bound: 0.25),
            Count(name: "GET, 8 of 10 fields where f1 = 1", value: try gets(data.filtered, frames, meter), bound: 0.25),
            Count(name: "scan, per record examined", value: try scan(meter), bound: 0.01),
            Count(name: "put applied, 64 to an entry", value: try applied(putsPerEntry: 64, counter), bound: 1.25),
            Count(name: "put applied, one to an entry", value: try applied(putsPerEntry: 1, counter), bound: 4.5),
        ]
    }

    /// Of each put, where 16 entries are applied in a transaction.
    private func applied(putsPerEntry: Int, _ counter: @escaping () -> UInt64) throws -> Double {
        let entries = data.entries(16 * 40, putsPerEntry: putsPerEntry)
        return try measure(.allocations(counter, warmUp: 8, batches: 32)) { batch in
            for case let .rejected(why)? in try data.store.apply(Array(entries[batch * 16..<batch * 16 + 16])) { throw EngineError("refused: \(why)") }
            return 16 * putsPerEntry
        }
    }
}
