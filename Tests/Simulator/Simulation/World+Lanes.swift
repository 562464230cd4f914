import Core
import Raft
import Replica

/// The host of the nodes' replicas: virtual clocks, drawn numbers, and lanes that run when their event comes.
extension World {
    func host(for node: SimulatedNode) -> ReplicaHost {
        let life = node.life
        return ReplicaHost(
            now: { [unowned self, unowned node] in MonotonicTime(nanoseconds: node.clock(time)) },
            wallMilliseconds: { [unowned self, unowned node] in node.wall(time) },
            draw: { [unowned self] in dice.next() },
            run: { [unowned self, unowned node] lane in
                let slot = LaneSlot(lane, place: node.place)
                node.lanes.append(slot)
                plan(slot, at: time)
                return { [unowned self] in finish(slot) }
            },
            posted: { [unowned self, unowned node] lane in
                guard node.life == life, let slot = node.lanes.first(where: { $0.lane === lane }) else { return }
                plan(slot, at: time + latency(of: lane.kind, node))
            },
            watch: { [unowned self, unowned node] core in watch(core, node) })
    }

    /// How long a lane takes to come to what was left for it.
    private func latency(of kind: LaneKind, _ node: SimulatedNode) -> UInt64 {
        switch kind {
        case .loop: dice.within(1_000...60_000)
        case .log: node.diskNanoseconds / 2 + dice.within(0...node.diskNanoseconds)
        case .apply: dice.within(10_000...400_000)
        case .checkpoint: node.diskNanoseconds + dice.within(0...20_000_000)
        case .snapshotIn, .snapshotOut: dice.within(20_000...2_000_000)
        }
    }

    /// Lets the lane run at this moment, if it is not to run before.
    private func plan(_ slot: LaneSlot, at moment: UInt64) {
        if let due = slot.due, due <= moment { return }
        slot.due = moment
        slot.token += 1
        queue.push(.lane(slot, token: slot.token), at: moment)
    }

    func run(_ slot: LaneSlot) {
        slot.due = nil
        let node = node(at: slot.place)
        guard node.lanes.contains(where: { $0 === slot }) else { return }
        if node.pausedUntil > time { return plan(slot, at: node.pausedUntil + dice.within(0...100_000)) }
        trace.mix(UInt64(node.place) << 8 | UInt64(slot.lane.kind.number))
        trace.mix(time)
        step(slot, node)
    }

    private func step(_ slot: LaneSlot, _ node: SimulatedNode) {
        let pause: LanePause
        if slot.isBegun {
            pause = slot.lane.runBatch(atMost: 1 + dice.below(settings.batchItems))
        } else {
            slot.isBegun = true
            pause = slot.lane.begin()
        }
        go(on: slot, node, pause)
        // It says so in the same batch, and writes no more; what runs the node then ends it.
        guard let error = node.fatalError else { return }
        if !node.hasFailed { fail("\(node.id) goes on, and its log failed: \(error)") }
        if slot.lane.kind == .log, pause != .ended { fail("\(node.id) goes on writing, and its log failed: \(error)") }
        if node.isKilled, !node.isStopping { crash(node) }
    }

    private func go(on slot: LaneSlot, _ node: SimulatedNode, _ pause: LanePause) {
        switch pause {
        case .ended: node.lanes.removeAll { $0 === slot }
        case .untilPosted: break
        case let .until(moment): plan(slot, at: max(time + 1, node.moment(moment.nanoseconds)))
        }
        // A batch was bounded: what is left is taken soon.
        if pause != .ended, slot.lane.hasItems { plan(slot, at: time + dice.within(1_000...20_000)) }
    }

    /// Waits for the end of a lane that was closed: runs it until then.
    private func finish(_ slot: LaneSlot) {
        let node = node(at: slot.place)
        while violation == nil, node.lanes.contains(where: { $0 === slot }) { step(slot, node) }
    }

    // MARK: What the core says

    private func watch(_ core: borrowing RaftCore, _ node: SimulatedNode) {
        let status = core.status
        if status.term < node.seenTerm { fail("\(node.id) goes back from term \(node.seenTerm) to \(status.term)") }
        if status.commitIndex < node.seenCommit { fail("\(node.id) goes back from commit index \(node.seenCommit) to \(status.commitIndex)") }
        if status.role == .leader, node.seenRole != .leader || node.seenTerm != status.term {
            counts.elections += 1
            trace.line("\(moment) \(node.id) leads term \(status.term)")
            record.elected(core, self)
            checkNoLeaseLives(before: status.term, leader: node)
            if !votes.elect(core.id, in: status.term, of: core.membership) { fail("\(node.id) leads term \(status.term), and no quorum has voted for it") }
        }
        if status.commitIndex > node.seenCommit {
            record.commits(core, from: node.seenCommit, to: status.commitIndex, isLeader: status.role == .leader, self)
            if settings.usesLeases { checkHolders(have: status.commitIndex, as: node) }
            if status.commitIndex > status.lastIndex { fail("\(node.id) commits \(status.commitIndex), and its log ends at \(status.lastIndex)") }
        }
        if core.durableIndex > status.lastIndex { fail("\(node.id) counts entries as durable that it does not have") }
        if core.membership != node.seenMembership {
            let membership = core.membership
            if status.role == .leader, node.seenRole == .leader, !Quorums.intersect(node.seenMembership, membership) {
                fail("\(node.id) goes from \(Quorums.text(node.seenMembership)) to \(Quorums.text(membership)), which can decide without each other")
            }
            node.seenMembership = membership
            node.seenMembershipIndex = core.membershipIndex
        }
        checkMembership(core, status, node)
        if settings.usesLeases { checkFence(core, status, node) }
        node.seenTerm = status.term
        node.seenCommit = status.commitIndex
        node.seenRole = status.role
        node.hasSpoken = true
    }

    /// The membership in force is that of an entry of the own log or of the state, and none that is known to be committed is newer.
    private func checkMembership(_ core: borrowing RaftCore, _ status: RaftStatus, _ node: SimulatedNode) {
        let index = core.membershipIndex
        if index > status.lastIndex { fail("\(node.id) goes by the membership of entry \(index), and its log ends at \(status.lastIndex)") }
        let newest = record.newestMembership(atOrBefore: status.commitIndex)
        if index < newest { fail("\(node.id) goes by the membership of entry \(index), and has \(newest) as committed, which is a newer one") }
        if index > core.base.index, index <= core.durableIndex, let term = core.term(at: index), !record.isMembership(LogPosition(index: index, term: term)) {
            fail("\(node.id) goes by the membership of entry \(index), and has another entry there")
        }
    }
}

extension LaneKind {
    /// For the trace's digest.
    var number: UInt8 {
        switch self {
        case .loop: 1
        case .log: 2
        case .apply: 3
        case .checkpoint: 4
        case .snapshotIn: 5
        case .snapshotOut: 6
        }
    }
}

/// Majorities of memberships.
enum Quorums {
    static func text(_ membership: Membership) -> String {
        let voters = membership.voters.map(\.description).joined(separator: ",")
        return membership.isJoint ? "\(voters) and \(membership.outgoingVoters.map(\.description).joined(separator: ","))" : voters
    }

    static func isQuorum(_ ids: [NodeID], of membership: Membership) -> Bool {
        for group in [membership.voters, membership.outgoingVoters] where !group.isEmpty {
            guard group.count(where: { ids.contains($0) }) > group.count / 2 else { return false }
        }
        return !membership.voters.isEmpty
    }

    /// Whether every quorum of the one has a node in common with every quorum of the other: no set of nodes is a quorum of the one while
    /// the rest is one of the other.
    static func intersect(_ one: Membership, _ other: Membership) -> Bool {
        var all = one.voters + one.outgoingVoters + other.voters + other.outgoingVoters
        all.sort()
        all = zip(all, all.dropFirst() + [.none]).filter { $0 != $1 }.map(\.0)
        guard all.count <= 16 else { return true }
        for set in 0..<(1 << all.count) {
            let (inside, outside) = (all.indices.filter { set >> $0 & 1 == 1 }.map { all[$0] }, all.indices.filter { set >> $0 & 1 == 0 }.map { all[$0] })
            if isQuorum(inside, of: one), isQuorum(outside, of: other) { return false }
        }
        return true
    }
}
