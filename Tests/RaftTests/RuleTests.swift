import Core
import Testing

@testable import Raft

/// What has gone wrong in other implementations, one by one. The transcripts and the random clusters show the same rules at work.
@Suite struct RuleTests {
    // MARK: Elections

    @Test func termAndVoteAreOneWriteAndTheReplyWaitsForIt() {
        var one = OneCore()
        one.hear(2, 5, .vote(last: .zero, transfer: false))
        #expect(one.appended.map(\.hardState) == [HardState(term: Term(5), vote: n(2))])
        #expect(one.waiting.map(\.body) == [.voteReply(granted: true)])
        #expect(one.sent.isEmpty)
    }

    @Test func theVoteIsNotForgottenWithinItsTerm() {
        var one = OneCore()
        one.hear(2, 5, .vote(last: .zero, transfer: false))
        one.hear(3, 5, .vote(last: .zero, transfer: false))
        #expect(one.waiting.map(\.body) == [.voteReply(granted: false)])
        // Asked again, it says the same; after a restart too.
        one.hear(2, 5, .vote(last: .zero, transfer: false))
        #expect(one.waiting.map(\.body) == [.voteReply(granted: true)])
        var again = OneCore(hardState: HardState(term: Term(5), vote: n(2)))
        again.hear(3, 5, .vote(last: .zero, transfer: false))
        #expect(again.waiting.map(\.body) == [.voteReply(granted: false)])
    }

    @Test func aCandidateThatStepsDownInItsTermHasVoted() {
        var one = OneCore()
        while one.core.role == .follower { one.tick(1) }
        one.hear(2, 1, .preVoteReply(granted: true))
        #expect(one.core.role == .candidate)
        one.hear(2, 1, .append(previous: .zero, entries: [], commit: LogIndex(0)))
        #expect(one.core.role == .follower)
        one.hear(3, 1, .vote(last: .zero, transfer: true))
        #expect(one.waiting.map(\.body) == [.voteReply(granted: false)])
    }

    @Test func theOwnVoteCountsWhenItIsDurable() {
        var one = OneCore()
        while one.core.role == .follower { one.tick(1) }
        one.hear(2, 1, .preVoteReply(granted: true))
        #expect(one.sent.isEmpty && one.waiting.count == 2)
        one.hear(2, 1, .voteReply(granted: true))
        #expect(one.core.role == .candidate)
        one.persist()
        #expect(one.core.role == .leader)
    }

    @Test func repliesOfAnotherCampaignDoNotCount() {
        var one = OneCore(voters: 5)
        while one.core.role == .follower { one.tick(1) }
        // Granted for another term, or granted twice by one.
        one.hear(2, 4, .preVoteReply(granted: true))
        one.hear(3, 1, .preVoteReply(granted: true))
        one.hear(3, 1, .preVoteReply(granted: true))
        #expect(one.core.role == .preCandidate && one.core.term == Term(0))
        one.hear(4, 1, .preVoteReply(granted: true))
        one.persist()
        #expect(one.core.role == .candidate)
        one.hear(2, 1, .preVoteReply(granted: true))
        one.hear(3, 1, .voteReply(granted: true))
        one.hear(3, 1, .voteReply(granted: true))
        #expect(one.core.role == .candidate)
    }

    @Test func aPreVoteIsAnsweredInTheRightTermAndChangesNothing() {
        var one = OneCore(hardState: HardState(term: Term(5), vote: n(2)))
        one.hear(3, 9, .preVote(last: .zero))
        #expect(one.sent == [RaftMessage(from: n(1), to: n(3), term: Term(9), body: .preVoteReply(granted: true))])
        #expect(one.core.term == Term(5) && one.appended.isEmpty)
        // Who is behind learns the term.
        one.hear(3, 4, .preVote(last: .zero))
        #expect(one.sent == [RaftMessage(from: n(1), to: n(3), term: Term(5), body: .preVoteReply(granted: false))])
        // Whose log is behind gets none.
        var longer = OneCore(hardState: HardState(term: Term(5)), entries: [1, 5])
        longer.hear(3, 9, .preVote(last: at(7, 4)))
        #expect(longer.sent.map(\.body) == [.preVoteReply(granted: false)])
    }

    @Test func whoHearsALeaderHelpsNobodyToDeposeIt() {
        var one = OneCore()
        one.hear(2, 3, .heartbeat(commit: LogIndex(0), context: 0))
        one.tick(9)
        one.hear(3, 4, .preVote(last: at(9, 3)))
        #expect(one.sent.isEmpty)
        one.hear(3, 9, .vote(last: at(9, 3), transfer: false))
        #expect(one.waiting.isEmpty && one.core.term == Term(3))
        one.tick(1)
        one.hear(3, 9, .vote(last: at(9, 3), transfer: false))
        #expect(one.waiting.map(\.body) == [.voteReply(granted: true)])
    }

    @Test func neitherALearnerNorWhoHasNotJoinedNorWhoWasRemovedCampaigns() {
        var learner = OneCore(4, learners: 1)
        learner.tick(200)
        #expect(learner.core.role == .learner && learner.sent.isEmpty)
        var stranger = OneCore(9)
        stranger.tick(200)
        #expect(stranger.core.role == .learner && stranger.sent.isEmpty)
        learner.hear(2, 1, .heartbeat(commit: LogIndex(0), context: 0))
        learner.hear(2, 1, .timeoutNow())
        #expect(learner.core.role == .learner && learner.core.term == Term(1))
    }

    @Test func aLearnerVotesForWhoKnowsItAsAVoter() {
        var learner = OneCore(4, learners: 1)
        learner.hear(2, 1, .vote(last: .zero, transfer: false))
        #expect(learner.waiting.map(\.body) == [.voteReply(granted: true)])
    }

    @Test func noMembersMessagesAreDropped() {
        var one = OneCore()
        one.hear(9, 7, .voteReply(granted: true))
        one.hear(9, 7, .readRequest(ReadID(1)))
        #expect(one.core.term == Term(0) && one.waiting.isEmpty && one.sent.isEmpty)
        // For another node, or from itself.
        one.step(.message(RaftMessage(from: n(2), to: n(3), term: Term(7), body: .heartbeat(commit: LogIndex(0), context: 0))))
        one.hear(1, 7, .heartbeat(commit: LogIndex(0), context: 0))
        #expect(one.core.term == Term(0))
    }

    /// No message stops a node or ends the terms.
    @Test func absurdNumbersAreDropped() {
        for body in CodecTests.bodies {
            for term in [UInt64.max, 1 << 62, 0] {
                var one = OneCore(entries: [1, 2])
                one.hear(2, term, body)
                #expect(one.core.term == Term(2), "\(body)")
            }
        }
        var one = OneCore()
        one.lead()
        one.hear(2, 1, .appendAccepted(match: LogIndex(1 << 61)))
        one.hear(2, 1, .appendRejected(previous: LogIndex(1 << 61), hint: at(1 << 60, 1 << 60)))
        one.hear(2, 1, .heartbeatReply(context: .max))
        one.hear(2, 1, .append(previous: .zero, entries: [entry(1, 1)], commit: LogIndex(1)))
        #expect(one.core.role == .leader && one.core.commitIndex == LogIndex(0))
    }

    @Test func termsOfALogAreNotLost() {
        var one = OneCore(hardState: HardState(term: Term(2), vote: n(3)), entries: [1, 4])
        #expect(one.core.hardState == HardState(term: Term(4)))
        #expect(!one.core.isHardStateDurable, "the first write says so")
        one.persist()
        #expect(one.core.isHardStateDurable)
    }

    // MARK: Replication

    @Test func anOldAppendTakesNothingAway() {
        var one = OneCore()
        one.hear(2, 1, .append(previous: .zero, entries: [entry(1, 1), entry(2, 1), entry(3, 1)], commit: LogIndex(0)))
        one.persist()
        one.hear(2, 1, .append(previous: .zero, entries: [entry(1, 1)], commit: LogIndex(0)))
        #expect(one.core.last == at(3, 1) && one.sent.map(\.body) == [.appendAccepted(match: LogIndex(1))])
    }

    @Test func anAcknowledgementWaitsForTheDisk() {
        var one = OneCore()
        one.hear(2, 1, .append(previous: .zero, entries: [entry(1, 1)], commit: LogIndex(0)))
        #expect(one.sent.isEmpty && one.waiting.map(\.body) == [.appendAccepted(match: LogIndex(1))])
        // The same again, while it is still being written: waits as well.
        one.hear(2, 1, .append(previous: .zero, entries: [entry(1, 1)], commit: LogIndex(1)))
        #expect(one.sent.isEmpty && one.waiting.map(\.body) == [.appendAccepted(match: LogIndex(1))] && one.appended.map(\.entries) == [[]])
        #expect(one.core.commitIndex == LogIndex(1) && one.applied.isEmpty)
        one.persist()
        #expect(one.applied == [1])
    }

    @Test func aWriteThatWasReplacedDoesNotCountForWhatTookItsPlace() {
        var one = OneCore()
        one.hear(2, 1, .append(previous: .zero, entries: [entry(1, 1), entry(2, 1), entry(3, 1)], commit: LogIndex(0)))
        let old = one.core.writes.lastNumber
        one.hear(3, 2, .append(previous: at(1, 1), entries: [entry(2, 2), entry(3, 2)], commit: LogIndex(3)))
        one.step(.persisted(old))
        #expect(one.core.durableIndex == LogIndex(1) && one.applied == [1])
        one.persist()
        #expect(one.core.durableIndex == LogIndex(3) && one.applied == [2, 3])
    }

    @Test func entriesThatDoNotFollowOneAnotherAreDropped() {
        let wrong: [[LogEntry]] = [
            [entry(2, 1)], [entry(1, 1), entry(3, 1)], [entry(1, 1), entry(1, 1)], [entry(1, 2), entry(2, 1)], [entry(1, 9)],
            [entry(1, 1, time: 5), entry(2, 1, time: 4)], [entry(1, 1, .membership, [7])],
        ]
        for entries in wrong {
            var one = OneCore()
            one.hear(2, 3, .append(previous: .zero, entries: entries, commit: LogIndex(1)))
            #expect(one.core.last == .zero && one.core.commitIndex == LogIndex(0), "\(entries)")
        }
    }

    @Test func matchDoesNotGoBackAndNextStaysBehindIt() {
        var one = OneCore()
        one.lead()
        one.step(.propose((1...5).map { Proposal(id: ProposalID($0), payload: []) }))
        one.hear(2, 1, .appendAccepted(match: LogIndex(6)))
        one.hear(2, 1, .appendAccepted(match: LogIndex(2)))
        one.hear(2, 1, .appendRejected(previous: LogIndex(3), hint: at(1, 1)))
        #expect(one.core.progress[0].match == LogIndex(6) && one.core.progress[0].next == LogIndex(7) && one.core.progress[0].state == .replicate)
        // A voter that denies what it acknowledged is not counted out, and not sent in a loop either.
        one.step(.unreachable(n(2)))
        one.hear(2, 1, .appendRejected(previous: LogIndex(6), hint: .zero))
        #expect(one.core.progress[0].match == LogIndex(6) && one.sent.isEmpty)
    }

    @Test func aLearnerThatComesBackEmptyBeginsAnew() {
        var one = OneCore(learners: 1)
        one.lead()
        one.hear(4, 1, .appendAccepted(match: LogIndex(1)))
        one.step(.unreachable(n(4)))
        one.hear(4, 1, .heartbeatReply(context: 0))
        #expect(one.sent.map(\.body) == [.append(previous: at(1, 1), entries: [], commit: LogIndex(0))])
        one.hear(4, 1, .appendRejected(previous: LogIndex(1), hint: .zero))
        #expect(one.sent.contains { if case let .append(previous, entries, _) = $0.body { previous == .zero && entries.count == 1 } else { false } })
    }

    @Test func windowsBoundMessagesAndBytes() {
        var one = OneCore {
            $0.appendEntriesMax = 2
            $0.appendBytesMax = 150
            $0.inflightAppendsMax = 3
            $0.inflightBytesMax = 400
        }
        one.lead()
        one.hear(2, 1, .appendAccepted(match: LogIndex(1)))
        one.step(.propose((1...20).map { Proposal(id: ProposalID($0), payload: [UInt8](repeating: 0, count: 10)) }))
        #expect(one.sent.filter { $0.to == n(2) }.count == 3)
        one.step(.propose([Proposal(id: ProposalID(21), payload: [])]))
        #expect(one.sent.filter { $0.to == n(2) }.isEmpty)
        one.hear(2, 1, .appendAccepted(match: LogIndex(3)))
        #expect(one.sent.filter { $0.to == n(2) }.count >= 1)
        // An entry larger than a message's bytes goes alone.
        one.hear(2, 1, .appendAccepted(match: one.core.last.index))
        one.step(.propose([Proposal(id: ProposalID(22), payload: [UInt8](repeating: 0, count: 1_000))]))
        #expect(one.sent.contains { if case let .append(_, entries, _) = $0.body { entries.count == 1 && $0.to == n(2) } else { false } })
    }
}
