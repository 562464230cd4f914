import Catalogue
import Core
import Glibc
import Raft
import SegmentLog
import Store
import Testing

@testable import Replica

@Suite(.serialized) struct ReplicaTests {
    /// A map that is nearly full takes only what makes room. Nobody stops for it, as everybody would at the entry that found it full.
    @Test func aStateThatIsNearlyFullTakesOnlyWhatMakesRoom() throws {
        let cluster = try ReplicaCluster()
        cluster.mapBytes = 16 << 20
        try cluster.startAll()
        var leader = try cluster.leader()
        let follower = try #require(cluster.voters.voters.first { $0 != leader })
        try cluster.makeWorld(at: leader)
        var count = 0, refused = 0
        // Until it stays so: a checkpoint lets pages go that were written on the way.
        while refused < 3 {
            let result = try cluster.propose(try cluster.put("k\(count)", bytes: 60_000, at: leader), at: count.isMultiple(of: 2) ? leader : follower)
            if result == .refused(.diskFull) {
                refused += 1
                usleep(500_000)
            } else {
                (count, refused) = (count + 1, 0)
            }
            try #require(count < 400, "\(cluster.failures.texts)")
        }
        #expect(count > 150 && cluster.failures.texts.isEmpty, "\(count) \(cluster.failures.texts)")
        #expect(try cluster.status(leader).isLowOnSpace)
        // A start does not forget it, and room is made after it all the same.
        cluster.stopAll()
        for node in cluster.voters.voters { try cluster.start(node) }
        leader = try cluster.leader()
        try cluster.wait("the leader to see it") { try cluster.status(leader).isLowOnSpace }
        for i in 0..<count / 2 { try cluster.apply(try cluster.delete("k\(i)", at: leader), at: leader) }
        try cluster.apply(try cluster.put("after", bytes: 60_000, at: leader), at: leader)
        try cluster.wait("a checkpoint to let go what was removed") { try !cluster.status(leader).isLowOnSpace }
        try cluster.expectEqualStates()
        #expect(try cluster.records(follower) == UInt64(count - count / 2 + 1))
        #expect(cluster.failures.texts.isEmpty, "\(cluster.failures.texts)")
    }

    /// Whoever comes to delete needs a session first, and who must lose a right must lose it now; a new right can wait, as other writes do.
    @Test(arguments: [Fullness.nearlyFull, .full]) func whatIsTakenWithoutRoom(fullness: Fullness) throws {
        let cluster = try ReplicaCluster()
        var machines: [StrayingMachine] = []
        cluster.machine = { _, store in
            machines.append(StrayingMachine(store))
            return machines[machines.count - 1]
        }
        try cluster.startAll()
        let leader = try cluster.leader()
        try cluster.makeWorld(at: leader)
        try cluster.apply(try cluster.put("k", at: leader), at: leader)
        let writer = try #require(cluster.stores[leader]).withReadView { view throws(StoreError) in view.catalogue.principal(path: "a/sys")?.id }
        let (put, delete) = (try cluster.put("other", at: leader), try cluster.delete("k", at: leader))
        func agreement(_ verb: CatalogueChange.Verb) -> Command {
            .catalogue(.init(actor: PrincipalID(2), change: CatalogueChange(verb: verb, kind: .agreement, document: ["code": "none"])))
        }
        // A full one takes nothing before a checkpoint has let go what was written.
        for machine in machines { _ = try machine.checkpoint() }
        for machine in machines { machine.say(fullness) }
        for command in [put, agreement(.apply), agreement(.approve)] { #expect(try cluster.propose(command, at: leader) == .refused(.diskFull)) }
        let open = Command.openSession(try #require(writer))
        if fullness == .full {
            #expect(try cluster.propose(open, at: leader) == .refused(.diskFull))
        } else {
            // Some, lest who may only read fills what is left; with the next checkpoint some more.
            let before = machines.map(\.checkpointed)
            var opened = 0
            while opened < 100, case .applied(.sessionOpened?, _) = try cluster.propose(open, at: leader) { opened += 1 }
            #expect(opened >= ScarceSessions.opensOfOneMax && opened < 100)
            for machine in machines { _ = try machine.checkpoint() }
            #expect(machines.map(\.checkpointed) != before)
            guard case .applied(.sessionOpened?, _) = try cluster.propose(open, at: leader) else { return #expect(Bool(false), "no session after a checkpoint") }
        }
        // There is none of this code: it is the state machine that says so.
        for verb in [CatalogueChange.Verb.suspend, .revoke] {
            guard case .rejected = try cluster.apply(agreement(verb), at: leader) else { return #expect(Bool(false), "\(verb)") }
        }
        guard case .written = try cluster.apply(delete, at: leader) else { return #expect(Bool(false), "no deletion") }
        #expect(try cluster.propose(put, at: leader) == .refused(.diskFull))
        for machine in machines { machine.say(nil) }
        guard case .written = try cluster.apply(put, at: leader) else { return #expect(Bool(false), "no write with room") }
        #expect(cluster.failures.texts.isEmpty, "\(cluster.failures.texts)")
    }

    let n1 = NodeID(1), n2 = NodeID(2), n3 = NodeID(3), n4 = NodeID(4)

    @Test func threeNodesReplicateWhereverTheCommandIsGiven() throws {
        let cluster = try ReplicaCluster()
        try cluster.startAll()
        let leader = try cluster.leader()
        try cluster.makeWorld(at: leader)
        for (i, node) in [n1, n2, n3].enumerated() {
            try cluster.passBarrier(at: node)
            guard case .written = try cluster.apply(try cluster.put("k\(i)", at: node), at: node) else { return #expect(Bool(false)) }
            #expect(try cluster.records(node) == UInt64(i + 1), "who wrote reads its own write")
        }
        try cluster.expectEqualStates()
        #expect(cluster.failures.texts.isEmpty)
    }

    /// What is committed may wait to be applied for hours where nobody waits for it, and not a moment where somebody does; a stop applies it.
    @Test func whatSomebodyWaitsForIsAppliedAtOnce() throws {
        let cluster = try ReplicaCluster()
        cluster.applyPauseMilliseconds = 10_000_000
        try cluster.startAll()
        let leader = try cluster.leader()
        try cluster.makeWorld(at: leader)
        for i in 0..<20 { try cluster.apply(try cluster.put("k\(i)", at: leader), at: leader) }
        // The age of a state is found out behind a barrier, on every node.
        try cluster.expectEqualStates()
        for node in [NodeID(1), NodeID(2), NodeID(3)] { try cluster.passBarrier(at: node) }
        for node in [NodeID(1), NodeID(2), NodeID(3)] { #expect(try cluster.records(node) == 20) }
        for i in 20..<40 { try cluster.apply(try cluster.put("k\(i)", at: leader), at: leader) }
        cluster.stopAll()
        try cluster.startAll()
        let next = try cluster.leader()
        try cluster.passBarrier(at: next)
        #expect(try cluster.records(next) == 40)
    }

    @Test func aReadBehindABarrierSeesWhatWasAcknowledgedElsewhere() throws {
        let cluster = try ReplicaCluster()
        try cluster.startAll()
        let leader = try cluster.leader()
        try cluster.makeWorld(at: leader)
        let other = leader == n1 ? n2 : n1
        for i in 0..<50 {
            try cluster.apply(try cluster.put("k\(i)", at: leader), at: leader)
            try cluster.passBarrier(at: other)
            #expect(try cluster.records(other) >= UInt64(i + 1))
        }
    }

    /// The leader's word about where a forwarded command stands is lost: whoever gave the command hears that nobody knows, long before it would be
    /// given up as one that does not commit.
    @Test func aLostAnswerToWhoForwardedIsNotWaitedForLong() throws {
        let cluster = try ReplicaCluster()
        cluster.proposalMilliseconds = 600_000
        try cluster.startAll()
        let leader = try cluster.leader()
        try cluster.makeWorld(at: leader)
        let other = leader == n1 ? n2 : n1
        try cluster.passBarrier(at: other)
        let write = try cluster.put("k", at: other)
        cluster.network.loseAnswers(true)
        guard case .unknown = try cluster.propose(write, at: other) else { return #expect(Bool(false)) }
        cluster.network.loseAnswers(false)
        try cluster.apply(write, at: other)
        try cluster.expectEqualStates()
    }

    @Test func theLeadersEndLosesNothing() throws {
        let cluster = try ReplicaCluster()
        try cluster.startAll()
        let first = try cluster.leader()
        try cluster.makeWorld(at: first)
        for i in 0..<20 { try cluster.apply(try cluster.put("a\(i)", at: first), at: first) }
        cluster.stop(first)
        let second = try cluster.leader(not: first)
        for i in 0..<20 { try cluster.apply(try cluster.put("b\(i)", at: second), at: second) }
        try cluster.start(first)
        try cluster.wait("the old leader to catch up") { try cluster.applied(first) >= cluster.applied(second) && cluster.records(first) == 40 }
        try cluster.expectEqualStates()
    }

    @Test func whoIsCutOffAnswersNoReadAndTakesNoWrite() throws {
        let cluster = try ReplicaCluster()
        try cluster.startAll()
        let leader = try cluster.leader()
        try cluster.makeWorld(at: leader)
        let write = try cluster.put("k", at: leader)
        cluster.network.isolate(leader)
        #expect(try cluster.barrier(at: leader) == .noQuorum)
        switch try cluster.propose(write, at: leader) {
        case .refused(.notLeader), .unknown: break
        case let other: Issue.record("a leader without a quorum answered \(other)")
        }
        let next = try cluster.leader(not: leader)
        try cluster.apply(try cluster.put("k2", at: next), at: next)
        cluster.network.heal()
        try cluster.expectEqualStates()
    }

    @Test func everythingAcknowledgedIsThereAfterAllHaveStopped() throws {
        let cluster = try ReplicaCluster()
        try cluster.startAll()
        let leader = try cluster.leader()
        try cluster.makeWorld(at: leader)
        for i in 0..<30 { try cluster.apply(try cluster.put("k\(i)", at: leader), at: leader) }
        cluster.stopAll()
        try cluster.startAll()
        let next = try cluster.leader()
        try cluster.passBarrier(at: next)
        #expect(try cluster.records(next) == 30)
        try cluster.expectEqualStates()
    }

    @Test func aLearnerThatComesLateOrLostItsDiskCatchesUpThroughASnapshot() throws {
        let cluster = try ReplicaCluster()
        cluster.segmentBytes = 16 << 20
        cluster.retainedLogBytes = 1
        try cluster.startAll()
        let leader = try cluster.leader()
        try cluster.makeWorld(at: leader)
        // More than a segment, so that the log can be cut.
        for i in 0..<60 { try cluster.apply(try cluster.put("k\(i)", bytes: 900_000, at: leader), at: leader) }
        try cluster.wait("the log to be cut") { cluster.base(leader) > LogIndex(10) }

        try cluster.add(n4, incarnation: 4, at: leader)
        try cluster.start(n4, membership: Membership.empty)
        try cluster.wait("the learner to catch up") { try cluster.applied(n4) >= cluster.applied(leader) && cluster.records(n4) == 60 }
        try cluster.passBarrier(at: n4)
        try cluster.apply(try cluster.put("from-learner", at: n4), at: n4)

        cluster.stop(n4)
        cluster.wipe(n4)
        try cluster.add(n4, incarnation: 5, at: leader)
        try cluster.start(n4, membership: Membership.empty)
        try cluster.wait("the learner to catch up again") { try cluster.records(n4) == 61 }
        try cluster.expectEqualStates()
        #expect(cluster.failures.texts.isEmpty)
    }

    /// While a snapshot is on its way more is written than the log keeps for others: its receiver goes on behind it all the same, and needs no second one.
    @Test func whatIsWrittenDuringATransferIsKeptForItsReceiver() throws {
        let cluster = try ReplicaCluster()
        cluster.segmentBytes = LogOptions.segmentBytesMin
        cluster.retainedLogBytes = 500_000
        try cluster.startAll()
        let leader = try cluster.leader()
        try cluster.makeWorld(at: leader)
        for i in 0..<20 { try cluster.apply(try cluster.put("before-\(i)", bytes: 200_000, at: leader), at: leader) }
        try cluster.wait("the log to be cut") { cluster.base(leader) > LogIndex(10) }
        cluster.network.loseSnapshots(true)
        try cluster.add(n4, incarnation: 4, at: leader)
        try cluster.start(n4, membership: Membership.empty)
        try cluster.wait("a transfer to begin") { cluster.network.transfers == 1 }
        let begun = cluster.applied(leader)
        // Twice as much as is kept for a follower that needs no snapshot.
        for i in 0..<20 { try cluster.apply(try cluster.put("during-\(i)", bytes: 200_000, at: leader), at: leader) }
        let checkpointed = cluster.applied(leader)
        try cluster.wait("a checkpoint of it") { (cluster.stores[leader]?.checkpointed.index ?? LogIndex(0)) >= checkpointed }
        usleep(300_000)
        #expect(cluster.base(leader) <= begun)
        cluster.network.loseSnapshots(false)
        try cluster.wait("the learner to catch up") { try cluster.records(n4) == 40 }
        #expect(cluster.network.transfers == 1)
        // It is near: nothing more is kept for it.
        for i in 0..<6 { try cluster.apply(try cluster.put("after-\(i)", bytes: 200_000, at: leader), at: leader) }
        try cluster.wait("the log to be cut again") { cluster.base(leader) > checkpointed }
        try cluster.expectEqualStates()
    }

    /// Without an end of the transfer: only so much is kept, and the receiver gets another snapshot.
    @Test func whatIsKeptForAReceiverHasABound() throws {
        let cluster = try ReplicaCluster()
        cluster.segmentBytes = LogOptions.segmentBytesMin
        cluster.retainedLogBytes = 100_000
        try cluster.startAll()
        let leader = try cluster.leader()
        try cluster.makeWorld(at: leader)
        for i in 0..<10 { try cluster.apply(try cluster.put("before-\(i)", bytes: 200_000, at: leader), at: leader) }
        try cluster.wait("the log to be cut") { cluster.base(leader) > LogIndex(5) }
        cluster.network.loseSnapshots(true)
        try cluster.add(n4, incarnation: 4, at: leader)
        try cluster.start(n4, membership: Membership.empty)
        try cluster.wait("a transfer to begin") { cluster.network.transfers == 1 }
        let begun = cluster.applied(leader)
        for i in 0..<14 { try cluster.apply(try cluster.put("during-\(i)", bytes: 200_000, at: leader), at: leader) }
        try cluster.wait("the log to be cut all the same") { cluster.base(leader) > begun }
        cluster.network.loseSnapshots(false)
        try cluster.wait("the learner to catch up") { try cluster.records(n4) == 24 }
        #expect(cluster.network.transfers > 1)
        try cluster.expectEqualStates()
    }
}

extension ReplicaCluster {
    func add(_ node: NodeID, incarnation: UInt64, at leader: NodeID) throws {
        let replica = try #require(replicas[leader])
        let answer = Mailbox<ProposalResult>()
        let member = Membership.Member(id: node, name: "\(node)", peerAddress: "", adminAddress: "", incarnation: Incarnation(incarnation))
        replica.propose(replica.membership.adding(learner: member)) { answer.post($0) }
        guard case .applied = try #require(answer.take(atMostNanoseconds: 20_000_000_000)?.first) else {
            Issue.record("the learner was not added")
            return
        }
    }

    /// Where the node's log begins.
    func base(_ node: NodeID) -> LogIndex {
        let answer = Mailbox<LogIndex>()
        replicas[node]?.status { answer.post($0.logBase.index) }
        return answer.take(atMostNanoseconds: 5_000_000_000)?.first ?? LogIndex(0)
    }

    /// A node that applies more slowly than others commit keeps a bounded part of what it has to apply, and gets the rest when it has.
    @Test func whoIsSlowToApplyTakesNoMoreThanItCanKeep() throws {
        let cluster = try ReplicaCluster()
        cluster.retainedLogBytes = 16 << 20
        try cluster.startAll()
        let leader = try cluster.leader()
        try cluster.makeWorld(at: leader)
        let n4 = NodeID(4)
        try cluster.add(n4, incarnation: 4, at: leader)
        // It applies when somebody asks, and nobody does.
        (cluster.applyPauseMilliseconds, cluster.freshnessMilliseconds, cluster.unappliedBytesMax) = (60_000, 60_000, 500_000)
        try cluster.start(n4, membership: Membership.empty)
        try cluster.passBarrier(at: n4)
        let begin = try cluster.status(n4).raft.lastIndex
        for i in 0..<60 { try cluster.apply(try cluster.put("w\(i)", bytes: 100_000, at: leader), at: leader) }
        try cluster.wait("some to come") { try cluster.status(n4).raft.lastIndex.rawValue >= begin.rawValue + 5 }
        usleep(300_000)
        // One more batch may come than the bound, of a MiB.
        let (last, reached) = (try cluster.status(leader).raft.lastIndex, try cluster.status(n4).raft.lastIndex)
        #expect(reached.rawValue < begin.rawValue + 20 && last.rawValue >= begin.rawValue + 60, "from \(begin): \(reached) of \(last)")
        #expect(try cluster.status(n4).raft.leader == leader)
        // Each barrier has applied what there is, which makes room.
        try cluster.wait("all of it") {
            _ = try cluster.barrier(at: n4)
            return try cluster.records(n4) == 60
        }
        #expect(cluster.failures.texts.isEmpty && cluster.stores[n4]?.damage == nil)
    }
}
