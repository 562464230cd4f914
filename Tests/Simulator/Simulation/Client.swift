import Core
import Replica
import Store

/// A client: one thing at a time, tried again until it is known what became of it.
struct Client {
    enum Wish {
        case found(Int)
        case open
        case write(WriteCommand)
        case read
        /// Another policy, by the administrator; or a write by the partner. Without a session: tried again, it is done again.
        case command(Command)
    }

    let number: Int
    /// The node it talks to.
    var place = 0
    var session = SessionID.none
    var sequence: UInt64 = 0
    /// What it wants now; kept until it is answered for good.
    var wish: Wish?
    var payload: [UInt8] = []
    /// Counts its tries: an answer to an older one is late.
    var step: UInt64 = 0
    var isWaiting = false
    /// Where its last write took effect, for conditions.
    var lastWritten = LogIndex(0)
    var isResting = false
    /// Asked for a last time, and answered.
    var isDone = false
}

extension World {
    /// A client's next step: what it waited for is late, or it is time for something new.
    func act(_ number: Int, _ step: UInt64) {
        guard clients[number].step == step, !clients[number].isDone else { return }
        trace.mix(UInt64(number) << 8 | 0xC1)
        if clients[number].isWaiting {
            // No answer: perhaps the node is gone. The same again, elsewhere.
            clients[number].isWaiting = false
            clients[number].place = dice.below(nodes.count)
            if case .read? = clients[number].wish { clients[number].wish = nil }
            counts.unanswered += 1
        }
        if clients[number].isResting, clients[number].wish == nil {
            clients[number].isDone = true
            return
        }
        if clients[number].wish == nil { choose(number) }
        ask(number)
    }

    private func choose(_ number: Int) {
        if dice.permille(100) { clients[number].place = dice.below(nodes.count) }
        // Where leases are, and with rests in the writing, since what is under way keeps them from being used.
        if settings.usesLeases {
            if dice.permille(200) { clients[number].place = settings.voters + dice.below(settings.learners) }
            if time / 1_000_000_000 % 2 == 1, clients[number].session != .none, dice.permille(900) { return wish(number, .read) }
        }
        if record.model.founded < foundation.count, number == 0 { return wish(number, .found(record.model.founded)) }
        if clients[number].session == .none { return wish(number, .open) }
        if dice.permille(settings.usesLeases ? 600 : 350) { return wish(number, .read) }
        if settings.usesRights, record.model.founded == foundation.count {
            if dice.permille(200) { return wish(number, .command(Workload.policy(now: record.model.applied.time.milliseconds, &dice))) }
            let token = UInt64(number) << 32 | clients[number].sequence
            if dice.permille(60) { return wish(number, .command(.write(Workload.partnersWrite(token: token, seen: clients[number].lastWritten, &dice)))) }
        }
        clients[number].sequence += 1 + (dice.permille(10) ? UInt64(dice.below(3)) : 0)
        wish(
            number,
            .write(
                Workload.write(
                    clients[number].session, clients[number].sequence, token: UInt64(number) << 32 | clients[number].sequence,
                    seen: clients[number].lastWritten, &dice)))
    }

    private func wish(_ number: Int, _ wish: Client.Wish) {
        clients[number].wish = wish
        switch wish {
        case let .found(step): clients[number].payload = foundation[step].encoded()
        case .open: clients[number].payload = Command.openSession(ModelState.owner).encoded()
        case let .write(write): clients[number].payload = Command.write(write).encoded()
        case let .command(command): clients[number].payload = command.encoded()
        case .read: clients[number].payload = []
        }
    }

    private func ask(_ number: Int) {
        clients[number].step += 1
        let step = clients[number].step
        let node = reached(at: clients[number].place)
        if settings.usesLeases, case .read? = clients[number].wish, node.isUp, node.pausedUntil > time, dice.permille(500) {
            // It reads there in the moment in which the node goes on, and has heard of nothing that happened meanwhile.
            return queue.push(.client(number, step: step), at: node.pausedUntil + dice.within(0...100_000))
        }
        clients[number].isWaiting = true
        queue.push(.client(number, step: step), at: time + settings.electionNanoseconds * 5 + dice.within(0...settings.electionNanoseconds))
        guard let replica = node.replica, node.pausedUntil <= time else { return again(number, step, elsewhere: true) }
        if case .read? = clients[number].wish {
            let floor = record.readFloor
            if settings.defect == .barriersPassAtOnce { return readAnswered(number, step, node, .passed, floor) }
            let read = replica.beginLeaseRead()
            if read != nil || settings.defect == .leasesDoNotEnd && replica.readLease.validUntil > 0 {
                return begin(LeasedRead(client: number, step: step, place: node.place, life: node.life, floor: floor, key: dice.permille(800) ? dice.pick(Workload.keys) : nil, read: read))
            }
            askBarrier(number, step, node, floor)
        } else {
            let payload = clients[number].payload
            replica.propose(payload) { [unowned self, unowned node] result in answered(number, step, node, payload, result) }
        }
    }

    /// Tries again after a pause.
    private func again(_ number: Int, _ step: UInt64, elsewhere: Bool) {
        guard clients[number].step == step else { return }
        clients[number].isWaiting = false
        clients[number].step += 1
        if elsewhere || dice.permille(300) { clients[number].place = dice.below(nodes.count) }
        queue.push(.client(number, step: clients[number].step), at: time + dice.within(5_000_000...60_000_000))
    }

    func finish(_ number: Int) {
        clients[number].wish = nil
        clients[number].isWaiting = false
        clients[number].step += 1
        let pause = dice.within(settings.thinkNanoseconds / 2...settings.thinkNanoseconds * 2)
        queue.push(.client(number, step: clients[number].step), at: time + pause)
    }

    func askBarrier(_ number: Int, _ step: UInt64, _ node: SimulatedNode, _ floor: LogIndex) {
        node.replica?.readBarrier { [unowned self, unowned node] barrier in readAnswered(number, step, node, barrier, floor) }
    }

    func readAnswered(_ number: Int, _ step: UInt64, _ node: SimulatedNode, _ barrier: ReadBarrier, _ floor: LogIndex) {
        trace.mix(UInt64(number) << 8 | 0xC2)
        if barrier == .passed, let machine = node.machine {
            counts.reads += 1
            checkRead(node, at: machine.applied.position.index, floor)
        } else {
            counts.failedReads += 1
        }
        guard clients[number].step == step else { return }
        if barrier == .passed { finish(number) } else { again(number, step, elsewhere: false) }
    }

    /// A read shows what was acknowledged, or shown by another one, before it began.
    func checkRead(_ node: SimulatedNode, at index: LogIndex, _ floor: LogIndex, by lease: String = "") {
        if node.machine?.damage != nil { fail("a read at \(node.id) is answered\(lease) from a state that it knows to be damaged") }
        if index < floor { fail("a read at \(node.id) is answered\(lease) from \(index), and \(floor) was acknowledged before it began") }
        checkRights(node)
        record.showed(index)
    }

    private func answered(_ number: Int, _ step: UInt64, _ node: SimulatedNode, _ payload: [UInt8], _ result: ProposalResult) {
        trace.mix(UInt64(number) << 8 | 0xC3)
        trace.line("\(moment) client \(number) hears from \(node.id): \(result)")
        if case let .applied(outcome, position) = result {
            record.answered(outcome, position, payload: payload, by: node.id, self)
            checkDurable(position, node)
            checkRights(node)
            counts.writes += 1
        }
        count(result)
        guard clients[number].step == step else { return }
        switch result {
        case let .applied(outcome, position): applied(number, outcome, position)
        case .refused(.diskFull) where isForWrite(number), .refused, .unknown: again(number, step, elsewhere: result == .refused(.diskFull))
        }
    }

    private func count(_ result: ProposalResult) {
        switch result {
        case .applied: break
        case .unknown: counts.unknown += 1
        case let .refused(refusal):
            counts.refusedCommands += 1
            if refusal == .diskFull { counts.refusedForSpace += 1 }
        }
    }

    private func isForWrite(_ number: Int) -> Bool {
        if case .write? = clients[number].wish { true } else { false }
    }

    private func applied(_ number: Int, _ outcome: CommandOutcome?, _ position: LogPosition) {
        switch outcome {
        case let .sessionOpened(session):
            clients[number].session = session
            clients[number].sequence = 0
        case let .written(index): clients[number].lastWritten = index
        case let .rejected(rejection) where rejection.reason == .sessionEnded: clients[number].session = .none
        default: break
        }
        finish(number)
    }

    /// What was acknowledged is on the disks of a majority of those who vote. What stands before the entry of a joint membership may have been
    /// committed by the old voters alone; without a majority of them nobody comes to lead until the joint one is past. What stands behind it may have been
    /// committed by the new ones alone, if the leader has left the joint membership already, which this node has not heard of yet.
    private func checkDurable(_ position: LogPosition, _ node: SimulatedNode) {
        let membership = node.seenMembership
        let isBefore = membership.isJoint && position.index < node.seenMembershipIndex
        let isLeft = membership.isJoint && nodes.contains { $0.seenMembershipIndex > node.seenMembershipIndex }
        for group in [isBefore ? [] : membership.voters, isLeft && !isBefore ? [] : membership.outgoingVoters] where !group.isEmpty {
            let have = group.count { nodes[Int($0.rawValue) - 1].hasDurably(position) }
            if have <= group.count / 2 { fail("\(node.id) acknowledges \(position.index)/\(position.term), which \(have) of \(group.count) disks have") }
        }
    }
}
