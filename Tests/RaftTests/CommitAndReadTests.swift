import Core
import Testing

@testable import Raft

/// What has gone wrong in other implementations: commit, reads, membership, snapshots, flow.
@Suite struct CommitAndReadTests {
    // MARK: Commit

    @Test(arguments: [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (6, 3), (7, 3)])
    func aMajorityCommits(voters: Int, others: Int) {
        var one = OneCore(voters: voters)
        one.lead()
        for other in 0..<others {
            #expect(one.core.commitIndex == LogIndex(0))
            one.hear(UInt32(other) + 2, 1, .appendAccepted(match: LogIndex(1)))
        }
        #expect(one.core.commitIndex == LogIndex(1), "\(voters) voters, \(others) others and the leader")
    }

    /// In a joint configuration both majorities, not one of the union.
    @Test func aJointQuorumIsBothMajorities() {
        let ids = (1...6).map { n($0) }
        let joint = Membership(members: ids.map { testMember($0) }, voters: [n(4), n(5), n(6)], outgoingVoters: [n(1), n(2), n(3)])
        #expect(!joint.isQuorum { $0 <= n(4) })
        #expect(joint.isQuorum { [n(1), n(2), n(4), n(5)].contains($0) })
        #expect(joint.quorumIndex { LogIndex($0 <= n(3) ? 9 : $0 == n(4) ? 9 : 2) } == LogIndex(2))
        #expect(!Membership.empty.isQuorum { _ in true } && Membership.empty.quorumIndex { _ in LogIndex(9) } == LogIndex(0))
    }

    @Test func anOlderTermIsNotCommittedByCounting() {
        var one = OneCore(hardState: HardState(term: Term(2)), entries: [1, 2])
        one.lead()
        one.hear(2, 3, .appendAccepted(match: LogIndex(2)))
        one.hear(3, 3, .appendAccepted(match: LogIndex(2)))
        #expect(one.core.commitIndex == LogIndex(0))
        one.hear(2, 3, .appendAccepted(match: LogIndex(3)))
        #expect(one.core.commitIndex == LogIndex(3) && one.applied == [1, 2, 3])
    }

    @Test func aFollowerCommitsOnlyWhatWasComparedWithItsLeader() {
        var one = OneCore(entries: [1, 1, 1])
        // Its entries 2 and 3 may be another leader's.
        one.hear(2, 2, .append(previous: at(1, 1), entries: [], commit: LogIndex(3)))
        #expect(one.core.commitIndex == LogIndex(1))
        one.hear(2, 2, .heartbeat(commit: LogIndex(3), context: 0))
        #expect(one.core.commitIndex == LogIndex(1))
        one.hear(2, 2, .append(previous: at(1, 1), entries: [entry(2, 2)], commit: LogIndex(9)))
        #expect(one.core.commitIndex == LogIndex(2))
        // Never back.
        one.hear(2, 2, .append(previous: at(2, 2), entries: [], commit: LogIndex(1)))
        #expect(one.core.commitIndex == LogIndex(2))
    }

    @Test func theLeaderCountsItselfWhenItsDiskHasIt() {
        var one = OneCore(voters: 2)
        one.lead()
        one.hear(2, 1, .appendAccepted(match: LogIndex(1)))
        one.step(.propose([Proposal(id: ProposalID(1), payload: [])]))
        #expect(one.sent.count == 1)
        one.hear(2, 1, .appendAccepted(match: LogIndex(2)))
        #expect(one.core.commitIndex == LogIndex(1))
        one.persist()
        #expect(one.core.commitIndex == LogIndex(2))
    }

    // MARK: Reads

    /// A leader of three with its first entry committed.
    func leader(learners: Int = 0, change: (inout RaftConfiguration) -> Void = { _ in }) -> OneCore {
        var one = OneCore(learners: learners, change: change)
        one.lead()
        one.hear(2, 1, .appendAccepted(match: LogIndex(1)))
        return one
    }

    @Test func noReadBeforeTheFirstCommitOfTheTerm() {
        var one = OneCore()
        one.lead()
        one.step(.read(ReadID(1)))
        #expect(one.sent.isEmpty)
        one.hear(2, 1, .heartbeatReply(context: 1))
        #expect(!one.effects.contains(.readReady(ReadID(1), LogIndex(0))))
        one.hear(2, 1, .appendAccepted(match: LogIndex(1)))
        one.hear(2, 1, .heartbeatReply(context: 1))
        #expect(one.effects.contains(.readReady(ReadID(1), LogIndex(1))))
    }

    @Test func everyRoundHasItsOwnContext() {
        var one = leader(learners: 1)
        one.step(.read(ReadID(1)))
        one.step(.read(ReadID(2)))
        one.hear(4, 1, .heartbeatReply(context: 1))
        #expect(one.effects.isEmpty, "a learner's word makes no quorum")
        one.hear(2, 1, .heartbeatReply(context: 1))
        #expect(one.effects.first == .readReady(ReadID(1), LogIndex(1)))
        one.hear(3, 1, .heartbeatReply(context: 1))
        #expect(one.effects.isEmpty)
        one.hear(3, 1, .heartbeatReply(context: 2))
        #expect(one.effects == [.readReady(ReadID(2), LogIndex(1))])
    }

    /// Rounds that follow one another ask only as many as they need, the first to answer; each 64th asks everybody, who may be faster by now.
    @Test func aRoundAsksWhoAnsweredTheOneBefore() {
        var one = OneCore(voters: 5)
        one.lead()
        for voter in 2...3 { one.hear(UInt32(voter), 1, .appendAccepted(match: LogIndex(1))) }
        for round in 1...130 {
            one.step(.read(ReadID(UInt64(round))))
            let asked = one.sent.filter { if case .heartbeat = $0.body { true } else { false } }.map(\.to.rawValue)
            #expect(asked == (round == 1 || round % 64 == 0 ? [2, 3, 4, 5] : round < 64 ? [3, 5] : [2, 4]), "round \(round)")
            // Who answers first, where all are asked.
            let answering: [UInt32] = round == 1 ? [5, 3] : round % 64 == 0 ? [4, 2] : asked
            for voter in answering { one.hear(voter, 1, .heartbeatReply(context: UInt64(round))) }
            #expect(one.effects.contains(.readReady(ReadID(UInt64(round)), LogIndex(1))))
        }
    }

    @Test func aDeposedLeaderAnswersNobody() {
        var one = leader()
        one.step(.read(ReadID(1)))
        one.hear(3, 1, .readRequest(ReadID(5)))
        one.hear(2, 2, .heartbeat(commit: LogIndex(0), context: 0))
        #expect(one.effects.contains(.readFailed(ReadID(1), .noQuorum)))
        #expect(one.waiting.contains { $0.body == .readRefused(ReadID(5), .noQuorum) })
        one.hear(3, 1, .heartbeatReply(context: 1))
        #expect(one.effects.isEmpty)
    }

    @Test func aLateAnswerOfAnotherTermOrLifeIsNone() {
        var one = OneCore(2)
        one.hear(1, 1, .heartbeat(commit: LogIndex(0), context: 0))
        one.persist()
        one.step(.read(ReadID(1)))
        guard case let .readRequest(wire)? = one.sent.first?.body else { return #expect(Bool(false), "no request") }
        one.hear(3, 2, .heartbeat(commit: LogIndex(0), context: 0))
        #expect(one.effects.contains(.readFailed(ReadID(1), .noQuorum)))
        one.hear(1, 1, .readReply(wire, LogIndex(1)))
        #expect(one.effects.isEmpty)
        // Another life, with another seed, numbers its reads elsewhere.
        var again = OneCore(2) { $0.seed = 2 }
        again.hear(1, 1, .heartbeat(commit: LogIndex(0), context: 0))
        again.persist()
        again.step(.read(ReadID(1)))
        again.hear(1, 1, .readReply(wire, LogIndex(1)))
        #expect(again.effects.isEmpty)
    }

    @Test func readsAreBounded() {
        var one = leader { $0.waitingReadsMax = 2 }
        for id in 1...3 { one.step(.read(ReadID(UInt64(id)))) }
        #expect(one.effects == [.readFailed(ReadID(3), .busy)])
        one.hear(2, 1, .readRequest(ReadID(9)))
        #expect(one.sent.map(\.body) == [.readRefused(ReadID(9), .busy)])
        // Nothing leaks: when they have ended there is room again.
        one.tick(20)
        #expect(one.core.reads.count == 0 && one.core.role == .follower)
    }

    @Test func forwardedReadsEndOnce() {
        var reads = ForwardedReads(nonce: 99)
        let wires = (0..<3_000).map { reads.add(ReadID(UInt64($0)), deadline: $0) }
        for place in stride(from: 0, to: 3_000, by: 2) { #expect(reads.finish(wires[place]) == ReadID(UInt64(place))) }
        #expect(reads.expire(now: 1_000).count == 500)
        #expect(reads.finish(wires[999]) == nil && reads.finish(wires[1_001]) == ReadID(1_001) && reads.finish(wires[1_001]) == nil)
        #expect(reads.removeAll().count == 999 && reads.count == 0)
        #expect(wires.allSatisfy { reads.finish($0) == nil })
    }

    // MARK: Membership

    @Test func aChangeWaitsForACommitOfTheTermAndForTheOneBefore() {
        var one = OneCore()
        let next = testMembership(voters: 3).adding(learner: testMember(n(4)))
        one.step(.proposeMembership(ProposalID(1), next))
        #expect(one.effects == [.refused(ProposalID(1), .notLeader)])
        one.lead()
        one.step(.proposeMembership(ProposalID(1), next))
        #expect(one.effects == [.refused(ProposalID(1), .membershipPending)])
        one.hear(2, 1, .appendAccepted(match: LogIndex(1)))
        one.step(.proposeMembership(ProposalID(1), next))
        #expect(one.effects.contains(.accepted(ProposalID(1), at(2, 1))) && one.effects.first == .membershipChanged(next))
        one.step(.proposeMembership(ProposalID(2), testMembership(voters: 3)))
        #expect(one.effects == [.refused(ProposalID(2), .membershipPending)])
    }

    @Test func onlySingleStepsAreTaken() {
        let old = testMembership(voters: 3, learners: 1)
        var moved = testMember(n(2))
        moved.adminAddress = "elsewhere:1"
        var reborn = testMember(n(2))
        reborn.incarnation = Incarnation(7)
        var long = testMember(n(4))
        long.peerAddress = String(repeating: "x", count: Limits.nameBytes + 1)
        func with(_ member: Membership.Member) -> Membership {
            Membership(members: old.members.filter { $0.id != member.id } + [member], voters: old.voters)
        }
        #expect(old.isSingleStep(to: with(moved)))
        #expect(old.isSingleStep(to: testMembership(voters: 3)))
        #expect(old.isSingleStep(to: testMembership(voters: 3, learners: 2)))
        #expect(!old.isSingleStep(to: old))
        #expect(!old.isSingleStep(to: testMembership(voters: 3, learners: 3)))
        #expect(!old.isSingleStep(to: testMembership(voters: 4)))
        #expect(!old.isSingleStep(to: testMembership(voters: 2, learners: 2)))
        #expect(old.isSingleStep(to: old.reading(.lease)) && !old.isSingleStep(to: old.reading(.lease).removing(n(4))))
        // A number is not given twice.
        #expect(!old.removing(n(4)).isSingleStep(to: old) && old.removing(n(4)).nextID == n(5))
        #expect(!old.isSingleStep(to: with(reborn)))
        #expect(!old.isSingleStep(to: with(long)))
        #expect(!old.isSingleStep(to: Membership(members: old.members + [testMember(n(4))], voters: old.voters)))
        #expect(!old.isSingleStep(to: Membership(members: old.members, voters: [])))
    }

    @Test func aMembershipThatIsTruncatedRollsBack() {
        var one = OneCore(4, learners: 1)
        let next = testMembership(voters: 3, learners: 2)
        one.hear(2, 1, .append(previous: .zero, entries: [entry(1, 1), entry(2, 1, .membership, next.encoded())], commit: LogIndex(1)))
        #expect(one.core.membership == next && one.effects.first == .membershipChanged(next))
        one.hear(3, 2, .append(previous: at(1, 1), entries: [entry(2, 2)], commit: LogIndex(1)))
        #expect(one.core.membership == testMembership(voters: 3, learners: 1) && one.core.membershipIndex == LogIndex(0))
        #expect(one.effects.first == .membershipChanged(testMembership(voters: 3, learners: 1)))
    }

    // MARK: Snapshots

    @Test func aSnapshotSetsEverythingAtOnce() {
        var one = OneCore(4, learners: 1, entries: [1, 1])
        one.hear(2, 3, .heartbeat(commit: LogIndex(0), context: 0))
        one.persist()
        let membership = testMembership(voters: 3, learners: 2)
        #expect(one.core.needsSnapshot(at: at(9, 3)) && !one.core.needsSnapshot(at: at(2, 1)))
        one.step(.snapshotInstalled(InstalledSnapshot(position: at(9, 3), time: LogTime(milliseconds: 5), membership: membership, membershipIndex: LogIndex(4))))
        #expect(one.sent.map(\.body) == [.appendAccepted(match: LogIndex(9))])
        #expect(one.core.last == at(9, 3) && one.core.commitIndex == LogIndex(9) && one.core.membership == membership && one.core.membershipIndex == LogIndex(4))
        // No gap: the log goes on right behind it, and what was before is not taken again.
        one.hear(2, 3, .append(previous: at(2, 1), entries: [entry(3, 1)], commit: LogIndex(9)))
        #expect(one.sent.map(\.body) == [.appendAccepted(match: LogIndex(9))])
        one.hear(2, 3, .append(previous: at(9, 3), entries: [entry(10, 3)], commit: LogIndex(10)))
        one.persist()
        #expect(one.applied == [10])
    }

    @Test func aSnapshotOfANewerTermIsATermHeardOf() {
        var one = OneCore(2)
        one.step(.snapshotInstalled(InstalledSnapshot(position: at(9, 3), time: .zero, membership: testMembership(voters: 3), membershipIndex: LogIndex(1))))
        #expect(one.core.term == Term(3) && one.appended.map(\.hardState) == [HardState(term: Term(3))])
    }

    @Test func anAcknowledgedTailStays() {
        var one = OneCore(2)
        one.hear(1, 1, .append(previous: .zero, entries: [entry(1, 1), entry(2, 1), entry(3, 1)], commit: LogIndex(0)))
        one.persist()
        one.step(.snapshotInstalled(InstalledSnapshot(position: at(2, 1), time: .zero, membership: testMembership(voters: 3), membershipIndex: LogIndex(1))))
        #expect(one.core.last == at(3, 1) && one.appended.flatMap(\.entries) == [entry(3, 1)] && one.core.durableIndex == LogIndex(2))
        one.persist()
        #expect(one.core.durableIndex == LogIndex(3))
    }

    @Test func aStateThatTookADamagedOnesPlaceGetsWhatComesAfterIt() {
        var one = OneCore(2)
        one.hear(1, 1, .append(previous: .zero, entries: [entry(1, 1), entry(2, 1), entry(3, 1), entry(4, 1)], commit: LogIndex(3)))
        one.persist()
        #expect(one.applied == [1, 2, 3])
        #expect(one.core.hasLog(at: at(2, 1)) && !one.core.hasLog(at: at(2, 2)) && !one.core.hasLog(at: at(5, 1)))
        one.step(.stateReplaced(at(2, 1)))
        #expect(one.applied == [3] && one.core.last == at(4, 1) && one.appended.isEmpty)
        // Beyond what this node knew to be committed, but in its log: another node applied it.
        one.step(.stateReplaced(at(4, 1)))
        #expect(one.applied.isEmpty && one.core.commitIndex == LogIndex(4))
        one.hear(1, 1, .append(previous: at(4, 1), entries: [entry(5, 1)], commit: LogIndex(5)))
        one.persist()
        #expect(one.applied == [5])
    }

    @Test func snapshotsAreNotSentInATightLoop() {
        var one = leader()
        one.step(.propose((1...4).map { Proposal(id: ProposalID($0), payload: []) }))
        one.persist()
        one.hear(2, 1, .appendAccepted(match: LogIndex(5)))
        one.step(.compacted(through: LogIndex(4)))
        one.step(.unreachable(n(3)))
        var asked = 0
        for _ in 0..<100 {
            one.tick(1)
            for effect in one.effects where effect == .sendSnapshot(to: n(3)) {
                asked += 1
                one.step(.snapshotFinished(to: n(3), through: at(5, 1), delivered: asked % 2 == 0))
            }
            one.hear(2, 1, .heartbeatReply(context: 0))
            one.hear(3, 1, .heartbeatReply(context: 0))
            for effect in one.effects where effect == .sendSnapshot(to: n(3)) {
                asked += 1
                one.step(.snapshotFinished(to: n(3), through: at(5, 1), delivered: false))
            }
            one.hear(3, 1, .appendRejected(previous: LogIndex(5), hint: .zero))
        }
        #expect(asked >= 2 && asked <= 11, "\(asked) snapshots in ten election timeouts")
    }

    // MARK: Flow and time

    @Test func theBoundOnUncommittedBytesDoesNotLeak() {
        var one = leader { $0.uncommittedBytesMax = 300 }
        for round in 0..<50 {
            let last = one.core.last.index
            one.step(.propose((1...3).map { Proposal(id: ProposalID($0), payload: [1]) }))
            #expect(one.core.last.index == LogIndex(last.rawValue + 3), "round \(round)")
            one.step(.propose([Proposal(id: ProposalID(9), payload: [UInt8](repeating: 1, count: 100)), Proposal(id: ProposalID(10), payload: [])]))
            #expect(one.effects.contains(.refused(ProposalID(9), .busy)))
            // Committed by the others alone: the own disk bounds it too.
            one.hear(2, 1, .appendAccepted(match: one.core.last.index))
            one.hear(3, 1, .appendAccepted(match: one.core.last.index))
            one.persist()
        }
        // One that is larger than all has room alone, one larger than a log takes never.
        one.step(.propose([Proposal(id: ProposalID(1), payload: [UInt8](repeating: 1, count: 1_000))]))
        #expect(one.effects.contains { if case .accepted = $0 { true } else { false } })
        var other = leader()
        other.step(.propose([Proposal(id: ProposalID(1), payload: [UInt8](repeating: 1, count: Limits.entryPayloadBytes + 1))]))
        #expect(other.effects == [.refused(ProposalID(1), .busy)])
    }

    @Test func logTimeNeverRunsBackAndNeverJumps() {
        var clock = LogClock(tickMilliseconds: 10)
        func stamp(_ wall: Int64, _ last: Int64, _ now: Int) -> (Int64, RaftAlarm?) {
            clock.wall = LogTime(milliseconds: wall)
            let (time, alarm) = clock.stamp(after: LogTime(milliseconds: last), now: now)
            return (time.milliseconds, alarm)
        }
        let day: Int64 = 86_400_000
        #expect(stamp(5 * day, 0, 1) == (5 * day, nil))
        #expect(stamp(5 * day + 7, 5 * day, 2) == (5 * day + 7, nil))
        #expect(stamp(5 * day - 500, 5 * day, 3) == (5 * day, nil))
        #expect(stamp(4 * day, 5 * day, 4) == (5 * day, .clockBehind(milliseconds: day)))
        #expect(stamp(6 * day, 5 * day, 5) == (5 * day + Limits.logTimeStepMilliseconds, nil))
        // Not again at once: many entries a second are no way around the bound. The next step, and the next alarm, in their time.
        #expect(stamp(6 * day, 5 * day, 400) == (5 * day, nil))
        #expect(stamp(6 * day, 5 * day, 505) == (5 * day + Limits.logTimeStepMilliseconds, nil))
        #expect(stamp(6 * day, 5 * day, 7_000) == (5 * day + Limits.logTimeStepMilliseconds, .clockAhead(milliseconds: day)))
    }

    @Test func anIdleLeaderLogsTheTime() {
        var one = leader()
        var kinds: [EntryKind] = []
        for _ in 0..<101 {
            one.tick(1, wall: 9_000)
            kinds += one.appended.flatMap(\.entries).map(\.kind)
            one.hear(2, 1, .heartbeatReply(context: 0))
        }
        #expect(kinds == [.time, .time] && one.core.log.lastTime == LogTime(milliseconds: 9_000))
    }

    @Test func aLeaderThatNobodyAnswersStepsDown() {
        var one = leader(learners: 1)
        for _ in 0..<9 {
            one.tick(1)
            one.hear(4, 1, .heartbeatReply(context: 0))
        }
        #expect(one.core.role == .leader)
        one.tick(1)
        #expect(one.core.role == .follower && one.core.followers.isEmpty)
    }
}
