import Core
import Testing

@testable import Raft

/// Networks of which some links are cut for good, as a broken switch or a firewall's rule leaves them, while a majority can still work: there is a leader after a while, it commits, and it is not
/// deposed again and again. (Simulators ask for this after everything has healed; here nothing heals.)
@Suite struct PartialPartitionTests {
    /// Which links are cut, by places from the leader's own, 0: whether what the first sends the second is lost.
    struct Shape: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let voters: Int
        /// Whether the first leader cannot stay: no majority hears it and is heard by it.
        var isDeposed = false
        let isCut: @Sendable (Int, Int) -> Bool

        static func both(_ a: Int, _ b: Int) -> @Sendable (Int, Int) -> Bool { { ($0, $1) == (a, b) || ($0, $1) == (b, a) } }
    }

    static let shapes: [Shape] = [
        Shape(testDescription: "one bad link of three, at the leader", voters: 3, isCut: Shape.both(0, 1)),
        Shape(testDescription: "one bad link of three, between followers", voters: 3, isCut: Shape.both(1, 2)),
        Shape(testDescription: "a follower does not hear the leader", voters: 3) { ($0, $1) == (0, 1) },
        Shape(testDescription: "the leader does not hear a follower", voters: 3) { ($0, $1) == (1, 0) },
        Shape(testDescription: "the leader hears nobody", voters: 3, isDeposed: true) { $1 == 0 },
        Shape(testDescription: "nobody hears the leader", voters: 5, isDeposed: true) { from, _ in from == 0 },
        Shape(testDescription: "the leader with a minority", voters: 5, isDeposed: true) { ($0 < 2) != ($1 < 2) },
        // Whoever can lead still hears the old leader, and the others hear nobody else.
        Shape(testDescription: "one follower alone reaches everybody", voters: 5, isDeposed: true) { $0 != 1 && $1 != 1 },
        Shape(testDescription: "a ring of five", voters: 5) { from, to in (from + 1) % 5 != to && (to + 1) % 5 != from },
        Shape(testDescription: "a chain of three behind the leader", voters: 3, isCut: Shape.both(0, 2)),
        Shape(testDescription: "a follower that hears nobody and is heard", voters: 5) { $1 == 4 },
    ]

    @Test(arguments: shapes) func theRestGoesOn(shape: Shape) {
        for seed in 0..<3 as Range<UInt64> {
            var world = Simulation(seed: seed, voters: shape.voters)
            // Nothing but these links is at fault.
            world.isCalm = true
            rounds(40, &world) { _, _ in false }
            guard let leader = world.anyLeader else {
                Issue.record("seed \(seed): no first leader")
                continue
            }
            let order = [leader] + (0..<shape.voters).filter { $0 != leader }
            func isCut(_ from: Int, _ to: Int) -> Bool {
                guard let a = order.firstIndex(of: from), let b = order.firstIndex(of: to) else { return false }
                return shape.isCut(a, b)
            }
            // As long as the longest promise to a lease's holder, and some elections.
            rounds(120, &world, isCut)
            let (before, terms) = (world.committed, world.leaders.count)
            rounds(60, &world, isCut)
            #expect(world.violation == nil, "seed \(seed)")
            #expect(world.committed.rawValue >= before.rawValue + 30, "seed \(seed): \(before) to \(world.committed)")
            if shape.isDeposed { #expect(world.anyLeader != leader, "seed \(seed)") }
            #expect(world.leaders.count <= terms + 1, "seed \(seed): \(world.leaders.count - terms) elections")
        }
    }

    /// In each, every node ticks once, in an order by chance, its leader gets a proposal, and what is sent arrives unless its link is cut.
    private func rounds(_ count: Int, _ world: inout Simulation, _ isCut: (Int, Int) -> Bool) {
        for _ in 0..<count where world.violation == nil {
            world.world += 100_000_000
            var places = world.nodes.indices.filter { world.nodes[$0].core != nil }
            for place in places.indices { places.swapAt(place, world.dice.below(places.count)) }
            for place in places {
                world.tick(place)
                world.nextNumber += 1
                if world.nodes[place].core?.status.role == .leader {
                    world.step(place, .propose([Proposal(id: ProposalID(world.nextNumber), payload: Array("\(world.nextNumber)".utf8))]))
                }
                settleMessages(&world, isCut)
            }
        }
    }

    private func settleMessages(_ world: inout Simulation, _ isCut: (Int, Int) -> Bool) {
        var more = 2_000
        while more > 0, world.violation == nil {
            more -= 1
            for place in world.nodes.indices { world.persist(place) }
            guard let message = world.network.first else {
                if world.nodes.contains(where: { $0.core != nil && !$0.writing.isEmpty }) { continue }
                return
            }
            if let from = world.place(of: message.from), let to = world.place(of: message.to), isCut(from, to) {
                world.network.removeFirst()
            } else {
                world.deliver(0)
            }
            if !world.transfers.isEmpty { world.finishTransfer(0, delivered: true) }
        }
    }
}
