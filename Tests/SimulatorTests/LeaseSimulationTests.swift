import Core
import Testing

@testable import Simulation

/// Read leases under clocks that drift, pauses, crashes and changes of leaders. A share of all seeds has them; here they are looked at.
@Suite struct LeaseSimulationTests {
    private func settings(_ seed: UInt64, _ faults: FaultSet?) -> WorldSettings {
        var settings = WorldSettings(seed: seed, faults: faults)
        settings.usesLeases = true
        settings.usesSegmentLog = false
        return settings
    }

    /// What a lease shows was acknowledged; nobody leads beside one; writers wait for holders as long as two leases last.
    @Test(arguments: [FaultSet.all, [.pause, .clock, .crash, .transfer], [.slowDisk, .partition, .delay, .loss], [.stop, .members, .pause, .wipe]])
    func holdsUnder(faults: FaultSet) {
        let seed = SystemRandom.uint64()
        let result = Run.world(settings(seed, faults), events: 4_000, sink: nil)
        #expect(result.violation == nil, "seed \(seed), faults \(faults.names): \(result.violation ?? "")")
    }

    /// A world in which no lease permits a read tests nothing.
    @Test func manyReadsAreAnsweredByLeases() {
        let result = Run.world(settings(3, [.clock, .delay]), events: 6_000, sink: nil)
        #expect(result.violation == nil && result.counts.leaseReads > 20 && result.counts.untouchedReads > 0 && result.counts.leaseRefusals > 0, "\(result.counts)")
    }

    // MARK: The simulator finds what is wrong with leases

    @Test func aClockThatDoesNotCountPausesIsFound() {
        #expect(found(.clocksStandStillInPauses, [.pause, .partition], haste: 6) { $0.contains("by a lease from") || $0.contains("holds a lease of term") })
    }

    @Test func aLeaseThatDoesNotEndIsFound() {
        #expect(found(.leasesDoNotEnd, [.pause, .partition], haste: 3) { $0.contains("by a lease from") })
    }

    @Test func aLeaseThatForgetsTheFenceIsFound() {
        #expect(found(.leasesShowWhatIsApplied, [.delay], haste: 1) { $0.contains("by a lease from") })
    }

    /// Whether the defect is found and called what it is in one of thirty seeds.
    private func found(_ defect: Defect, _ faults: FaultSet, haste: UInt64, _ isIt: (String) -> Bool) -> Bool {
        for seed in 1...30 as ClosedRange<UInt64> {
            var settings = settings(seed, faults)
            settings.defect = defect
            settings.haste = haste
            if let violation = Run.world(settings, events: 6_000, sink: nil).violation, isIt(violation) { return true }
        }
        return false
    }
}
