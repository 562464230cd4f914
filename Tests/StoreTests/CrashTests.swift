import Core
import CrashRig
import Testing

/// The short form of the crash rig for the state; `kho-crash` is the long one.
@Suite struct CrashTests {
    @Test func anyStopLeavesACheckpointAndTheLogBringsTheRest() {
        let seed = SystemRandom.uint64() % 1_000_000
        let figures = StoreRig(seed: seed, cuts: 1).run(from: 1 + Int(seed % 17), stride: 17)
        #expect(figures.violations.isEmpty, "\(figures.violations.prefix(5))")
        #expect(figures.points > 20 && figures.images > 40, "\(figures)")
    }

    /// The names that a first start makes, the state's own folder among them, are durable before anything in them counts: also those that
    /// another process made and this one found.
    @Test func theNamesOfAFirstStartAreDurable() {
        let figures = StoreRig(seed: 1, cuts: 2).run(from: 1, through: 25, stride: 4)
        #expect(figures.violations.isEmpty, "\(figures.violations.prefix(5))")
    }
}
