import Core
import Glibc
import Raft
import Store
import Testing

@testable import Replica

/// A state that rots is noticed, serves nobody, and is replaced by another replica's.
@Suite(.serialized) struct RepairTests {
    let rotten = "rotten-text-rotten"

    /// Three nodes with a record that rots on demand, and the leader.
    func filled(records: Int = 20, bytes: Int = 40, retained: Int = 64 << 20) throws -> (ReplicaCluster, leader: NodeID, follower: NodeID) {
        let cluster = try ReplicaCluster()
        cluster.retainedLogBytes = retained
        // A comparison with the others would find what is to be found in other ways, if it came first.
        cluster.comparisonMilliseconds = .max
        try cluster.startAll()
        let leader = try cluster.leader()
        try cluster.makeWorld(at: leader)
        for i in 0..<records { try cluster.apply(try cluster.put("k\(i)", bytes: bytes, at: leader), at: leader) }
        try cluster.apply(try cluster.put("rotten", text: rotten, at: leader), at: leader)
        try cluster.expectEqualStates()
        return (cluster, leader, cluster.voters.voters.first { $0 != leader } ?? leader)
    }

    func expectRebuilt(_ cluster: ReplicaCluster, _ node: NodeID) throws {
        try cluster.wait("\(node) to be rebuilt") { cluster.replicas[node]?.damage == nil }
        try cluster.passBarrier(at: node)
        #expect(try cluster.isSound(node))
        try cluster.expectEqualStates()
        #expect(cluster.failures.texts.isEmpty, "\(cluster.failures.texts)")
        #expect(cluster.replicas[node]?.stalenessMilliseconds != nil)
        // Now and then it asks how old its state is, or sends it to somebody else: what it asked for the repair's sake ends.
        try cluster.wait("nothing to wait at \(node)") { try cluster.status(node).waiting == 0 || cluster.status(node).raft.role == .leader }
    }

    @Test func aFollowersRotThatAReadFindsIsMended() throws {
        let (cluster, leader, follower) = try filled()
        #expect(try cluster.rot(rotten, at: follower) > 0)
        #expect(try !cluster.isSound(follower))
        let before = cluster.applied(follower)
        cluster.network.isolate(follower)
        #expect(try #require(cluster.replicas[follower]).reportDamage("a record does not fit its checksum"))
        // From this moment on nobody is served, and nobody could have mended it yet.
        #expect(try cluster.barrier(at: follower) == .noQuorum)
        #expect(try cluster.propose(try cluster.put("x", at: leader), at: follower) == .refused(.notLeader))
        #expect(cluster.replicas[follower]?.stalenessMilliseconds == nil)
        #expect(try cluster.status(follower).damage == "a record does not fit its checksum")
        cluster.network.heal()
        try expectRebuilt(cluster, follower)
        #expect(cluster.applied(follower) >= before)
        #expect(try cluster.records(follower) == 21)
        #expect(cluster.repairs.texts.first?.contains("damaged") == true && cluster.repairs.texts.last?.contains("rebuilt") == true)
        guard case .written = try cluster.apply(try cluster.put("after", at: follower), at: follower) else { return #expect(Bool(false)) }
    }

    @Test func rotThatAnEntryMeetsIsMendedWhileWritesGoOn() throws {
        let (cluster, leader, follower) = try filled()
        #expect(try cluster.rot(rotten, at: follower) > 0)
        for i in 0..<100 {
            try cluster.apply(try cluster.put("w\(i)", at: leader), at: leader)
            // The entry reads what it replaces, and finds the damage.
            if i == 20 { try cluster.apply(try cluster.put("rotten", text: "new", at: leader), at: leader) }
        }
        try cluster.wait("the damage to be found") { cluster.repairs.texts.contains { $0.hasPrefix("\(follower): damaged") } }
        for i in 0..<100 { try cluster.apply(try cluster.put("x\(i)", at: leader), at: leader) }
        try expectRebuilt(cluster, follower)
        #expect(try cluster.records(follower) == 221)
    }

    /// The only voter's state is damaged. Whoever is removed then may have the only good copy.
    @Test func nobodyIsRemovedWhileTheLeadersStateIsDamaged() throws {
        let n4 = NodeID(4)
        let cluster = try ReplicaCluster(voters: 1)
        cluster.comparisonMilliseconds = .max
        try cluster.startAll()
        let leader = try cluster.leader()
        try cluster.makeWorld(at: leader)
        try cluster.add(n4, incarnation: 4, at: leader)
        try cluster.start(n4, membership: Membership.empty)
        try cluster.wait("the learner to catch up") { cluster.applied(n4) == cluster.applied(leader) }
        let replica = try #require(cluster.replicas[leader])
        func remove() -> ProposalResult? {
            let answer = Mailbox<ProposalResult>()
            replica.propose(replica.membership.removing(n4)) { answer.post($0) }
            return answer.take(atMostNanoseconds: 20_000_000_000)?.first
        }
        cluster.network.loseSnapshots(true)
        #expect(replica.reportDamage("a record does not fit its checksum"))
        try cluster.wait("the damage to be noted") { cluster.stores[leader]?.damage != nil && cluster.repairs.texts.contains { $0.contains("damaged") } }
        #expect(remove() == .refused(.stateDamaged))
        cluster.network.loseSnapshots(false)
        try cluster.wait("the leader to be rebuilt") { replica.damage == nil }
        try cluster.wait("the removal") { if case .applied = remove() { true } else { !replica.membership.contains(n4) } }
    }

    /// Whoever is asked for a state and has not applied as much, since nobody waits for it there, does so and sends it.
    @Test func aStateThatIsAppliedLateIsSent() throws {
        let n4 = NodeID(4)
        let cluster = try ReplicaCluster()
        (cluster.applyPauseMilliseconds, cluster.freshnessMilliseconds) = (600_000, 600_000)
        try cluster.startAll()
        let leader = try cluster.leader()
        try cluster.makeWorld(at: leader)
        try cluster.add(n4, incarnation: 4, at: leader)
        (cluster.applyPauseMilliseconds, cluster.freshnessMilliseconds) = (0, 200)
        try cluster.start(n4, membership: Membership.empty)
        try cluster.passBarrier(at: n4)
        let index = cluster.applied(n4)
        try cluster.apply(try cluster.put("late", at: n4), at: n4)
        #expect(cluster.applied(n4) > index && cluster.applied(leader) <= index, "the leader was to apply late")
        #expect(try #require(cluster.replicas[n4]).reportDamage("a record does not fit its checksum"))
        try cluster.wait("the query node to be rebuilt") { cluster.replicas[n4]?.damage == nil }
        #expect(try cluster.records(n4) == 1)
    }

    @Test func aDamagedLeaderHandsOverAndIsMended() throws {
        let (cluster, leader, _) = try filled()
        #expect(try cluster.rot(rotten, at: leader) > 0)
        #expect(try #require(cluster.replicas[leader]).reportDamage("a record does not fit its checksum"))
        let next = try cluster.leader(not: leader)
        try cluster.apply(try cluster.put("after", at: next), at: next)
        try expectRebuilt(cluster, leader)
        #expect(try !cluster.status(leader).isDraining)
        #expect(try cluster.records(leader) == 22)
    }

    @Test func rotThatTheLeaderMeetsDoesNotStopTheCluster() throws {
        let (cluster, leader, follower) = try filled()
        #expect(try cluster.rot(rotten, at: leader) > 0)
        // What became of it the damaged leader cannot say; nobody is answered wrongly.
        let outcome = try cluster.propose(try cluster.put("rotten", text: "new", at: follower), at: leader)
        #expect(outcome == .unknown || outcome == .refused(.notLeader))
        try expectRebuilt(cluster, leader)
        try cluster.apply(try cluster.put("after", at: follower), at: follower)
        try cluster.expectEqualStates()
    }

    @Test func aRestartDoesNotForgetTheDamage() throws {
        let (cluster, leader, follower) = try filled()
        #expect(try cluster.rot(rotten, at: follower) > 0)
        cluster.network.isolate(follower)
        #expect(try #require(cluster.replicas[follower]).reportDamage("rot"))
        try cluster.wait("the damage to be noted") { cluster.stores[follower]?.damage != nil }
        for i in 0..<10 { try cluster.apply(try cluster.put("w\(i)", at: leader), at: leader) }
        for _ in 0..<2 {
            cluster.stop(follower)
            try cluster.start(follower)
            #expect(cluster.replicas[follower]?.damage == "rot")
            #expect(try cluster.barrier(at: follower) == .noQuorum)
        }
        cluster.network.heal()
        try expectRebuilt(cluster, follower)
        #expect(try cluster.records(follower) == 31)
        cluster.stop(follower)
        try cluster.start(follower)
        #expect(cluster.replicas[follower]?.damage == nil)
        try expectRebuilt(cluster, follower)
    }

    /// The moment of the stop falls before, into and after the transfer.
    @Test func aStopInTheMiddleOfARepairIsNoEnd() throws {
        let (cluster, _, follower) = try filled(records: 12, bytes: 900_000)
        for round in 0..<8 {
            _ = cluster.replicas[follower]?.reportDamage("rot \(round)")
            usleep(UInt32(round) * 15_000)
            cluster.stop(follower)
            try cluster.start(follower)
        }
        try expectRebuilt(cluster, follower)
        #expect(try cluster.records(follower) == 13)
    }

    /// The leader's state is rotten too, and nobody has seen it: its snapshot finds it, the next member is asked, and both are mended.
    @Test func aSnapshotOfARottenStateMendsNothingButFindsIt() throws {
        let (cluster, leader, follower) = try filled()
        #expect(try cluster.rot(rotten, at: leader) > 0)
        #expect(try #require(cluster.replicas[follower]).reportDamage("rot"))
        try cluster.wait("\(follower) to be rebuilt") { cluster.replicas[follower]?.damage == nil }
        #expect(try cluster.isSound(follower))
        #expect(cluster.repairs.texts.contains { $0.hasPrefix("\(leader): damaged") }, "\(cluster.repairs.texts)")
        try expectRebuilt(cluster, leader)
    }

    /// A member needs a snapshot that only a leader can send whose state is rotten: the leader finds it, is mended by a third, and sends a sound one.
    @Test func aLeaderThatCannotSendItsStateIsMended() throws {
        // More than a segment, so that the log can be cut.
        let (cluster, leader, _) = try filled(records: 40, bytes: 900_000, retained: 1)
        try cluster.wait("the log to be cut") { cluster.base(leader) > LogIndex(10) }
        #expect(try cluster.rot(rotten, at: leader) > 0)
        let learner = NodeID(4)
        try cluster.add(learner, incarnation: 4, at: leader)
        try cluster.start(learner, membership: .empty)
        try cluster.wait("the leader to find it") { cluster.repairs.texts.contains { $0.hasPrefix("\(leader): damaged") } }
        try cluster.wait("the learner to catch up") { try cluster.records(learner) == 41 }
        try expectRebuilt(cluster, leader)
        #expect(try cluster.isSound(learner))
    }

    @Test func aLearnerIsMended() throws {
        let (cluster, leader, _) = try filled()
        let learner = NodeID(4)
        try cluster.add(learner, incarnation: 4, at: leader)
        try cluster.start(learner, membership: .empty)
        try cluster.wait("the learner to catch up") { try cluster.records(learner) == 21 }
        #expect(try cluster.rot(rotten, at: learner) > 0)
        #expect(try #require(cluster.replicas[learner]).reportDamage("rot"))
        try expectRebuilt(cluster, learner)
    }

    /// A state that cannot be opened any more, its node having been killed or stopped, is rebuilt; the node's log and vote are sound. What the others wrote
    /// meanwhile, and a log that was cut, make no difference, nor who led.
    @Test func aStateThatCannotBeOpenedIsRebuilt() throws {
        let (cluster, _, _) = try filled(records: 20, bytes: 900_000, retained: 1)
        let learner = NodeID(4)
        try cluster.add(learner, incarnation: 4, at: try cluster.leader())
        try cluster.start(learner, membership: .empty)
        try cluster.wait("the learner to catch up") { try cluster.records(learner) == 21 }
        var records = 21
        for node in [try cluster.leader(), NodeID(1), NodeID(2), NodeID(3), learner] {
            try cluster.wait("the log to be cut") { cluster.base(node) > LogIndex(5) }
            cluster.stop(node)
            let next = try cluster.leader()
            try cluster.apply(try cluster.put("after\(records)", bytes: 900_000, at: next), at: next)
            records += 1
            let found = try #require(Glob.files("\(cluster.folder)/\(node)/state/g-*/checkpoint").first)
            #expect(unlink(found) == 0)
            try cluster.start(node)
            try expectRebuilt(cluster, node)
            #expect(try cluster.records(node) == records)
            #expect(cluster.repairs.texts.contains { $0.hasPrefix("\(node): damaged(\"it cannot be opened") }, "\(cluster.repairs.texts)")
        }
    }

    /// A checkpoint reads what no entry and no reader does.
    @Test func rotThatACheckpointMeetsIsMended() throws {
        let (cluster, leader, follower) = try filled()
        let learner = NodeID(4)
        try cluster.add(learner, incarnation: 4, at: leader)
        try cluster.wait("the membership to be applied") {
            try cluster.stores[follower]?.withReadView { view throws(StoreError) in try view.membership() }.members.count == 4
        }
        let membership = try #require(try cluster.stores[follower]?.withReadView { view throws(StoreError) in try view.membership() })
        #expect(try cluster.rot(membership.encoded(), at: follower) > 0)
        try cluster.apply(try cluster.put("after", at: leader), at: leader)
        try cluster.wait("the damage to be found") { cluster.repairs.texts.contains { $0.hasPrefix("\(follower): damaged") } }
        try expectRebuilt(cluster, follower)
        #expect(try cluster.records(follower) == 22)
        #expect(cluster.repairs.texts.contains { $0.hasPrefix("\(follower): damaged") && $0.contains("meta/membership") }, "\(cluster.repairs.texts)")
    }

    /// Its voters' states are all lost but one, one after the other in one stop: the one that is left rebuilds them, and nothing acknowledged is lost.
    @Test func oneStateThatIsLeftRebuildsTheOthers() throws {
        let (cluster, _, _) = try filled()
        for store in cluster.stores.values { try store.checkpoint() }
        cluster.stopAll()
        for node in [NodeID(1), NodeID(3)] { for path in Glob.files("\(cluster.folder)/\(node)/state/g-*/data.mdb") { #expect(unlink(path) == 0) } }
        for node in 1...3 { try cluster.start(NodeID(UInt32(node))) }
        for node in [NodeID(1), NodeID(3)] {
            try expectRebuilt(cluster, node)
            #expect(try cluster.records(node) == 21)
        }
    }

    /// As long as nobody can rebuild it, a damaged follower takes entries up to a bound of bytes, and the cluster goes on without it.
    @Test func theLogOfADamagedNodeDoesNotGrowWithoutEnd() throws {
        let (cluster, leader, follower) = try filled(retained: 500_000)
        cluster.network.loseSnapshots(true)
        #expect(try #require(cluster.replicas[follower]).reportDamage("rot"))
        for i in 0..<60 { try cluster.apply(try cluster.put("w\(i)", bytes: 100_000, at: leader), at: leader) }
        let (last, bound) = (try cluster.status(leader).raft.lastIndex, LogIndex(UInt64(2_100_000 / 100_000)))
        let reached = try cluster.status(follower).raft.lastIndex
        #expect(reached < last && last.rawValue - reached.rawValue > 60 - bound.rawValue - 2, "\(reached) of \(last)")
        // It votes, and follows the leader.
        #expect(try cluster.status(follower).raft.leader == leader)
        cluster.network.loseSnapshots(false)
        try expectRebuilt(cluster, follower)
        #expect(try cluster.records(follower) == 81)
    }

    /// With nobody to rebuild it from, what is sound goes on being served.
    @Test func aSingleNodeIsNotTakenOutOfService() throws {
        let cluster = try ReplicaCluster(voters: 1)
        try cluster.startAll()
        let leader = try cluster.leader()
        try cluster.makeWorld(at: leader)
        #expect(try !#require(cluster.replicas[leader]).reportDamage("rot"))
        try cluster.passBarrier(at: leader)
        #expect(cluster.stores[leader]?.damage == nil)
    }

    @Test func oneAfterAnotherIsAskedWithPausesThatGrow() {
        var repair = Repair(pauseMilliseconds: 100)
        let others = [NodeID(1), NodeID(2), NodeID(3)]
        var asked: [(UInt64, NodeID)] = []
        func at(_ milliseconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: milliseconds * 1_000_000) }
        for ms in stride(from: UInt64(1_000), to: 10_000, by: 10) {
            if ms == 1_100 { repair.begin() }
            if let node = repair.whom(at(ms), heardAt: at(0), leader: NodeID(2), others: others) { asked.append((ms, node)) }
        }
        #expect(asked.map(\.0) == [1_100, 1_200, 1_400, 1_800, 2_600, 4_200, 5_800, 7_400, 9_000])
        #expect(asked.map(\.1.rawValue) == [2, 1, 3, 2, 1, 3, 2, 1, 3])
        // Not while a transfer goes on, not when it is over, and nobody where there is nobody.
        #expect(repair.whom(at(20_000), heardAt: at(19_950), leader: .none, others: others) == nil)
        #expect(repair.whom(at(20_100), heardAt: at(19_950), leader: .none, others: []) == nil)
        #expect(repair.whom(at(20_100), heardAt: at(19_950), leader: .none, others: others) != nil)
        repair.end()
        #expect(repair.whom(at(90_000), heardAt: at(0), leader: NodeID(2), others: others) == nil)
    }
}

enum Glob {
    /// The paths that fit the pattern, sorted.
    static func files(_ pattern: String) -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap { found.gl_pathv[$0].map { String(cString: $0) } }
    }
}

extension ReplicaCluster {
    /// Turns one bit of every copy of the text in the node's data file, as a bad sector would.
    func rot(_ text: String, at node: NodeID) throws -> Int { try rot(Array(text.utf8), at: node) }

    func rot(_ wanted: [UInt8], at node: NodeID) throws -> Int {
        let store = try #require(stores[node])
        try store.checkpoint()
        let generation = try bytes("\(store.directory)/current").prefix { $0 != UInt8(ascii: "\n") }
        let path = "\(store.directory)/g-\(String(decoding: generation, as: UTF8.self))/data.mdb"
        let all = try bytes(path)
        let file = open(path, O_WRONLY | O_CLOEXEC)
        defer { close(file) }
        var count = 0
        for place in 0..<max(0, all.count - wanted.count) where all[place] == wanted[0] && all[place..<place + wanted.count].elementsEqual(wanted) {
            var byte = all[place] ^ 1
            count += pwrite(file, &byte, 1, off_t(place))
        }
        return count
    }

    private func bytes(_ path: String) throws -> [UInt8] {
        try SystemDisk.shared.open(path, .read).read(512 << 20, at: 0)
    }

    /// Whether the stored bytes are what was written.
    func isSound(_ node: NodeID) throws -> Bool {
        let found = try #require(stores[node]).withReadView { view throws(StoreError) in try view.rescan() }
        return try #require(found).allSatisfy(\.isSound)
    }

    func status(_ node: NodeID) throws -> ReplicaStatus {
        let answer = Mailbox<ReplicaStatus>()
        try #require(replicas[node]).status { answer.post($0) }
        return try #require(answer.take(atMostNanoseconds: 5_000_000_000)?.first)
    }
}
