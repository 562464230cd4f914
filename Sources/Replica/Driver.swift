import Core
import Raft
import Store

/// The core and who waits for it. Owned by the replica loop.
final class Driver {
    var core: RaftCore
    private var effects: [RaftEffect] = []
    let options: ReplicaOptions
    unowned let loop: ReplicaLoop
    let surroundings: ReplicaLoop.Surroundings
    let host: ReplicaHost

    /// Who asked for what the core is about to answer.
    private enum Asker {
        case local(@Sendable (ProposalResult) -> Void)
        case transfer(@Sendable (TransferResult) -> Void)
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
    private var proposals: ProposalBatches
    private var nextNumber: UInt64
    var senders: [SnapshotSender] = []
    private var clockAlarm = ClockAlarm()
    var isDraining = false
    var repair: Repair
    var comparison = StateComparison(), scarceSessions = ScarceSessions(), receivers: [Compaction.Receiver] = []
    /// Who waits for a snapshot that is being put in the state's place. Until then the core hears nothing, and items are put off.
    private var installing: (@Sendable (Bool) -> Void)?
    private var putOff: [ReplicaLoop.Item] = []
    private var snapshotsInstalled: UInt64 = 0

    init(options: ReplicaOptions, restored: RestoredState, loop: ReplicaLoop, surroundings: ReplicaLoop.Surroundings) {
        self.options = options
        self.loop = loop
        self.surroundings = surroundings
        host = surroundings.host
        repair = Repair(pauseMilliseconds: options.repairMilliseconds)
        proposals = ProposalBatches(pauseMicroseconds: options.batchPauseMicroseconds, siblings: options.batchSiblings)
        // Numbers of another life of this node must not be taken for numbers of this one.
        nextNumber = host.draw() >> 1
        var configuration = RaftConfiguration(
            id: options.node, electionTicks: options.electionTicks, heartbeatTicks: options.heartbeatTicks,
            tickMilliseconds: options.tickMilliseconds, seed: host.draw())
        configuration.waitingReadsMax = 1_000_000
        (configuration.wantsLease, configuration.incarnation) = (options.wantsLease, options.incarnation)
        options.adjustCore(&configuration)
        core = RaftCore(configuration, restored: restored, at: host.now(), into: &effects)
        host.watch?(core)
        #if !KHO_BUG_TOUCHED_LOST_AT_START
        // Without it: entries of an earlier life that are not applied yet touch nothing.
        surroundings.touched?.noteEverything(through: core.status.lastIndex)
        #endif
        carryOutAll()
        if let what = surroundings.machine.damage { takeOutOfService(what) }
    }

    func number() -> UInt64 {
        nextNumber += 1
        return nextNumber
    }

    // MARK: Events

    func tick() {
        guard installing == nil else { return }
        step(.tick(wallMilliseconds: host.wallMilliseconds()))
        let now = host.now()
        giveUpForwarded { $0.deadline < now }
        // Nobody asks, but how old the state is must be known.
        if reads.isEmpty, now.nanoseconds(since: lastRound) > options.freshnessMilliseconds * 1_000_000, core.status.leader != .none {
            ask([], at: now)
        }
        mend(now)
    }

    func take(_ items: [ReplicaLoop.Item]) {
        for item in items { hear(item) }
        flushProposals()
        if let since = arrivingSince {
            let completions = arriving
            arriving = []
            arrivingSince = nil
            ask(completions, at: since)
        }
    }

    /// Takes an item, or puts it off while a snapshot is being installed.
    private func hear(_ item: ReplicaLoop.Item) {
        guard installing != nil else { return take(item) }
        guard case let .snapshotInstalled(snapshot) = item else { return putOff.append(item) }
        installed(snapshot)
        var waiting: [ReplicaLoop.Item] = []
        swap(&waiting, &putOff)
        for item in waiting where snapshot == nil || !item.isOfTheState { hear(item) }
    }

    private func take(_ item: ReplicaLoop.Item) {
        // Proposals that come together go to the core together, and never behind a change of who leads or votes that was asked for after them.
        switch item {
        case let .propose(payload, completion): return propose(payload, completion)
        case let .message(.forward(id, payload), node):
            guard !isRefusedForSpace(payload) else { return surroundings.send(.forwardRefused(id: id, .diskFull), node) }
            return queue(payload, .remote(node, id: id))
        case let .read(since, completion):
            // A round begun now serves the earliest of them too.
            arrivingSince = arrivingSince.map { min($0, since) } ?? since
            return arriving.append(completion)
        case .proposeMembership, .transferLeadership, .drain: flushProposals(always: true)
        default: break
        }
        switch item {
        case .propose, .read: break
        case let .proposeMembership(membership, completion):
            if let refusal = refusal(of: membership) { return completion(.refused(refusal)) }
            let id = ProposalID(number())
            askers[id] = .local(completion)
            step(.proposeMembership(id, membership))
        case let .transferLeadership(node, completion):
            let id = ProposalID(number())
            askers[id] = .transfer(completion)
            step(.transferLeadership(id, to: node))
        case let .drain(draining):
            isDraining = draining
            step(.drain(draining || repair.isUnderWay))
        case let .message(message, node): take(message, from: node)
        case let .persisted(number): step(.persisted(number))
        case let .applied(index): step(.applied(index))
        case let .checkpointed(position): compact(behind: position.index)
        case let .checkpointMetDamage(what): _ = surroundings.reportDamage(what)
        case let .compacted(index): step(.compacted(through: index))
        case let .snapshotReceived(snapshot, completion): install(snapshot, completion)
        case .snapshotInstalled: break
        case let .damaged(what): takeOutOfService(what)
        case let .digested(digest): compare(own: digest)
        case let .snapshotFinished(node, position, delivered):
            senders.removeAll { $0.node == node }
            step(.snapshotFinished(to: node, through: position, delivered: delivered))
        case let .disconnected(node):
            step(.unreachable(node))
            giveUpForwarded { $0.leader == node }
        case let .inspect(completion):
            completion(
                ReplicaLoop.Inspection(
                    raft: core.status, membership: core.membership, followers: core.followers, logBase: core.base, isClockAlarmed: clockAlarm.isOn(at: host.now()),
                    waiting: waiting, isDraining: isDraining, snapshotsInstalled: snapshotsInstalled))
        }
    }

    private func take(_ message: ReplicaMessage, from node: NodeID) {
        switch message {
        case let .raft(raft): if !isTooMuch(raft) { step(.message(raft)) }
        case let .forwardAccepted(id, position):
            guard let one = forwarded.removeValue(forKey: id) else { return }
            let deadline = host.now().adding(milliseconds: options.proposalMilliseconds)
            surroundings.applyLane.post(.expect(position, deadline: deadline, one.completion))
        case let .forwardRefused(id, refusal): forwarded.removeValue(forKey: id)?.completion(.refused(refusal))
        case let .snapshotAck(transfer, next): senders.first { $0.transfer == transfer && $0.node == node }?.hear(.ack(next: next))
        case let .snapshotDone(transfer, installed):
            senders.first { $0.transfer == transfer && $0.node == node }?.hear(.done(installed: installed))
        case let .snapshotWanted(index):
            guard !repair.isUnderWay, core.membership.member(node) != nil else { return }
            if surroundings.machine.applied.position.index >= index { return sendSnapshot(to: node, isWanted: true) }
            // Not applied here yet, since nobody waited for it: now somebody does.
            guard index <= core.status.commitIndex else { return }
            surroundings.applyLane.post(.whenApplied(index) { [loop] isApplied in if isApplied { loop.report(.message(message, from: node)) } })
        case let .stateDigest(scheme, digest): compare(digest, scheme: scheme, from: node)
        case .forward, .snapshotBegin, .snapshotChunk, .snapshotEnd: break
        }
    }

    func step(_ event: RaftEvent) {
        core.step(event, at: host.now(), into: &effects)
        host.watch?(core)
        carryOutAll()
    }

    private func carryOutAll() {
        guard !effects.isEmpty else { return }
        var now: [RaftEffect] = []
        swap(&now, &effects)
        noteTouched(now)
        for effect in now { carryOut(effect) }
        now.removeAll(keepingCapacity: true)
        if effects.isEmpty { swap(&now, &effects) }
    }

    /// Before anything of the step is carried out: a lease among its effects says that these entries are received.
    private func noteTouched(_ effects: [RaftEffect]) {
        guard let touched = surroundings.touched else { return }
        for case let .append(append) in effects where !append.entries.isEmpty { touched.note(append.entries) }
    }

    /// Who waits for something; 0 at rest.
    private var waiting: Int {
        askers.count + forwarded.count + reads.values.reduce(0) { $0 + $1.completions.count } + senders.count + (installing == nil ? 0 : 1) + surroundings.applyLane.waitingCount
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
            leader: status.leader, deadline: host.now().adding(milliseconds: options.forwardMilliseconds), completion: completion)
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

    /// Gives the core what is due. Who does not lead keeps nothing back: it is refused.
    private func flushProposals(always: Bool = false) {
        guard installing == nil else { return }
        let batch = proposals.take(at: host.now(), always: always || core.status.role != .leader)
        if !batch.isEmpty { step(.propose(batch)) }
    }

    /// When `take` is to be called again, though nothing comes; nil if that need not be.
    var due: MonotonicTime? { installing == nil ? proposals.due : nil }

    private func answer(_ id: ProposalID, _ position: LogPosition) {
        switch askers.removeValue(forKey: id) {
        case let .local(completion):
            let deadline = host.now().adding(milliseconds: options.proposalMilliseconds)
            surroundings.applyLane.post(.expect(position, deadline: deadline, completion))
        case let .remote(node, id): surroundings.send(.forwardAccepted(id: id, position), node)
        case .transfer, nil: break
        }
    }

    private func refuse(_ id: ProposalID, _ refusal: Refusal) {
        switch askers.removeValue(forKey: id) {
        case let .local(completion): completion(.refused(ProposalRefusal(refusal)))
        case let .remote(node, id): surroundings.send(.forwardRefused(id: id, ProposalRefusal(refusal)), node)
        case let .transfer(completion): completion(.refused(ProposalRefusal(refusal)))
        case nil: break
        }
    }

    // MARK: Reads

    private func ask(_ completions: [@Sendable (ReadBarrier) -> Void], at time: MonotonicTime) {
        let id = ReadID(number())
        lastRound = host.now()
        reads[id] = Round(askedAt: time, completions: completions)
        step(.read(id))
    }

    private func passed(_ id: ReadID, _ index: LogIndex) {
        guard let round = reads.removeValue(forKey: id) else { return }
        let (loop, standing) = (loop, surroundings.standing)
        let finish: @Sendable (Bool) -> Void = { isApplied in
            let isHere = isApplied && !standing.isDamaged
            if isHere { loop.publish(freshAt: round.askedAt) }
            for completion in round.completions { completion(isHere ? .passed : .noQuorum) }
        }
        if surroundings.applyLane.appliedIndex >= index { finish(true) } else { surroundings.applyLane.post(.whenApplied(index, finish)) }
    }

    // MARK: Snapshots

    /// Puts a received snapshot in the state's place, if the log does not lead there by itself. The core must hear nothing between the
    /// question and the answer, which takes no longer than a rename, since the snapshot was checked before.
    private func install(_ snapshot: any IncomingSnapshot, _ completion: @escaping @Sendable (Bool) -> Void) {
        let position = snapshot.header.applied
        guard core.needsSnapshot(at: position) || repair.isUnderWay && core.hasLog(at: position) else { return completion(!repair.isUnderWay) }
        installing = completion
        let loop = loop
        surroundings.applyLane.post(.install(snapshot) { loop.report(.snapshotInstalled($0)) })
    }

    private func installed(_ snapshot: InstalledSnapshot?) {
        let completion = installing
        installing = nil
        if let snapshot {
            snapshotsInstalled += 1
            if core.needsSnapshot(at: snapshot.position) {
                #if !KHO_BUG_LOG_NOT_RESET
                // Without it: the log goes on behind its old entries after a snapshot was installed.
                surroundings.logLane.post(.reset(snapshot.position))
                #endif
                step(.snapshotInstalled(snapshot))
            } else {
                step(.stateReplaced(snapshot.position))
            }
            #if !KHO_BUG_DIGEST_OUTLIVES_STATE
            // Without it: a state is judged by what the one before it was.
            comparison.forgetOwn()
            #endif
            takeBackIntoService()
        }
        completion?(snapshot != nil)
    }

    // MARK: Effects

    private func carryOut(_ effect: RaftEffect) {
        switch effect {
        case let .append(append): surroundings.logLane.post(.append(append))
        case let .send(message): surroundings.send(.raft(message), message.to)
        case let .apply(entries): surroundings.applyLane.post(.apply(entries))
        case let .accepted(id, position): answer(id, position)
        case let .refused(id, refusal): refuse(id, refusal)
        case let .handedOver(id, node): if case let .transfer(completion)? = askers.removeValue(forKey: id) { completion(.leads(node)) }
        case let .leaseChanged(lease): loop.publish(lease)
        case let .readReady(id, index): passed(id, index)
        case let .readFailed(id, _):
            if let round = reads.removeValue(forKey: id) { for completion in round.completions { completion(.noQuorum) } }
        case let .sendSnapshot(node): sendSnapshot(to: node)
        case let .membershipChanged(membership):
            loop.publish(membership)
            surroundings.membershipChanged(membership, core.membershipIndex)
        case let .statusChanged(status):
            loop.publish(status)
            // The next leader sends its own: two transfers to one node would take each other's place again and again.
            if status.role != .leader { for sender in senders where !sender.isWanted { sender.hear(.cancel) } }
        case let .alarm(alarm):
            clockAlarm.raise(at: host.now())
            surroundings.alarm(alarm)
        }
    }

    /// Nobody will be answered by this loop any more.
    func end() {
        for sender in senders { sender.hear(.cancel) }
        installing?(false)
        installing = nil
        for item in putOff { refuse(item) }
        putOff = []
        giveUpForwarded { _ in true }
        for id in reads.keys.sorted() { for completion in reads[id]?.completions ?? [] { completion(.noQuorum) } }
        reads = [:]
        for completion in arriving { completion(.noQuorum) }
        arriving = []
        for id in askers.keys.sorted() {
            switch askers[id] {
            case let .local(completion): completion(.refused(.notLeader))
            case let .transfer(completion): completion(.refused(.notLeader))
            case let .remote(node, id): surroundings.send(.forwardRefused(id: id, .notLeader), node)
            case nil: break
            }
        }
        askers = [:]
    }

    /// It was put off and never taken.
    private func refuse(_ item: ReplicaLoop.Item) {
        switch item {
        case let .propose(_, completion), let .proposeMembership(_, completion): completion(.refused(.notLeader))
        case let .transferLeadership(_, completion): completion(.refused(.notLeader))
        case let .read(_, completion): completion(.noQuorum)
        case let .snapshotReceived(_, completion): completion(false)
        default: break
        }
    }

    /// What became of these commands nobody will say.
    private func giveUpForwarded(where isGiven: (Forwarded) -> Bool) {
        guard !forwarded.isEmpty else { return }
        for id in forwarded.filter({ isGiven($0.value) }).keys.sorted() { forwarded.removeValue(forKey: id)?.completion(.unknown) }
    }
}
