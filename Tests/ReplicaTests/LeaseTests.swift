import Core
import Raft
import Store
import Testing

@testable import Replica

/// Reads by a lease, with real clocks and threads.
@Suite(.serialized) struct LeaseTests {
    let n4 = NodeID(4)

    /// A cluster of three voters and a query node that holds a lease.
    private func cluster() throws -> (ReplicaCluster, leader: NodeID) {
        let cluster = try ReplicaCluster()
        try cluster.startAll()
        let leader = try cluster.leader()
        try cluster.makeWorld(at: leader)
        try cluster.add(n4, incarnation: 4, at: leader)
        try cluster.start(n4, membership: Membership.empty)
        try cluster.read(.lease, at: leader)
        try cluster.wait("a lease") { cluster.replicas[n4]?.beginLeaseRead() != nil }
        return (cluster, leader)
    }

    @Test func aReadByALeaseSeesWhatWasAcknowledgedElsewhere() throws {
        let (cluster, leader) = try cluster()
        for i in 0..<50 {
            try cluster.apply(try cluster.put("k\(i)", at: leader), at: leader)
            var records: UInt64?
            try cluster.wait("a read by a lease") {
                records = try cluster.recordsByLease(n4)
                return records != nil
            }
            #expect(try #require(records) >= UInt64(i + 1))
        }
        #expect(cluster.failures.texts.isEmpty)
    }

    @Test func aHolderThatIsCutOffLosesItsLeaseAndDelaysWritersOnce() throws {
        let (cluster, leader) = try cluster()
        cluster.network.isolate(n4)
        // The first waits for the lease to end, the others for nothing.
        for i in 0..<5 { try cluster.apply(try cluster.put("k\(i)", at: leader), at: leader) }
        #expect(try cluster.recordsByLease(n4) == nil)
        #expect(cluster.replicas[n4]?.beginLeaseRead() == nil)
        #expect(try cluster.barrier(at: n4) == .noQuorum)
        cluster.network.heal()
        try cluster.wait("a lease again") { try cluster.recordsByLease(n4) == 5 }
    }

    /// A holder that begins with entries in its log cannot know which of them it will have to apply before it answers: they touch every record.
    @Test func whatTheLogHeldAtAStartTouchesEverything() throws {
        let (cluster, leader) = try cluster()
        try cluster.apply(try cluster.put("k", at: leader), at: leader)
        try cluster.wait("the entry at n4") { try cluster.status(n4).raft.lastIndex == cluster.status(leader).raft.lastIndex }
        // Nothing comes from now on.
        cluster.network.isolate(n4)
        let last = try cluster.status(n4).raft.lastIndex
        cluster.stop(n4)
        try cluster.start(n4, membership: Membership.empty)
        cluster.network.isolate(n4)
        let touched = try #require(cluster.replicas[n4]?.touched)
        #expect(last > LogIndex(3))
        try cluster.wait("every record to be touched") { touched.newest(DatasetID(7), [1, 2, 3].span.bytes) >= last && touched.newest(DatasetID(7)) >= last }
    }

    @Test func withoutTheReadModeThereIsNoLease() throws {
        let (cluster, leader) = try cluster()
        try cluster.read(.readIndex, at: leader)
        try cluster.wait("the lease to end") { cluster.replicas[n4]?.beginLeaseRead() == nil }
        try cluster.apply(try cluster.put("k", at: leader), at: leader)
        #expect(try cluster.recordsByLease(n4) == nil)
        try cluster.passBarrier(at: n4)
        #expect(try cluster.records(n4) == 1)
    }
}

extension ReplicaCluster {
    /// Changes how the cluster reads.
    func read(_ mode: ReadMode, at leader: NodeID) throws {
        let replica = try #require(replicas[leader])
        let answer = Mailbox<ProposalResult>()
        replica.propose(replica.membership.reading(mode)) { answer.post($0) }
        guard case .applied = try #require(answer.take(atMostNanoseconds: 20_000_000_000)?.first) else {
            Issue.record("the way to read was not changed")
            return
        }
    }

    /// The records by the lease; nil if it does not permit to say.
    func recordsByLease(_ node: NodeID) throws -> UInt64? {
        let replica = try #require(replicas[node])
        guard let read = replica.beginLeaseRead() else { return nil }
        return try #require(stores[node]).withReadView { view throws(StoreError) in
            guard replica.permits(read, snapshot: view.state.position.index) else { return nil }
            return try view.figures().first?.figures.records ?? 0
        }
    }
}
