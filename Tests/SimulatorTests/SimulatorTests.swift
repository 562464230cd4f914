import Testing

@testable import Simulation

@Suite struct SimulatorTests {
    @Test func aWorldHolds() {
        let result = Run.world(WorldSettings(seed: 1), events: 3_000, sink: nil)
        #expect(result.violation == nil)
    }
}
