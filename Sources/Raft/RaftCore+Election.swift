import Core

/// Elections: timeouts, pre-votes, votes, taking and leaving office.
extension RaftCore {
    /// A leader was heard of within the minimum election timeout. Such a node helps nobody to depose it.
    var hearsLeader: Bool {
        role == .leader || leader != .none && electionElapsed < configuration.electionTicks
    }

    mutating func resetElectionTimer() {
        electionElapsed = 0
        electionTimeout = configuration.electionTicks + draws.below(configuration.electionTicks)
    }

    mutating func tickFollower() {
        electionElapsed += 1
        tickHolder()
        guard electionElapsed >= campaignTicks else { return }
        if memberships.mayLead(id, configuration.incarnation) {
            // A promise may last longer than the wait for a leader.
            if isBound { return }
            askForPreVotes()
        } else {
            // Without a vote it only stops believing in a leader that it does not hear.
            follow(.none)
            resetElectionTimer()
        }
    }

    // MARK: Asking

    /// Asks who would vote for it. The term stays, so a node that cannot win disturbs nobody (thesis §9.6).
    private mutating func askForPreVotes() {
        role = .preCandidate
        follow(.none)
        resetElectionTimer()
        ballots = []
        for voter in otherVoters { send(.preVote(last: log.last), to: voter, term: Term(term.rawValue + 1)) }
        countPreVote(of: id, granted: true)
    }

    private mutating func campaign(transfer: Bool, released: UInt64 = 0) {
        role = .candidate
        enter(HardState(term: Term(term.rawValue + 1), vote: id))
        follow(.none)
        resetElectionTimer()
        ballots = []
        // With the vote for itself on the disk first; `persisted` counts it.
        for voter in otherVoters { send(.vote(last: log.last, transfer: transfer, released: released), to: voter, afterDisk: true) }
    }

    private var otherVoters: [NodeID] {
        membership.members.map(\.id).filter { $0 != id && membership.isVoter($0) }
    }

    private mutating func countPreVote(of voter: NodeID, granted: Bool) {
        note(voter, granted)
        if membership.isQuorum(hasGranted) {
            campaign(transfer: false)
        } else if membership.isLost(hasRefused) {
            becomeFollower(term, leader: .none)
        }
    }

    mutating func countVote(of voter: NodeID, granted: Bool) {
        note(voter, granted)
        if membership.isQuorum(hasGranted) {
            becomeLeader()
        } else if membership.isLost(hasRefused) {
            becomeFollower(term, leader: .none)
        }
    }

    /// The first answer of a voter is the one that counts.
    private mutating func note(_ voter: NodeID, _ granted: Bool) {
        if !ballots.contains(where: { $0.voter == voter }) { ballots.append((voter, granted)) }
    }

    private func hasGranted(_ voter: NodeID) -> Bool { ballots.contains { $0.voter == voter && $0.granted } }
    private func hasRefused(_ voter: NodeID) -> Bool { ballots.contains { $0.voter == voter && !$0.granted } }

    /// A granted answer has the term that the campaign would have; an older one belongs to another campaign.
    mutating func preVoteAnswered(by voter: NodeID, term answered: Term, granted: Bool) {
        guard role == .preCandidate, answered == (granted ? Term(term.rawValue + 1) : term) else { return }
        countPreVote(of: voter, granted: granted)
    }

    /// The leader hands over: no pre-vote, for the leader itself wants the new term.
    mutating func timeoutNow(_ from: NodeID, released: UInt64) {
        guard role == .follower, from == leader, memberships.mayLead(id, configuration.incarnation), mayCampaign(released: released) else { return }
        campaign(transfer: true, released: released)
    }

    // MARK: Answering

    /// Whether a log that ends there holds everything that this one may have seen committed (Raft §5.4.1).
    private func isUpToDate(_ other: LogPosition) -> Bool {
        #if KHO_BUG_LOG_TERM_ALONE_COMPARED
        // Bug: of two logs that end in the same term the shorter one will do.
        return other.term >= log.last.term
        #else
        return other.term != log.last.term ? other.term > log.last.term : other.index >= log.lastIndex
        #endif
    }

    mutating func preVoteRequested(by candidate: NodeID, term asked: Term, last: LogPosition) {
        guard !hearsLeader else { return }
        let granted = asked > term && isUpToDate(last)
        // Granted in the term that was asked for, which is not entered; refused in the own, so that a candidate behind learns it.
        #if KHO_BUG_PREVOTE_IN_OWN_TERM
        // Bug: a granted pre-vote is answered in the own term, as if it were a refusal.
        send(.preVoteReply(granted: granted), to: candidate)
        #else
        send(.preVoteReply(granted: granted), to: candidate, term: granted ? asked : term)
        #endif
    }

    /// A learner votes too. A candidate asks those who vote by its log, and its log may know of a promotion that this one does
    /// not have yet; to refuse would leave a just-promoted member's quorum without it. One vote a term is kept by the disk as always.
    mutating func voteRequested(by candidate: NodeID, last: LogPosition) {
        let free = hardState.vote == candidate || hardState.vote == .none && leader == .none
        let granted = free && isUpToDate(last)
        if granted {
            hardState.vote = candidate
            electionElapsed = 0
        }
        #if KHO_BUG_VOTE_BEFORE_DISK
        // Bug: the vote leaves before it is durable.
        send(.voteReply(granted: granted), to: candidate)
        #else
        send(.voteReply(granted: granted), to: candidate, afterDisk: true)
        #endif
    }

    // MARK: Offices

    /// A newer term: nothing that was known of a leader's log or asked of a leader counts in it.
    private mutating func enter(_ next: HardState) {
        invariant(next.term > term, "term \(next.term) after \(term)")
        hardState = next
        verifiedIndex = commitIndex
        failForwardedReads()
        dropLease()
    }

    /// Follows `newLeader`, or nobody for now, in a term that is this one or newer.
    mutating func becomeFollower(_ newTerm: Term, leader newLeader: NodeID) {
        let wasLeader = role == .leader
        if newTerm > term { enter(HardState(term: newTerm)) }
        #if KHO_BUG_VOTE_FORGOTTEN
        // Bug: who steps down in a term forgets whom it voted for in it.
        hardState.vote = .none
        #endif
        role = memberships.mayLead(id, configuration.incarnation) ? .follower : .learner
        ballots = []
        follow(newLeader)
        resetElectionTimer()
        if wasLeader {
            progress = []
            grants = []
            failQueuedReads()
        }
    }

    /// Believes in another leader. What was asked of the one before will not be answered, or by nobody who leads.
    mutating func follow(_ newLeader: NodeID) {
        guard leader != newLeader else { return }
        leader = newLeader
        failForwardedReads()
        dropLease()
        if newLeader != .none { endHandover(newLeader: newLeader) }
    }

    private mutating func becomeLeader() {
        role = .leader
        ballots = []
        follow(id)
        heartbeatElapsed = 0
        (lastStamp, releasedStamp) = (0, 0)
        progress = membership.members.filter { $0.id != id }.map { newProgress(of: $0) }
        // Entries of older terms commit with one of this term only. A new cluster's first entry is its membership, so that it
        // is in the log as any later one.
        if membershipIndex == LogIndex(0) {
            appendOwn(.membership, membership.encoded())
        } else {
            appendOwn(.empty)
        }
        broadcastAppends()
    }

    /// A leader without a majority that answers steps down, so that its clients try elsewhere (thesis §6.2, "CheckQuorum").
    var hearsQuorum: Bool { membership.isQuorum(hears) }

    /// Itself, or a member that answers.
    func hears(_ voter: NodeID) -> Bool { voter == id || progress.contains { $0.id == voter && isActive($0) } }

    /// Answered within the last election timeout.
    func isActive(_ progress: Progress) -> Bool { now - progress.heardAt < configuration.electionTicks }
}
