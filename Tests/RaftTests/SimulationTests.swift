import Core
import Foundation
import Testing

@testable import Raft

/// Random clusters. A failure names its seed: `Simulation(seed: …)` with the same number of events replays it.
@Suite struct SimulationTests {
    /// `KHO_SEEDS=10000` runs more of them.
    static let seeds = ProcessInfo.processInfo.environment["KHO_SEEDS"].flatMap { Int($0) } ?? 200
    static let events = 3_000

    @Test(arguments: 0..<4) func holdsUnderEverything(share: Int) {
        var counts = Simulation.Counts()
        for number in 0..<Self.seeds / 4 {
            let seed = UInt64(share * Self.seeds / 4 + number)
            var simulation = Simulation(seed: seed)
            simulation.run(events: Self.events)
            if simulation.violation == nil { simulation.settle() }
            counts += simulation.counts
            if let violation = simulation.violation {
                Issue.record("seed \(seed): \(violation)")
                return
            }
        }
        // What never happened was not tested.
        #expect(counts.elections > 100, "\(counts)")
        #expect(counts.applied > 1_000, "\(counts)")
        #expect(counts.readsAnswered > 500, "\(counts)")
        #expect(counts.readsFailed > 100, "\(counts)")
        #expect(counts.snapshots > 20, "\(counts)")
        #expect(counts.crashes > 100, "\(counts)")
        #expect(counts.memberships > 50, "\(counts)")
        #expect(counts.truncations > 3, "\(counts)")
        #expect(counts.wipes > 5, "\(counts)")
        #expect(counts.joins > 10 && counts.joint > 80 && counts.removedLeaders > 0 && counts.handedOver > 2, "\(counts)")
        #expect(counts.leaseReads > 10 && counts.leaseRefusals > 50 && counts.fenced > 10, "\(counts)")
    }

    /// The same seed does the same.
    @Test func isDeterministic() {
        var one = Simulation(seed: 7)
        var two = Simulation(seed: 7)
        one.run(events: 2_000)
        two.run(events: 2_000)
        #expect(one.history.map(\.digest) == two.history.map(\.digest))
        #expect(one.network == two.network)
        #expect(!one.history.isEmpty)
    }
}
