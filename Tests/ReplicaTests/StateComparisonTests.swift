import Core
import Cryptography
import Raft
import Store
import Testing

@testable import Replica

/// Whose state is not that of a majority of the voters learns it.
@Suite struct StateComparisonTests {
    static func membership(voters: Int, outgoing: [UInt32] = [], learners: [UInt32] = [9]) -> Membership {
        let ids = (1...max(1, voters)).map { NodeID(UInt32($0)) }.prefix(voters) + []
        let old = outgoing.map { NodeID($0) }
        let all = Set(ids + old + learners.map { NodeID($0) })
        return Membership(members: all.map { .init(id: $0, peerAddress: "", adminAddress: "") }, voters: Array(ids), outgoingVoters: old)
    }

    static func digest(_ index: UInt64, _ value: UInt64) -> StateDigest {
        StateDigest(index: LogIndex(index), value: Digest(words: (0, 0, 0, value)))
    }

    /// What is found on `node`, which tells `own`, if these tell these.
    static func finding(_ node: UInt32, own: UInt64, _ told: [UInt32: UInt64], in membership: Membership) -> StateComparison.Finding? {
        var comparison = StateComparison()
        comparison.note(digest(7, own))
        for (other, value) in told { comparison.hear(digest(7, value), from: NodeID(other)) }
        return comparison.finding(on: NodeID(node), in: membership)
    }

    @Test(arguments: [
        // Three voters.
        (1, 5, [2: 5, 3: 5], 3, nil), (1, 5, [2: 5], 3, nil), (1, 5, [:], 3, nil), (1, 5, [2: 5, 3: 6], 3, nil),
        (1, 5, [2: 6, 3: 6], 3, "wrong"), (1, 5, [2: 6], 3, nil), (1, 5, [2: 6, 3: 7], 3, "disputed"),
        // A query node: it has no word of its own, and three may be of three minds.
        (9, 5, [1: 6, 2: 6], 3, "wrong"), (9, 5, [1: 5, 2: 6], 3, nil), (9, 5, [1: 5, 2: 6, 3: 7], 3, "disputed"), (9, 5, [1: 5, 2: 5, 3: 7], 3, nil),
        // One and two voters.
        (1, 5, [:], 1, nil), (9, 5, [1: 6], 1, "disputed"), (9, 5, [1: 5], 1, nil), (1, 5, [2: 6], 2, "disputed"), (1, 5, [2: 5], 2, nil),
        // Five.
        (1, 5, [2: 6, 3: 6], 5, nil), (1, 5, [2: 6, 3: 6, 4: 6], 5, "wrong"), (1, 5, [2: 6, 3: 6, 4: 5, 5: 7], 5, "disputed"),
    ] as [(UInt32, UInt64, [UInt32: UInt64], Int, String?)])
    func judges(node: UInt32, own: UInt64, told: [UInt32: UInt64], voters: Int, expected: String?) {
        let found = Self.finding(node, own: own, told, in: Self.membership(voters: voters))
        switch expected {
        case nil: #expect(found == nil)
        case "wrong": #expect(found == .isWrong(at: LogIndex(7)))
        default: #expect(found == .isDisputed(at: LogIndex(7)))
        }
    }

    @Test func aJointMembershipNeedsBothMajorities() {
        let membership = Self.membership(voters: 3, outgoing: [3, 4, 5])
        #expect(Self.finding(1, own: 5, [2: 6, 3: 6], in: membership) == nil)
        #expect(Self.finding(1, own: 5, [2: 6, 3: 6, 4: 6], in: membership) == .isWrong(at: LogIndex(7)))
    }

    @Test func learnersHaveNoWord() {
        #expect(Self.finding(1, own: 5, [9: 6, 2: 6], in: Self.membership(voters: 3)) == nil)
        #expect(Self.finding(1, own: 5, [9: 6, 8: 6], in: Self.membership(voters: 3, learners: [8, 9])) == nil)
    }

    /// Only what stands at the same index is compared, and what was told last of it.
    @Test func indexesAreHeldApart() {
        let membership = Self.membership(voters: 3)
        var comparison = StateComparison()
        for node in [UInt32(2), 3] { for index in UInt64(1)...8 { comparison.hear(Self.digest(index, index), from: NodeID(node)) } }
        for index in UInt64(1)...8 {
            comparison.note(Self.digest(index, index))
            #expect(comparison.finding(on: NodeID(1), in: membership) == nil)
        }
        comparison.note(Self.digest(9, 1))
        #expect(comparison.finding(on: NodeID(1), in: membership) == nil)
        for node in [UInt32(2), 3] { comparison.hear(Self.digest(9, 9), from: NodeID(node)) }
        #expect(comparison.finding(on: NodeID(1), in: membership) == .isWrong(at: LogIndex(9)))
        comparison.note(Self.digest(9, 9))
        #expect(comparison.finding(on: NodeID(1), in: membership) == nil)
        // Another state is in its place: what the old one was is nothing to it.
        comparison.note(Self.digest(10, 1))
        comparison.forgetOwn()
        for node in [UInt32(2), 3] { comparison.hear(Self.digest(10, 9), from: NodeID(node)) }
        #expect(comparison.finding(on: NodeID(1), in: membership) == nil)
    }

    /// A dispute is told once for a mark; what is past the bound is forgotten.
    @Test func isToldOnce() {
        let membership = Self.membership(voters: 2)
        var comparison = StateComparison()
        for index in UInt64(1)...3 {
            comparison.note(Self.digest(index, 1))
            comparison.hear(Self.digest(index, 2), from: NodeID(2))
            #expect(comparison.finding(on: NodeID(1), in: membership) == .isDisputed(at: LogIndex(index)))
            #expect(comparison.finding(on: NodeID(1), in: membership) == nil)
        }
        comparison.forgetOwn()
        for index in UInt64(11)...19 { comparison.hear(Self.digest(index, 2), from: NodeID(2)) }
        comparison.note(Self.digest(11, 1))
        #expect(comparison.finding(on: NodeID(1), in: membership) == nil)
        comparison.note(Self.digest(12, 1))
        #expect(comparison.finding(on: NodeID(1), in: membership) == .isDisputed(at: LogIndex(12)))
    }
}

/// The same with replicas that run.
@Suite(.serialized) struct StrayStateTests {
    /// A cluster of three and a query node; the node whose store can be led astray.
    private func filled(straying node: NodeID) throws -> (ReplicaCluster, () throws -> StrayingMachine) {
        let cluster = try ReplicaCluster()
        var machines: [NodeID: StrayingMachine] = [:]
        cluster.machine = { id, store in
            guard id == node else { return store }
            let machine = StrayingMachine(store)
            machines[id] = machine
            return machine
        }
        try cluster.startAll()
        let leader = try cluster.leader()
        try cluster.makeWorld(at: leader)
        for i in 0..<20 { try cluster.apply(try cluster.put("k\(i)", at: leader), at: leader) }
        if node == NodeID(4) {
            try cluster.add(node, incarnation: 4, at: leader)
            try cluster.start(node, membership: Membership.empty)
            try cluster.passBarrier(at: node)
        }
        try cluster.expectEqualStates()
        return (cluster, { try #require(machines[node]) })
    }

    private func expectMended(_ cluster: ReplicaCluster, _ node: NodeID, _ machine: StrayingMachine, at leader: NodeID) throws {
        machine.stray()
        try cluster.apply(try cluster.put("lost", at: leader), at: leader)
        var count = 0
        try cluster.wait("the difference to be found") {
            count += 1
            try cluster.apply(try cluster.put("w\(count)", at: try cluster.leader()), at: try cluster.leader())
            return cluster.repairs.texts.contains { $0.hasPrefix("\(node): damaged") && $0.contains("majority") }
        }
        try cluster.wait("\(node) to be rebuilt") { cluster.replicas[node]?.damage == nil }
        try cluster.passBarrier(at: node)
        try cluster.expectEqualStates()
        #expect(cluster.failures.texts.isEmpty, "\(cluster.failures.texts)")
        // Nobody else was taken for wrong.
        #expect(cluster.repairs.texts.allSatisfy { $0.hasPrefix("\(node): ") }, "\(cluster.repairs.texts)")
    }

    @Test func aVoterThatAppliedSomethingElseIsRebuilt() throws {
        let node = NodeID(2)
        let (cluster, machine) = try filled(straying: node)
        try expectMended(cluster, node, try machine(), at: try cluster.leader())
    }

    @Test func aQueryNodeThatAppliedSomethingElseIsRebuilt() throws {
        let node = NodeID(4)
        let (cluster, machine) = try filled(straying: node)
        try expectMended(cluster, node, try machine(), at: try cluster.leader())
    }

    /// Nobody is taken for wrong where nothing is, over restarts, snapshots and changes of leader.
    @Test func nobodyIsTakenForWrongWithoutReason() throws {
        let cluster = try ReplicaCluster()
        (cluster.comparisonMilliseconds, cluster.retainedLogBytes) = (20, 1)
        try cluster.startAll()
        try cluster.makeWorld(at: try cluster.leader())
        for round in 0..<6 {
            let stopped = NodeID(UInt32(round % 3) + 1)
            cluster.stop(stopped)
            let leader = try cluster.leader()
            for i in 0..<60 { try cluster.apply(try cluster.put("k\(i)", text: "\(round)", at: leader), at: leader) }
            try cluster.start(stopped)
            try cluster.passBarrier(at: stopped)
        }
        try cluster.expectEqualStates()
        #expect(cluster.repairs.texts.isEmpty && cluster.failures.texts.isEmpty, "\(cluster.repairs.texts) \(cluster.failures.texts)")
    }
}
