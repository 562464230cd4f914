import Faults
import Testing

@Suite struct PartitionTests {
    let three = ["n1", "n2", "n3"], five = ["n1", "n2", "n3", "n4", "n5"]

    @Test func isolationCutsBothDirectionsOfOneNodeOnly() {
        #expect(Set(Partition.isolate("n2", of: three)) == [Link("n1", "n2"), Link("n2", "n1"), Link("n2", "n3"), Link("n3", "n2")])
    }

    @Test func oneWayPartitionsCutOneDirection() {
        #expect(Set(Partition.mute("n1", of: three)) == [Link("n1", "n2"), Link("n1", "n3")])
        #expect(Set(Partition.deafen("n1", of: three)) == [Link("n2", "n1"), Link("n3", "n1")])
    }

    @Test func sidesKeepTheirInside() {
        let links = Set(Partition.sides([["n1", "n2"], ["n3", "n4", "n5"]]))
        #expect(links.count == 12)
        #expect(!links.contains(Link("n1", "n2")) && !links.contains(Link("n4", "n3")))
        #expect(links.contains(Link("n5", "n1")) && links.contains(Link("n1", "n5")))
    }

    @Test func aRingLeavesNeighbours() {
        let cut = Set(Partition.ring(five))
        for node in five {
            let reached = five.filter { $0 != node && !cut.contains(Link(node, $0)) }
            #expect(reached.count == 2, "\(node) reaches \(reached)")
        }
        // Of three, each is heard by the next only.
        #expect(Set(Partition.ring(three)) == [Link("n2", "n1"), Link("n3", "n2"), Link("n1", "n3")])
    }
}
