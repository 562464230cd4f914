import Core
import Testing

@testable import Raft

/// Changes of voters, one rule at a time. Transcripts 17 to 22 show them at work.
@Suite struct MembershipTests {
    /// A leader of three voters and learners, with its first entry committed and everybody caught up.
    func leader(learners: Int = 1) -> OneCore {
        var one = OneCore(learners: learners) { $0.promotionEntriesMax = 2 }
        one.lead()
        for other in 2...UInt32(3 + learners) { one.hear(other, 1, .appendAccepted(match: LogIndex(1))) }
        return one
    }

    @Test func whichChangesOfVotersThereAre() {
        let old = testMembership(voters: 3, learners: 1)
        #expect(old.isChangeOfVoters(to: old.promoting(n(4))) && old.isChangeOfVoters(to: old.demoting(n(1))))
        #expect(old.isChangeOfVoters(to: old.removing(n(1))) && old.isChangeOfVoters(to: old.replacing(n(1), with: n(4))))
        #expect(old.isChangeOfVoters(to: Membership(members: [testMember(n(4))], voters: [n(4)])))
        // No voters, one that is no member, one who has not been a learner, no other voters, another directory, another way to read.
        #expect(!old.isChangeOfVoters(to: Membership(members: old.members, voters: [])))
        #expect(!old.isChangeOfVoters(to: Membership(members: old.members, voters: [n(1), n(9)])))
        #expect(!old.isChangeOfVoters(to: old.adding(learner: testMember(n(5))).promoting(n(5))))
        #expect(!old.isChangeOfVoters(to: old) && !old.isChangeOfVoters(to: old.removing(n(4))))
        #expect(!old.isChangeOfVoters(to: old.adding(learner: testMember(n(2), Incarnation(7))).promoting(n(4))))
        #expect(!old.isChangeOfVoters(to: old.promoting(n(4)).reading(.lease)))
        #expect(!old.joint(to: old.promoting(n(4))).isChangeOfVoters(to: old) && !old.isChangeOfVoters(to: old.joint(to: old.promoting(n(4)))))
    }

    @Test func aJointMembershipSaysWhereItLeads() throws {
        let old = testMembership(voters: 3, learners: 2)
        let target = old.replacing(n(1), with: n(4))
        let joint = old.joint(to: target)
        #expect(joint.members == old.members && joint.voters == [n(2), n(3), n(4)] && joint.outgoingVoters == [n(1), n(2), n(3)])
        #expect(joint.leaving == [n(1)] && joint.settled == target && old.settled == old)
        #expect(try Membership(decoding: joint.encoded()) == joint)
    }

    @Test func aVoterMustHaveCaughtUp() {
        var one = leader()
        one.step(.propose((1...4).map { Proposal(id: ProposalID($0), payload: []) }))
        one.persist()
        one.hear(2, 1, .appendAccepted(match: LogIndex(5)))
        one.step(.proposeMembership(ProposalID(9), one.core.membership.promoting(n(4))))
        #expect(one.effects == [.refused(ProposalID(9), .learnerBehind)])
        one.hear(4, 1, .appendAccepted(match: LogIndex(3)))
        one.step(.proposeMembership(ProposalID(10), one.core.membership.promoting(n(4))))
        #expect(one.effects.contains(.accepted(ProposalID(10), at(6, 1))))
    }

    /// Both majorities for the joint entry and what follows it, the new one alone for the last; one change at a time.
    @Test func theLeaderFinishesTheChange() {
        var one = leader(learners: 2)
        let target = Membership(members: one.core.membership.members, voters: [n(1), n(4), n(5)])
        one.step(.proposeMembership(ProposalID(1), target))
        one.persist()
        one.hear(4, 1, .appendAccepted(match: LogIndex(2)))
        one.hear(5, 1, .appendAccepted(match: LogIndex(2)))
        #expect(one.core.commitIndex == LogIndex(1), "the new voters alone do not commit")
        one.hear(2, 1, .appendAccepted(match: LogIndex(2)))
        #expect(one.core.commitIndex == LogIndex(2) && one.core.membership == target && one.core.membershipIndex == LogIndex(3))
        one.step(.proposeMembership(ProposalID(2), target.demoting(n(4))))
        #expect(one.effects == [.refused(ProposalID(2), .membershipPending)])
        one.persist()
        one.hear(2, 1, .appendAccepted(match: LogIndex(3)))
        #expect(one.core.commitIndex == LogIndex(2), "the old voters count no more")
        one.hear(4, 1, .appendAccepted(match: LogIndex(3)))
        #expect(one.core.commitIndex == LogIndex(3))
    }

    /// What was acknowledged by a directory that is gone does not make its successor fit to vote.
    @Test func aNewDirectoryBeginsAnew() {
        var one = leader()
        one.step(.proposeMembership(ProposalID(1), one.core.membership.adding(learner: testMember(n(4), Incarnation(7)))))
        one.persist()
        one.hear(2, 1, .appendAccepted(match: LogIndex(2)))
        #expect(one.core.progress.first { $0.id == n(4) }?.match == LogIndex(0))
        one.step(.proposeMembership(ProposalID(2), one.core.membership.promoting(n(4))))
        #expect(one.effects == [.refused(ProposalID(2), .learnerBehind)])
    }

    @Test func aJointMembershipSurvivesASnapshotAndARestart() {
        let old = testMembership(voters: 3, learners: 1)
        let joint = old.joint(to: old.replacing(n(1), with: n(4)))
        var one = OneCore(4, learners: 1)
        one.step(.snapshotInstalled(InstalledSnapshot(position: at(9, 3), time: .zero, membership: joint, membershipIndex: LogIndex(9))))
        #expect(one.core.membership == joint && one.core.role == .follower)
        var effects: [RaftEffect] = []
        let applied = InstalledSnapshot(position: at(9, 3), time: .zero, membership: joint, membershipIndex: LogIndex(9))
        let again = RaftCore(
            one.core.configuration, restored: RestoredState(hardState: one.core.hardState, applied: applied, base: at(9, 3), entries: []), at: MonotonicTime(nanoseconds: 0), into: &effects)
        #expect(again.membership == joint && again.role == .follower && effects.first == .membershipChanged(joint))
    }

    /// Who may have been voted out, by an entry of which it does not know whether it is committed, still campaigns; then no more.
    @Test func aRemovedVoterGoesOnUntilItsRemovalIsCommitted() {
        let old = testMembership(voters: 3)
        var one = OneCore(3)
        let entries = [entry(1, 1), entry(2, 1, .membership, old.joint(to: old.removing(n(3))).encoded()), entry(3, 1, .membership, old.removing(n(3)).encoded())]
        one.hear(1, 1, .append(previous: .zero, entries: entries, commit: LogIndex(2)))
        one.persist()
        #expect(one.core.role == .follower && !one.core.membership.contains(n(3)))
        var other = one
        other.hear(1, 1, .append(previous: at(3, 1), entries: [], commit: LogIndex(3)))
        #expect(other.core.role == .learner)
        other.tick(100)
        #expect(other.sent.isEmpty)
        one.tick(100)
        #expect(one.core.role == .preCandidate && !one.sent.isEmpty)
        // Its own vote does not count.
        one.hear(1, 2, .preVoteReply(granted: true))
        #expect(one.core.role == .preCandidate)
        one.hear(2, 2, .preVoteReply(granted: true))
        #expect(one.core.role == .candidate)
    }

    @Test func strangersMayBeVotersButDeposeNobody() {
        var one = OneCore()
        one.hear(9, 7, .preVote(last: at(99, 6)))
        #expect(one.sent.map(\.body) == [.preVoteReply(granted: true)])
        one.hear(9, 7, .vote(last: at(99, 6), transfer: false))
        #expect(one.waiting.map(\.body) == [.voteReply(granted: true)])
        var other = OneCore()
        other.hear(2, 3, .heartbeat(commit: LogIndex(0), context: 0))
        other.hear(9, 7, .preVote(last: at(99, 6)))
        other.hear(9, 7, .vote(last: at(99, 6), transfer: true))
        #expect(other.core.term == Term(3) && other.sent.isEmpty && other.waiting.isEmpty)
    }

    @Test func aLeaderWithoutAVoteTakesNothingNew() {
        var one = leader()
        one.step(.proposeMembership(ProposalID(1), one.core.membership.removing(n(1))))
        one.persist()
        one.hear(2, 1, .appendAccepted(match: LogIndex(2)))
        #expect(one.core.role == .leader && one.core.commitIndex == LogIndex(1), "its vote is one of three before, and none after")
        one.hear(3, 1, .appendAccepted(match: LogIndex(2)))
        one.persist()
        #expect(one.core.role == .leader && !one.core.membership.contains(n(1)))
        one.step(.propose([Proposal(id: ProposalID(2), payload: [])]))
        #expect(one.effects == [.refused(ProposalID(2), .transferring)])
        one.hear(2, 1, .appendAccepted(match: LogIndex(3)))
        one.hear(3, 1, .appendAccepted(match: LogIndex(3)))
        #expect(one.core.role == .learner && one.sent.contains { $0.body == .timeoutNow() && $0.to == n(2) })
    }

    /// Who receives the log anew meets memberships in which its predecessor voted, perhaps alone: it does not lead by them.
    @Test func aVoteOfAnotherDirectoryIsNone() {
        let alone = Membership(members: [testMember(n(1), Incarnation(7))], voters: [n(1)])
        let history = MembershipHistory(alone, at: LogIndex(0))
        #expect(history.mayLead(n(1), Incarnation(7)) && history.mayLead(n(1), nil))
        #expect(!history.mayLead(n(1), Incarnation(8)) && !history.mayLead(n(2), nil))
    }
}
