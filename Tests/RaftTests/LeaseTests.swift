import Core
import Testing

@testable import Raft

/// Read leases, one rule at a time. Times are milliseconds; promises last 500, leases 400.
@Suite struct LeaseTests {
    /// A leader of three voters and a learner that reads by leases, its first entry committed and all caught up.
    func leader(voters: Int = 3) -> OneCore {
        var one = OneCore(voters: voters, learners: 1, mode: .lease)
        one.lead()
        for other in 2...UInt32(voters + 1) { one.hear(other, 1, .appendAccepted(match: LogIndex(1))) }
        return one
    }

    /// The stamp of the heartbeats that the next ticks bring.
    func beat(_ one: inout OneCore) -> UInt64 {
        for _ in 0..<2 {
            one.tick(1)
            for message in one.sent { if case let .heartbeat(_, _, stamp) = message.body { return stamp } }
        }
        return 0
    }

    func grant(_ one: OneCore) -> UInt64? {
        for message in one.sent { if case let .leaseGranted(_, nanoseconds, _) = message.body { return nanoseconds / 1_000_000 } }
        return nil
    }

    // MARK: The leader

    @Test func aLeaseNeedsTheQuorumsPromiseAndEndsWithIt() {
        var one = leader()
        one.hear(4, 1, .leaseRequest(nonce: 1))
        #expect(grant(one) == nil, "nobody has promised")
        let stamp = beat(&one)
        #expect(stamp == one.clock * 1_000_000)
        one.hear(4, 1, .heartbeatReply(context: 0, stamp: stamp))
        one.hear(4, 1, .leaseRequest(nonce: 1))
        #expect(grant(one) == nil, "a learner's word is no promise")
        one.hear(2, 1, .heartbeatReply(context: 0, stamp: stamp))
        one.hear(4, 1, .leaseRequest(nonce: 1))
        #expect(grant(one) == 400)
        one.clock += 200
        one.hear(4, 1, .leaseRequest(nonce: 2))
        #expect(grant(one) == 297, "what is left of 500 from when the heartbeat was sent, less 1 %")
        one.clock += 300
        one.hear(4, 1, .leaseRequest(nonce: 3))
        #expect(grant(one) == nil)
    }

    @Test func answersToOtherHeartbeatsAreNoPromise() {
        var one = leader()
        let stamp = beat(&one)
        one.hear(2, 1, .heartbeatReply(context: 0, stamp: stamp + 1))
        one.hear(3, 1, .heartbeatReply(context: 0, stamp: .max))
        one.hear(4, 1, .leaseRequest(nonce: 1))
        #expect(grant(one) == nil)
    }

    @Test func inAJointMembershipBothGroupsPromise() {
        let ids = (1...5).map { n($0) }
        let joint = Membership(members: ids.map { testMember($0) }, voters: [n(1), n(4), n(5)], outgoingVoters: [n(1), n(2), n(3)], readMode: .lease)
        #expect(joint.quorumValue { $0 <= n(3) ? 9 : 0 } == 0 && joint.quorumValue { $0 == n(3) || $0 == n(5) ? 0 : 9 } == 9)
    }

    @Test func theFenceWaitsForEveryHolderAndEndsWithItsLease() {
        var one = leader()
        let stamp = beat(&one)
        one.hear(2, 1, .heartbeatReply(context: 0, stamp: stamp))
        one.hear(4, 1, .leaseRequest(nonce: 1))
        one.step(.propose([Proposal(id: ProposalID(1), payload: [])]))
        one.persist()
        one.hear(2, 1, .appendAccepted(match: LogIndex(2)))
        #expect(one.core.commitIndex == LogIndex(1))
        var other = one
        other.hear(4, 1, .appendAccepted(match: LogIndex(2)))
        #expect(other.core.commitIndex == LogIndex(2) && other.applied == [2])
        // It does not come. What the log had when it was granted it has; what it had when that was renewed it has not: no more then.
        one.clock += 100
        one.hear(4, 1, .leaseRequest(nonce: 2))
        #expect(grant(one) == 396)
        one.clock += 100
        one.hear(4, 1, .leaseRequest(nonce: 3))
        #expect(grant(one) == nil)
        one.clock += 199
        one.tick(1)
        #expect(one.core.commitIndex == LogIndex(1), "399 after the renewal")
        one.tick(1)
        #expect(one.core.commitIndex == LogIndex(2))
    }

    /// Otherwise two that lag could take turns, and writers would wait for ever.
    @Test func whoLacksWhatIsWaitedForIsGrantedNothingAnew() {
        var one = leader()
        let stamp = beat(&one)
        one.hear(2, 1, .heartbeatReply(context: 0, stamp: stamp))
        one.hear(4, 1, .leaseRequest(nonce: 1))
        one.step(.propose([Proposal(id: ProposalID(1), payload: [])]))
        one.persist()
        one.hear(2, 1, .appendAccepted(match: LogIndex(2)))
        #expect(one.core.commitIndex == LogIndex(1))
        // The lease has ended, and the tick that sees it has not come.
        one.clock += 410
        one.hear(4, 1, .leaseRequest(nonce: 2))
        #expect(grant(one) == nil)
        one.tick(1)
        #expect(one.core.commitIndex == LogIndex(2))
    }

    @Test func beforeTheFirstCommitOfItsTermNobodyGrants() {
        var one = OneCore(learners: 1, mode: .lease)
        one.lead()
        one.hear(4, 1, .appendAccepted(match: LogIndex(1)))
        let stamp = beat(&one)
        one.hear(2, 1, .heartbeatReply(context: 0, stamp: stamp))
        one.hear(4, 1, .leaseRequest(nonce: 1))
        #expect(stamp > 0 && grant(one) == nil)
    }

    @Test func inReadIndexModeNobodyPromisesOrGrants() {
        var one = OneCore(learners: 1)
        one.lead()
        one.hear(2, 1, .appendAccepted(match: LogIndex(1)))
        one.hear(4, 1, .appendAccepted(match: LogIndex(1)))
        #expect(beat(&one) == 0)
        one.hear(2, 1, .heartbeatReply(context: 0))
        one.hear(4, 1, .leaseRequest(nonce: 1))
        #expect(grant(one) == nil)
    }

    /// What was released for a transfer that failed counts no more, neither for the leader nor for the voters.
    @Test func promisesThatWereReleasedAreNotUsedAgain() {
        var one = leader()
        let stamp = beat(&one)
        one.hear(2, 1, .heartbeatReply(context: 0, stamp: stamp))
        one.step(.transferLeadership(ProposalID(1), to: n(3)))
        #expect(one.sent.contains { $0.body == .timeoutNow(released: stamp) })
        #expect(beat(&one) == 0)
        for _ in 0..<10 {
            one.tick(1)
            one.hear(2, 1, .heartbeatReply(context: 0, stamp: stamp))
        }
        #expect(one.core.handover == nil && one.core.role == .leader)
        one.hear(4, 1, .heartbeatReply(context: 0))
        one.hear(4, 1, .leaseRequest(nonce: 1))
        #expect(grant(one) == nil)
        let next = beat(&one)
        one.hear(2, 1, .heartbeatReply(context: 0, stamp: next))
        one.hear(4, 1, .leaseRequest(nonce: 2))
        #expect(next > stamp && grant(one) == 400)
        // The election that the failed transfer may still bring is not heard: the leader has given its word anew.
        one.hear(3, 2, .vote(last: at(9, 1), transfer: true, released: stamp))
        #expect(one.core.role == .leader && one.core.term == Term(1))
    }

    /// A lease from before a joint change has the old voters' promises alone: the change waits.
    @Test func aJointChangeIsNotFinishedWhileALeaseOutlivesThePromises() {
        var one = leader()
        let stamp = beat(&one)
        one.hear(2, 1, .heartbeatReply(context: 0, stamp: stamp))
        one.hear(4, 1, .leaseRequest(nonce: 1))
        one.step(.proposeMembership(ProposalID(1), Membership(members: one.core.membership.members, voters: [n(4)], readMode: .lease)))
        one.persist()
        for other in 2...UInt32(4) { one.hear(other, 1, .appendAccepted(match: LogIndex(2))) }
        #expect(one.core.commitIndex == LogIndex(2) && one.core.membership.isJoint)
        // The new voter promises too.
        let next = beat(&one)
        for other in 2...UInt32(4) { one.hear(other, 1, .heartbeatReply(context: 0, stamp: next)) }
        one.tick(1)
        #expect(!one.core.membership.isJoint)
    }

    // MARK: The voter

    func follower() -> OneCore {
        var one = OneCore(2, mode: .lease)
        one.hear(1, 1, .heartbeat(commit: LogIndex(0), context: 0, stamp: 77))
        one.persist()
        return one
    }

    @Test func whoPromisedNeitherVotesNorCampaignsForALittleLongerThanItSaid() {
        var one = follower()
        #expect(one.core.promise.until == (one.clock + 505) * 1_000_000)
        one.clock += 504
        for _ in 0..<40 {
            one.clock -= 100
            one.step(.tick(wallMilliseconds: 1))
        }
        #expect(one.core.role == .follower && one.core.term == Term(1))
        one.hear(3, 2, .preVote(last: at(9, 1)))
        one.hear(3, 2, .vote(last: at(9, 1), transfer: false))
        #expect(one.effects.isEmpty)
        one.clock = 10_505
        one.hear(3, 2, .vote(last: at(9, 1), transfer: false))
        #expect(one.waiting.map(\.body) == [.voteReply(granted: true)])
    }

    @Test func aTransferIsHeardIfThePromiseIsReleased() {
        var one = follower()
        one.hear(3, 2, .vote(last: at(9, 1), transfer: true, released: 76))
        #expect(one.effects.isEmpty && one.core.term == Term(1))
        var other = one
        other.hear(3, 2, .vote(last: at(9, 1), transfer: true, released: 77))
        #expect(other.waiting.map(\.body) == [.voteReply(granted: true)])
        one.hear(1, 1, .timeoutNow(released: 76))
        #expect(one.core.role == .follower)
        one.hear(1, 1, .timeoutNow(released: 77))
        #expect(one.core.role == .candidate)
    }

    @Test func whoWasAwayWaitsForWhatItMayHavePromised() {
        var one = OneCore(hardState: HardState(term: Term(5)))
        one.clock = 504
        one.hear(3, 6, .vote(last: .zero, transfer: true, released: .max))
        #expect(one.effects.isEmpty)
        one.clock = 505
        one.hear(3, 6, .vote(last: .zero, transfer: false))
        #expect(one.waiting.map(\.body) == [.voteReply(granted: true)])
    }

    @Test func aLeaderThatStepsDownKeepsItsOwnPromise() {
        var one = leader()
        #expect(beat(&one) > 0)
        one.hear(2, 2, .heartbeatReply(context: 0))
        #expect(one.core.role == .follower)
        one.persist()
        one.clock += 499
        one.hear(3, 3, .vote(last: at(9, 1), transfer: false))
        #expect(one.effects.isEmpty)
        one.clock += 1
        one.hear(3, 3, .vote(last: at(9, 1), transfer: false))
        #expect(one.waiting.map(\.body) == [.voteReply(granted: true)])
    }

    // MARK: The holder

    func holder() -> (OneCore, nonce: UInt64) {
        var one = OneCore(4, learners: 1, mode: .lease) { $0.wantsLease = true }
        one.hear(1, 1, .append(previous: .zero, entries: [entry(1, 1), entry(2, 1)], commit: LogIndex(1)))
        one.persist()
        one.tick(1)
        guard case let .leaseRequest(nonce)? = one.sent.first(where: { $0.to == n(1) })?.body else { return (one, 0) }
        return (one, nonce)
    }

    @Test func aLeaseCountsFromWhenItWasAskedFor() {
        var (one, nonce) = holder()
        let asked = one.clock
        one.clock += 50
        one.hear(1, 1, .leaseGranted(nonce: nonce, nanoseconds: 400_000_000, index: LogIndex(1)))
        let lease = one.core.readLease
        #expect(one.effects.first == .leaseChanged(lease) && lease.validUntil == (asked + 400) * 1_000_000)
        #expect(lease.receivedIndex == LogIndex(2) && lease.grantedIndex == LogIndex(1))
        func permits(_ snapshot: UInt64, _ taken: UInt64, _ now: UInt64, _ touched: LogIndex? = nil) -> Bool {
            lease.permits(snapshotIndex: LogIndex(snapshot), touchedIndex: touched, takenAt: (asked + taken) * 1_000_000, now: (asked + now) * 1_000_000)
        }
        #expect(permits(2, 50, 399) && !permits(2, 49, 60) && !permits(2, 50, 400) && !permits(1, 50, 60))
        #expect(permits(1, 50, 60, LogIndex(1)) && !permits(0, 50, 60, LogIndex(0)))
        #expect(!ReadLease.none.permits(snapshotIndex: LogIndex(9), takenAt: 0, now: 0))
    }

    /// A node that begins again has acknowledged all of its log, perhaps: the leader waits for it no more before it commits that (`kho-sim --seed 50 --events
    /// 10000 --faults loss,partition,stop --haste 10 --leases` at 68861d9).
    @Test func whatAnEarlierLifeHasAcknowledgedIsReceived() {
        var one = OneCore(4, learners: 1, mode: .lease, hardState: HardState(term: Term(1)), entries: [1, 1, 1]) { $0.wantsLease = true }
        one.hear(1, 1, .heartbeat(commit: LogIndex(0), context: 0))
        one.tick(1)
        guard case let .leaseRequest(nonce)? = one.sent.first(where: { $0.to == n(1) })?.body else { return #expect(Bool(false), "\(one.sent)") }
        one.hear(1, 1, .leaseGranted(nonce: nonce, nanoseconds: 400_000_000, index: LogIndex(0)))
        let lease = one.core.readLease
        #expect(lease.validUntil > 0 && lease.receivedIndex == LogIndex(3))
        #expect(!lease.permits(snapshotIndex: LogIndex(0), takenAt: lease.heldSince, now: lease.heldSince))
    }

    @Test func onlyAnAnswerToARequestIsALease() {
        var (one, nonce) = holder()
        one.hear(1, 1, .leaseGranted(nonce: nonce &+ 1, nanoseconds: 400_000_000, index: LogIndex(1)))
        one.hear(1, 1, .leaseGranted(nonce: nonce &- 1, nanoseconds: 400_000_000, index: LogIndex(1)))
        one.hear(2, 1, .leaseGranted(nonce: nonce, nanoseconds: 400_000_000, index: LogIndex(1)))
        one.hear(1, 1, .leaseGranted(nonce: nonce, nanoseconds: 400_000_001, index: LogIndex(1)))
        one.hear(1, 1, .leaseGranted(nonce: nonce, nanoseconds: 400_000_000, index: LogIndex(3)))
        #expect(one.core.readLease == .none)
        one.clock += 400
        one.hear(1, 1, .leaseGranted(nonce: nonce, nanoseconds: 400_000_000, index: LogIndex(1)))
        #expect(one.core.readLease == .none, "it came too late")
    }

    @Test func aRenewalKeepsTheBeginningAndAGapBeginsAnew() {
        var (one, nonce) = holder()
        one.hear(1, 1, .leaseGranted(nonce: nonce, nanoseconds: 400_000_000, index: LogIndex(1)))
        let first = one.core.readLease
        // Half a tick at a time, until it asks again.
        while one.core.leaseNonce == nonce {
            one.step(.tick(wallMilliseconds: 1))
            one.clock -= 50
        }
        one.hear(1, 1, .leaseGranted(nonce: one.core.leaseNonce, nanoseconds: 400_000_000, index: LogIndex(2)))
        #expect(one.core.readLease.heldSince == first.heldSince && one.core.readLease.grantedIndex == LogIndex(1))
        #expect(one.core.readLease.validUntil > first.validUntil)
    }

    @Test func anotherLeaderEndsIt() {
        var (one, nonce) = holder()
        one.hear(1, 1, .leaseGranted(nonce: nonce, nanoseconds: 400_000_000, index: LogIndex(1)))
        one.hear(3, 2, .heartbeat(commit: LogIndex(0), context: 0))
        #expect(one.core.readLease == .none && one.effects.contains(.leaseChanged(.none)))
    }

    /// What a holder has received is known to its readers before the acknowledgement can leave.
    @Test func readersKnowWhatWasReceivedBeforeTheLeaderDoes() {
        var (one, nonce) = holder()
        one.hear(1, 1, .leaseGranted(nonce: nonce, nanoseconds: 400_000_000, index: LogIndex(1)))
        one.hear(1, 1, .append(previous: at(2, 1), entries: [entry(3, 1)], commit: LogIndex(1)))
        guard case let .leaseChanged(lease)? = one.effects.first else { return #expect(Bool(false), "\(one.effects)") }
        #expect(lease.receivedIndex == LogIndex(3) && one.waiting.map(\.body) == [.appendAccepted(match: LogIndex(3))])
    }
}
