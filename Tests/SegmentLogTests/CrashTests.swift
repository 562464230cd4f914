import Core
import CrashRig
import SimulatedDisk
import Testing

/// The short form of the crash rig; `kho-crash` is the long one.
@Suite struct CrashTests {
    /// A point at some calls of each workload, not the same ones in each run.
    @Test(arguments: LogWorkload.all) func noCrashLosesWhatWasSynced(workload: LogWorkload) {
        let seed = SystemRandom.uint64() % 1_000_000
        let rig = LogRig(workload, seed: seed, cuts: 1)
        let calls = rig.callCount()
        let figures = rig.run(from: 1 + Int(seed % 7), stride: max(1, calls / 4))
        #expect(figures.violations.isEmpty, "\(figures.violations.prefix(5))")
        #expect(figures.points > 20 && figures.images > 60, "\(figures)")
    }

    /// The rig is no rig if it does not notice a disk whose syncs do nothing.
    @Test(arguments: [SimulatedDisk.Lie.bytes, .names]) func aDiskThatLiesIsNoticed(lie: SimulatedDisk.Lie) throws {
        for workload in LogWorkload.all {
            let rig = LogRig(workload, seed: 1, cuts: 2, lie: lie)
            let calls = rig.callCount()
            #expect(!rig.run(from: calls / 2, stride: max(1, calls / 4)).violations.isEmpty, "\(workload.name)")
        }
    }

    @Test(arguments: LogWorkload.all.suffix(2)) func noDamageIsSilent(workload: LogWorkload) {
        let seed = SystemRandom.uint64() % 1_000_000
        let damage = DamageRig(workload, seed: seed)
        var figures = damage.flips(from: Int(seed % 1_009), stride: 1_009)
        figures += damage.flipsAfterPowerCuts(20)
        #expect(figures.violations.isEmpty, "\(figures.violations.prefix(5))")
    }

    /// Enough of a log full of entries is damaged that something must be refused.
    @Test func damageIsRefused() {
        let workload = LogWorkload.all.first { $0.name == "compaction" } ?? LogWorkload.all[0]
        let figures = DamageRig(workload, seed: 7).flips(from: 3, stride: 499)
        #expect(figures.violations.isEmpty, "\(figures.violations.prefix(5))")
        #expect(figures.refusals > 10, "\(figures)")
    }

    @Test func aFullDiskIsSeenBeforeItIsFull() {
        let seed = SystemRandom.uint64() % 1_000_000
        let figures = FullDiskRig(seed: seed).run()
        #expect(figures.violations.isEmpty && figures.points == 1, "\(figures.violations)")
    }
}
