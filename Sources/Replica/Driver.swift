import Core
import Raft
import Store

/// The core and who waits for it. Owned by the replica loop's thread.
final class Driver {
    private var core: RaftCore
    private var effects: [RaftEffect] = []
    private let options: ReplicaOptions
    private unowned let loop: ReplicaLoop
    private let surroundings: ReplicaLoop.Surroundings

    /// Who asked for what the core is about to answer.
    private enum Asker {
        case local(@Sendable (ProposalResult) -> Void)
        case remote(NodeID, id: UInt64)
    }

    private struct Forwarded {
        let leader: NodeID
        let deadline: MonotonicTime
        let completion: @Sendable (ProposalResult) -> Void
    }

    private struct Round {
        let askedAt: MonotonicTime
        let completions: [@Sendable (ReadBarrier) -> Void]
    }

    private var askers: [ProposalID: Asker] = [:]
    private var forwarded: [UInt64: Forwarded] = [:]
    private var reads: [ReadID: Round] = [:]
    /// Reads that came with the items at hand; one round serves them.
    private var arriving: [@Sendable (ReadBarrier) -> Void] = []
    private var arrivingSince: MonotonicTime?
    private var lastRound = MonotonicTime(nanoseconds: 0)
    private var proposals: [Proposal] = []
    private var nextNumber: UInt64
    private var senders: [SnapshotSender] = []
    private var clockAlarms = 0

    init(options: ReplicaOptions, restored: RestoredState, loop: ReplicaLoop, surroundings: ReplicaLoop.Surroundings) {
        self.options = options
        self.loop = loop
        self.surroundings = surroundings
        // Numbers of another life of this node must not be taken for numbers of this one.
        nextNumber = SystemRandom.uint64() >> 1
        var configuration = RaftConfiguration(
            id: options.node, electionTicks: options.electionTicks, heartbeatTicks: options.heartbeatTicks,
            tickMilliseconds: options.tickMilliseconds, seed: SystemRandom.uint64())
        configuration.waitingReadsMax = 1_000_000
        core = RaftCore(configuration, restored: restored, at: MonotonicTime.now(), into: &effects)
        carryOutAll()
    }

    private func number() -> UInt64 {
        nextNumber += 1
        return nextNumber
    }

    // MARK: Events

    func tick() {
        step(.tick(wallMilliseconds: WallClock.now()))
        let now = MonotonicTime.now()
        for (id, one) in forwarded where one.deadline < now {
            forwarded[id] = nil
            one.completion(.unknown)
        }
        // Nobody asks, but how old the state is must be known.
        if reads.isEmpty, now.nanoseconds(since: lastRound) > options.freshnessMilliseconds * 1_000_000, core.status.leader != .none {
            ask([], at: now)
        }
    }

    func take(_ items: [ReplicaLoop.Item], from mailbox: Mailbox<ReplicaLoop.Item>) {
        for item in items { take(item, mailbox) }
        flushProposals()
        if let since = arrivingSince {
            let completions = arriving
            arriving = []
            arrivingSince = nil
            ask(completions, at: since)
        }
    }

    private func take(_ item: ReplicaLoop.Item, _ mailbox: Mailbox<ReplicaLoop.Item>) {
        // Proposals of one stretch go to the core together, but never past something else that the core must hear before.
        switch item {
        case let .propose(payload, completion): return propose(payload, completion)
        case let .message(.forward(id, payload), node):
            guard !isRefusedForSpace(payload) else { return surroundings.send(.forwardRefused(id: id, .diskFull), node) }
            return queue(payload, .remote(node, id: id))
        case let .read(since, completion):
            // A round begun now serves the earliest of them too.
            arrivingSince = arrivingSince.map { min($0, since) } ?? since
            return arriving.append(completion)
        default: flushProposals()
        }
        switch item {
        case .propose, .read: break
        case let .proposeMembership(membership, completion):
            let id = ProposalID(number())
            askers[id] = .local(completion)
            step(.proposeMembership(id, membership))
        case let .message(message, node): take(message, from: node)
        case let .persisted(number): step(.persisted(number))
        case let .applied(index): step(.applied(index))
        case let .checkpointed(position):
            if let through = Compaction.index(checkpoint: position.index, core: core, retainedBytes: options.retainedLogBytes) {
                surroundings.logLane.post(.compact(through: through))
            }
        case let .compacted(index): step(.compacted(through: index))
        case let .snapshotReceived(sink, completion): install(sink, completion)
        case let .snapshotFinished(node, position, delivered):
            senders.removeAll { $0.node == node }
            step(.snapshotFinished(to: node, through: position, delivered: delivered))
        case let .disconnected(node):
            step(.unreachable(node))
            for (id, one) in forwarded where one.leader == node {
                forwarded[id] = nil
                one.completion(.unknown)
            }
        case let .inspect(completion): 
            completion(
                ReplicaLoop.Inspection(
                    raft: core.status, membership: core.membership, followers: core.followers, logBase: core.base, clockAlarms: clockAlarms))
        }
    }

    private func take(_ message: ReplicaMessage, from node: NodeID) {
        switch message {
        case let .raft(raft): step(.message(raft))
        case let .forwardAccepted(id, position):
            guard let one = forwarded.removeValue(forKey: id) else { return }
            surroundings.applyLane.post(.expect(position, deadline: one.deadline, one.completion))
        case let .forwardRefused(id, refusal): forwarded.removeValue(forKey: id)?.completion(.refused(refusal))
        case let .snapshotAck(transfer, next): senders.first { $0.transfer == transfer && $0.node == node }?.hear(.ack(next: next))
        case let .snapshotDone(transfer, installed):
            senders.first { $0.transfer == transfer && $0.node == node }?.hear(.done(installed: installed))
        case .forward, .snapshotBegin, .snapshotChunk, .snapshotEnd: break
        }
    }

    private func step(_ event: RaftEvent) {
        core.step(event, at: MonotonicTime.now(), into: &effects)
        carryOutAll()
    }

    private func carryOutAll() {
        guard !effects.isEmpty else { return }
        var now: [RaftEffect] = []
        swap(&now, &effects)
        for effect in now { carryOut(effect) }
        now.removeAll(keepingCapacity: true)
        if effects.isEmpty { swap(&now, &effects) }
    }

    // MARK: Proposals

    private func propose(_ payload: [UInt8], _ completion: @escaping @Sendable (ProposalResult) -> Void) {
        guard payload.count <= Limits.entryPayloadBytes else { return completion(.refused(.tooLarge)) }
        let status = core.status
        if status.role == .leader {
            guard !isRefusedForSpace(payload) else { return completion(.refused(.diskFull)) }
            return queue(payload, .local(completion))
        }
        guard status.leader != .none else { return completion(.refused(.notLeader)) }
        let id = number()
        forwarded[id] = Forwarded(
            leader: status.leader, deadline: MonotonicTime.now().adding(milliseconds: options.proposalMilliseconds), completion: completion)
        // The leader that this node still believes in may be gone: nobody would ever answer, and nothing was done.
        guard surroundings.trySend(.forward(id: id, payload: payload), status.leader) else {
            forwarded.removeValue(forKey: id)?.completion(.refused(.notLeader))
            return
        }
    }

    private func queue(_ payload: [UInt8], _ asker: Asker) {
        let id = ProposalID(number())
        askers[id] = asker
        proposals.append(Proposal(id: id, payload: payload))
    }

    private func flushProposals() {
        guard !proposals.isEmpty else { return }
        var batch: [Proposal] = []
        swap(&batch, &proposals)
        step(.propose(batch))
    }

    /// Whether the leader's disk is nearly full and the command would take space. Deletions give some back.
    private func isRefusedForSpace(_ payload: [UInt8]) -> Bool {
        surroundings.logLane.figuresNow.isLowOnSpace && !Command.onlyDeletes(payload)
    }

    private func answer(_ id: ProposalID, _ position: LogPosition) {
        switch askers.removeValue(forKey: id) {
        case let .local(completion):
            let deadline = MonotonicTime.now().adding(milliseconds: options.proposalMilliseconds)
            surroundings.applyLane.post(.expect(position, deadline: deadline, completion))
        case let .remote(node, id): surroundings.send(.forwardAccepted(id: id, position), node)
        case nil: break
        }
    }

    private func refuse(_ id: ProposalID, _ refusal: Refusal) {
        switch askers.removeValue(forKey: id) {
        case let .local(completion): completion(.refused(ProposalRefusal(refusal)))
        case let .remote(node, id): surroundings.send(.forwardRefused(id: id, ProposalRefusal(refusal)), node)
        case nil: break
        }
    }

    // MARK: Reads

    private func ask(_ completions: [@Sendable (ReadBarrier) -> Void], at time: MonotonicTime) {
        let id = ReadID(number())
        lastRound = MonotonicTime.now()
        reads[id] = Round(askedAt: time, completions: completions)
        step(.read(id))
    }

    private func passed(_ id: ReadID, _ index: LogIndex) {
        guard let round = reads.removeValue(forKey: id) else { return }
        let loop = loop
        let finish: @Sendable () -> Void = {
            loop.publish(freshAt: round.askedAt)
            for completion in round.completions { completion(.passed) }
        }
        if surroundings.applyLane.appliedIndex >= index { finish() } else { surroundings.applyLane.post(.whenApplied(index, finish)) }
    }

    // MARK: Snapshots

    /// Puts a received snapshot in the state's place, if the log does not lead there by itself. The core must hear nothing between the
    /// question and the answer, so the loop waits for the apply thread: a rename, since the snapshot was checked before.
    private func install(_ sink: SnapshotSink, _ completion: @Sendable (Bool) -> Void) {
        guard core.needsSnapshot(at: sink.header.applied) else { return completion(true) }
        let answer = Mailbox<InstalledSnapshot?>()
        surroundings.applyLane.post(.install(sink) { answer.post($0) })
        guard let installed = answer.take()?.first ?? nil else { return completion(false) }
        surroundings.logLane.post(.reset(installed.position))
        step(.snapshotInstalled(installed))
        completion(true)
    }

    // MARK: Effects

    private func carryOut(_ effect: RaftEffect) {
        switch effect {
        case let .append(append): surroundings.logLane.post(.append(append))
        case let .send(message): surroundings.send(.raft(message), message.to)
        case let .apply(entries): surroundings.applyLane.post(.apply(entries))
        case let .accepted(id, position): answer(id, position)
        case let .refused(id, refusal): refuse(id, refusal)
        case .handedOver: break
        case let .leaseChanged(lease): loop.publish(lease)
        case let .readReady(id, index): passed(id, index)
        case let .readFailed(id, _):
            if let round = reads.removeValue(forKey: id) { for completion in round.completions { completion(.noQuorum) } }
        case let .sendSnapshot(node): sendSnapshot(to: node)
        case let .membershipChanged(membership):
            loop.publish(membership)
            surroundings.membershipChanged(membership)
        case let .statusChanged(status): loop.publish(status)
        case let .alarm(alarm):
            clockAlarms += 1
            surroundings.alarm(alarm)
        }
    }

    private func sendSnapshot(to node: NodeID) {
        guard !senders.contains(where: { $0.node == node }) else { return }
        let send = surroundings.send
        let loop = loop
        senders.append(
            SnapshotSender(
                to: node, transfer: number(), store: surroundings.store, send: { send($0, node) },
                finished: { position, delivered in loop.report(.snapshotFinished(node, position, delivered: delivered)) }))
    }

    /// Nobody will be answered by this loop any more.
    func end() {
        for sender in senders { sender.hear(.cancel) }
        for (_, one) in forwarded { one.completion(.unknown) }
        for (_, round) in reads { for completion in round.completions { completion(.noQuorum) } }
        for completion in arriving { completion(.noQuorum) }
        for (_, asker) in askers { if case let .local(completion) = asker { completion(.refused(.notLeader)) } }
    }
}
