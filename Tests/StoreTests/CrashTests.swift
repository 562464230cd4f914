import Core
import CrashRig
import Foundation
import Harness
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

    /// A flipped bit is noticed or harmless, in a state of seed 53, one of which LMDB calls a bad transaction (found so, and mended), and in one by chance.
    @Test(arguments: [53, SystemRandom.uint64() % 1_000_000]) func aFlippedBitIsNoticedOrHarmless(seed: UInt64) throws {
        let program = try #require(
            (["/proc/self/exe"] + CommandLine.arguments).lazy
                .map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().deletingLastPathComponent() }
                .flatMap { [$0, $0.deletingLastPathComponent(), $0.deletingLastPathComponent().deletingLastPathComponent()] }
                .map { $0.path + "/kho-crash" }.first { Files.exists($0) })
        let result = try ChildProcess.run(program, ["--workload", "damaged state", "--points", "1", "--quick", "--jobs", "1", "--seed", "\(seed)"], timeoutMilliseconds: 300_000)
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        #expect(result.output.contains("200 images"), "\(result.output)")
    }
}
