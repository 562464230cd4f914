import Core

/// The consensus core of one node: events in, effects out, nothing else. Owned by whoever steps it.
///
/// Raft by Ongaro's thesis ("Consensus: Bridging Theory and Practice", 2014), with the refinements of etcd's `raft`; the design
/// note in this folder says which rule of safety stands where.
package struct RaftCore: Sendable {
    let configuration: RaftConfiguration
    var draws: Draws

    // What must not be forgotten, and what of it is durable.
    var hardState: HardState
    var log: RaftLog
    var writes: WriteTracker

    var role = RaftRole.follower
    var leader = NodeID.none
    var memberships: MembershipHistory

    /// Entries through this one are committed. Never goes back.
    var commitIndex: LogIndex
    /// Entries through this one were handed to the state machine.
    var handedOver: LogIndex
    /// Entries through this one are in the state machine.
    var appliedIndex: LogIndex
    /// A follower's log is known to be its leader's through here: compared in this term, or committed.
    var verifiedIndex: LogIndex

    // Time, in ticks.
    var now = 0
    /// Since a word of the leader, a granted vote, or the last campaign.
    var electionElapsed = 0
    var electionTimeout = 0
    var heartbeatElapsed = 0
    /// Since the leader's last own entry.
    var idleElapsed = 0
    var clock: LogClock

    /// A candidate's answers, the own one among them.
    var ballots: [(voter: NodeID, granted: Bool)] = []
    /// A leader's view of every other member, ascending.
    var progress: [Progress] = []
    /// A leader that hands over, or has done so and does not know yet to whom.
    var handover: Handover?
    /// It shall not lead as long as others can.
    var isDraining = false
    /// The tick before which a draining leader does not try again to hand over.
    var drainNotBefore = 0
    // Read leases. Times are those of the node's clock in nanoseconds.
    /// The step's.
    var time: UInt64 = 0
    var promise = Promise()
    /// A node that has been before may have promised what it does not know any more: it waits until here.
    var waitUntil: UInt64 = 0
    /// A leader's: the newest of its heartbeats that asked for promises, and through which of them they are released.
    var lastStamp: UInt64 = 0
    var releasedStamp: UInt64 = 0
    var grants: [LeaseGrant] = []
    /// A holder's.
    var lease = ReadLease.none
    var leaseNonce: UInt64
    /// When the last four requests were made, by their numbers; 0 for none, or one that was answered.
    var leaseAsks: [UInt64] = [0, 0, 0, 0]
    /// The tick of the next request.
    var leaseAskAt = 0
    var reads = ReadQueue()
    var forwarded: ForwardedReads

    // What the step under way will do, gathered so that it makes one append effect.
    var output: [RaftEffect] = []
    /// Messages that wait for the disk.
    var delayed: [RaftMessage] = []
    /// The first entry that the step wrote to the log.
    var appendedFrom: LogIndex?
    /// What the driver was told last.
    private var toldStatus: RaftStatus?
    private var toldMembership = Membership.empty
    private var toldLease = ReadLease.none

    /// Begins a life of the node. The first effects say the membership, if there is one, and the status. `time`: the node's clock now.
    package init(_ configuration: RaftConfiguration, restored: RestoredState, at time: MonotonicTime, into effects: inout [RaftEffect]) {
        let applied = restored.applied
        invariant(restored.base.index <= applied.position.index, "the log begins after what is applied")
        self.configuration = configuration
        draws = Draws(seed: configuration.seed)
        let nonce = draws.next()
        forwarded = ForwardedReads(nonce: nonce)
        leaseNonce = ~nonce
        clock = LogClock(tickMilliseconds: configuration.tickMilliseconds, idleMilliseconds: configuration.logTimeIdleMilliseconds)
        log = RaftLog(base: restored.base, time: restored.base == applied.position ? applied.time : .zero)
        for entry in restored.entries { log.append(entry) }
        invariant(log.lastIndex >= applied.position.index, "the log ends before what is applied: there is a gap")
        invariant(log.matches(applied.position), "the log and what is applied disagree at \(applied.position.index)")
        // A snapshot's or the log's term may be newer than the hard state that a crash left. Then the first write says so: until it is
        // durable, nobody may learn of it.
        hardState = restored.hardState
        if log.last.term > hardState.term { hardState = HardState(term: log.last.term) }
        writes = WriteTracker(hardState: restored.hardState, lastIndex: log.lastIndex)
        memberships = MembershipHistory(applied.membership, at: applied.membershipIndex)
        commitIndex = applied.position.index
        handedOver = applied.position.index
        appliedIndex = applied.position.index
        verifiedIndex = applied.position.index
        for entry in restored.entries where entry.index > applied.position.index && entry.kind == .membership {
            let membership = Self.membership(of: entry)
            invariant(membership != nil, "entry \(entry.index) of the own log holds no membership that this version reads")
            #if !KHO_BUG_MEMBERSHIP_LOST_AT_START
            // Without it: memberships in the log that are not applied yet are lost by a restart.
            if let membership { memberships.append(membership, at: entry.index) }
            #endif
        }
        role = memberships.mayLead(configuration.id, configuration.incarnation) ? .follower : .learner
        resetElectionTimer()
        self.time = time.nanoseconds
        // A promise is made in a term that is durable: who has none has never made one.
        #if !KHO_BUG_PROMISE_FORGOTTEN
        // Without it a restarted voter elects another leader beside the leases of the one that it promised.
        if hardState.term > Term(0) { waitUntil = self.time + withDrift(self.configuration.promiseNanoseconds) }
        #endif
        finish(into: &effects)
    }

    // MARK: What it says of itself

    package var id: NodeID { configuration.id }
    package var term: Term { hardState.term }
    /// The membership in force: the newest in the log, committed or not.
    package var membership: Membership { memberships.current }
    /// The index of its entry; 0 for a new cluster's first.
    package var membershipIndex: LogIndex { memberships.index }
    /// Entries of the own log through this one survive a crash.
    package var durableIndex: LogIndex { writes.durableIndex }
    /// The position before the first entry that is kept.
    package var base: LogPosition { log.base }
    package var last: LogPosition { log.last }
    /// What the entries kept weigh, in bytes.
    package var logWeight: Int { log.weight(after: log.base.index) }

    /// What the entries weigh that are committed and not applied.
    package var unappliedWeight: Int { log.weight(after: appliedIndex) - log.weight(after: max(commitIndex, appliedIndex)) }
    /// Through which entry the log can be cut so that the rest weighs no more than so many bytes.
    package func index(keeping bytes: Int) -> LogIndex { log.index(keeping: bytes) }

    package var status: RaftStatus {
        RaftStatus(id: id, role: role, term: term, leader: leader, commitIndex: commitIndex, lastIndex: log.lastIndex)
    }

    /// Every other member as the leader sees it, ascending; empty if this node does not lead.
    package var followers: [FollowerStatus] {
        progress.map {
            FollowerStatus(id: $0.id, matchIndex: $0.match, state: $0.state.rawValue, isActive: isActive($0))
        }
    }

    /// The term of the entry there; nil for what is compacted away or not there yet.
    package func term(at index: LogIndex) -> Term? { log.term(at: index) }

    // MARK: The step

    /// Takes one event, and appends what is to be done to `effects`, in the order in which it is to be done. At most one of them is
    /// an `append`. Costs what the event's entries and the members it concerns cost; nothing is proportional to the log.
    ///
    /// `time`: the node's clock (CLOCK_BOOTTIME), read after the event has happened, for this step alone: an older reading could make a
    /// promise or a lease seem to last that has ended.
    package mutating func step(_ event: RaftEvent, at time: MonotonicTime, into effects: inout [RaftEffect]) {
        self.time = max(self.time, time.nanoseconds)
        switch event {
        case let .tick(wall): tick(wall)
        case let .message(message): receive(message)
        case let .propose(proposals): propose(proposals)
        case let .proposeMembership(id, next): proposeMembership(id, next)
        case let .transferLeadership(id, target): transferLeadership(id, to: target)
        case let .drain(isDraining): drain(isDraining)
        case let .read(id): read(id)
        case let .persisted(number): persisted(number)
        case let .applied(index):
            invariant(index <= handedOver, "applied \(index), which was not handed over")
            appliedIndex = max(appliedIndex, index)
        case let .snapshotInstalled(snapshot): installed(snapshot)
        case let .stateReplaced(position): stateReplaced(position)
        case let .snapshotFinished(node, position, delivered): snapshotFinished(node, position, delivered)
        case let .compacted(index): log.compact(through: min(index, handedOver))
        case let .unreachable(node): unreachable(node)
        }
        finish(into: &effects)
    }

    private mutating func tick(_ wallMilliseconds: Int64) {
        now += 1
        clock.wall = LogTime(milliseconds: wallMilliseconds)
        expireReads()
        expireHandover()
        if role == .leader { tickLeader() } else { tickFollower() }
    }

    private mutating func persisted(_ number: AppendNumber) {
        writes.complete(number)
        // The vote for itself counts when it cannot be forgotten any more.
        if role == .candidate, isHardStateDurable { countVote(of: id, granted: true) }
        if role == .leader, advanceCommit() { committedMore() }
    }

    /// What the step gathered becomes effects.
    private mutating func finish(into effects: inout [RaftEffect]) {
        if membership != toldMembership {
            toldMembership = membership
            effects.append(.membershipChanged(membership))
        }
        let status = status
        if toldStatus.map({ $0.role != status.role || $0.term != status.term || $0.leader != status.leader }) ?? true {
            toldStatus = status
            effects.append(.statusChanged(status))
        }
        if configuration.wantsLease {
            let lease = readLease
            if lease != toldLease {
                toldLease = lease
                effects.append(.leaseChanged(lease))
            }
        }
        let newHardState = hardState == writes.issued ? nil : hardState
        if newHardState != nil || appendedFrom != nil || !delayed.isEmpty {
            let entries = appendedFrom.map { log.entries(after: $0.previous, through: log.lastIndex) } ?? []
            let number = writes.begin(last: log.lastIndex, hardState: hardState)
            effects.append(.append(AppendEffect(number: number, hardState: newHardState, entries: entries, messages: delayed)))
            appendedFrom = nil
            delayed.removeAll()
        }
        effects.append(contentsOf: output)
        output.removeAll(keepingCapacity: true)
        handOver(into: &effects)
    }

    /// Committed entries go to the state machine once the own log has them durably: a checkpoint never outruns the log.
    private mutating func handOver(into effects: inout [RaftEffect]) {
        let end = min(commitIndex, writes.durableIndex)
        guard end > handedOver else { return }
        effects.append(.apply(log.entries(after: handedOver, through: end)))
        handedOver = end
    }

    // MARK: Tools of all parts

    var isHardStateDurable: Bool { writes.durable == hardState }

    /// Sends a message; inside the append effect if it must wait for what this step writes, or if the own term is not durable yet:
    /// nobody may learn of a term that a crash would make this node forget.
    mutating func send(_ body: RaftMessage.Body, to node: NodeID, term messageTerm: Term? = nil, afterDisk: Bool = false) {
        let message = RaftMessage(from: id, to: node, term: messageTerm ?? term, body: body)
        #if KHO_BUG_TERM_BEFORE_DISK
        // Bug: others learn of a term that a crash makes this node forget.
        if afterDisk { delayed.append(message) } else { output.append(.send(message)) }
        #else
        if afterDisk || writes.durable.term < term { delayed.append(message) } else { output.append(.send(message)) }
        #endif
    }

    /// Notes that the step wrote the log from `index` on.
    mutating func noteAppended(from index: LogIndex) {
        appendedFrom = min(appendedFrom ?? index, index)
    }

    /// The membership that an entry holds; nil if it is none that this version reads.
    static func membership(of entry: LogEntry) -> Membership? {
        do throws(DecodingError) { return try Membership(decoding: entry.payload) } catch { return nil }
    }
}
