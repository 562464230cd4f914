import Core
import Records
import Store
import Testing

@testable import Replica

/// What is committed and nobody waits for is applied together with more, and not so long or so much that a map which fills is seen too late.
@Suite struct HoldingTests {
    /// A cluster that holds what it may for hours, and a follower in it.
    private func cluster(operations: Int = 65_536) throws -> (ReplicaCluster, leader: NodeID, follower: NodeID, machines: [StrayingMachine]) {
        let cluster = try ReplicaCluster()
        var machines: [StrayingMachine] = []
        cluster.machine = { _, store in
            machines.append(StrayingMachine(store))
            return machines[machines.count - 1]
        }
        (cluster.applyPauseMilliseconds, cluster.freshnessMilliseconds, cluster.applyOperationsMax) = (10_000_000, 10_000_000, operations)
        try cluster.startAll()
        let leader = try cluster.leader()
        try cluster.makeWorld(at: leader)
        return (cluster, leader, leader == NodeID(1) ? NodeID(2) : NodeID(1), machines)
    }

    @Test func whereTheMapIsNearlyFullNothingIsHeld() throws {
        let (cluster, leader, follower, machines) = try cluster()
        for i in 0..<5 { try cluster.apply(try cluster.put("k\(i)", at: leader), at: leader) }
        let held = try #require(cluster.stores[leader]).applied.position.index
        for machine in machines { machine.say(.nearlyFull) }
        try cluster.apply(try cluster.delete("k0", at: leader), at: leader)
        let last = try #require(cluster.stores[leader]).applied.position.index
        #expect(last > held)
        try cluster.wait("the follower to apply what nobody waits for there") { try #require(cluster.stores[follower]).applied.position.index >= last }
        #expect(cluster.failures.texts.isEmpty, "\(cluster.failures.texts)")
    }

    /// Of operations, whatever few bytes and entries they are.
    @Test func soManyOperationsAreNotHeldAndAreNoOneTransaction() throws {
        let (cluster, leader, follower, machines) = try cluster(operations: 3)
        try cluster.passBarrier(at: follower)
        let before = try #require(cluster.stores[follower]).applied.position.index
        for i in 0..<7 { try cluster.apply(try cluster.put("k\(i)", at: leader), at: leader) }
        let last = try #require(cluster.stores[leader]).applied.position.index.rawValue
        // The last one may wait for two more.
        try cluster.wait("the follower to apply all but one or two") { try #require(cluster.stores[follower]).applied.position.index.rawValue + 2 >= last }
        #expect(before.rawValue + 5 <= last)
        #expect(machines.allSatisfy { (1...3).contains($0.commandsMax) }, "\(machines.map(\.commandsMax))")
        #expect(cluster.failures.texts.isEmpty, "\(cluster.failures.texts)")
    }

    @Test func operationsAreCountedByTheHead() throws {
        func write(_ count: Int) -> [UInt8] {
            let operations = (0..<count).map { WriteOperation(kind: .delete, dataset: DatasetID(1), key: [UInt8($0)], fields: []) }
            return Command.write(WriteCommand(principal: PrincipalID(1), session: .none, sequence: 0, policyIndex: LogIndex(0), operations: operations)).encoded()
        }
        for count in [1, 2, 40] { #expect(Command.operations(write(count)) == count) }
        #expect(Command.operations(Command.openSession(PrincipalID(1)).encoded()) == 1)
        for bytes in [[], [9], Array(write(40).prefix(20))] { #expect(Command.operations(bytes) == 1) }
    }
}
