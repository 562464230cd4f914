import Admission
import Core
import Glibc
import SimulatedDisk

/// What goes wrong, and how it ends.
extension World {
    func schedule(_ fault: Fault) {
        let mean: UInt64 =
            switch fault {
            case .crash, .partition: 900_000_000
            case .stop, .slowDisk, .diskError, .diskFull: 3_000_000_000
            case .pause: 1_500_000_000
            case .clock where settings.hasHours: 800_000_000
            case .wipe, .clock: 4_000_000_000
            case .identity, .damage: 1_500_000_000
            case .transfer: 1_000_000_000
            case .rot: 1_200_000_000
            case .putBack: 250_000_000
            }
        queue.push(.fault(fault), at: time + dice.within(mean / 4...mean * 2) / settings.haste)
    }

    func strike(_ fault: Fault) {
        guard !isCalm else { return }
        schedule(fault)
        trace.mix(UInt64(fault.set.rawValue) << 8 | 0xFA)
        let node = dice.pick(nodes)
        if [.crash, .stop, .diskError, .diskFull].contains(fault), isToBeRefused(node) { return }
        switch fault {
        case .crash:
            // Now and then all at once: what was acknowledged must be on the disks.
            if dice.permille(60) { return nodes.filter { !isToBeRefused($0) }.forEach(crash) }
            // And now and then in the middle of what its log does.
            if node.isUp, dice.permille(600) { failDisk(node, SimulatedDisk.killed, within: 12) } else { crash(node) }
        case .stop: if node.pausedUntil <= time { stop(node) }
        case .pause:
            guard node.isUp else { return }
            let before = max(time, node.pausedUntil)
            node.pausedUntil = max(before, time + dice.within(settings.electionNanoseconds / 4...10 * settings.electionNanoseconds))
            if settings.defect == .clocksStandStillInPauses { node.uncounted += node.pausedUntil - before }
            counts.pauses += 1
            trace.line("\(moment) \(node.id) stands still until \(node.pausedUntil / 1_000_000)")
        case .partition: cutLinks()
        case .slowDisk:
            counts.slowDisks += 1
            node.diskNanoseconds = dice.permille(500) ? dice.within(20_000_000...150_000_000) : dice.within(50_000...2_000_000)
            // Holders of leases that live and do not get on, all at once.
            guard settings.usesLeases, dice.permille(300) else { return }
            for node in nodes where !node.isVoterAtFirst { node.diskNanoseconds = dice.within(300_000_000...2_000_000_000) }
        case .diskError: if node.isUp { failDisk(node, EIO, within: 12) }
        case .diskFull: fill(node)
        case .wipe: wipeLearner()
        case .clock where settings.hasHours && dice.permille(500):
            // All clocks at once, by hours and mostly ahead: terms and sessions end.
            let jump = Int64(dice.below(30_000_000)) - 4_000_000
            for node in nodes { node.wallOffset += jump }
            counts.clockJumps += 1
            trace.line("\(moment) all wall clocks jump by \(jump / 1_000) s")
        case .clock:
            counts.clockJumps += 1
            node.wallOffset += dice.permille(200) ? Int64(dice.below(8_000_000)) - 4_000_000 : Int64(dice.below(4_000)) - 2_000
            trace.line("\(moment) the wall clock of \(node.id) jumps")
        case .identity: loseVoter(node)
        case .damage: damage(node)
        case .rot: rot(node)
        case .putBack: goOnPuttingBack()
        case .transfer:
            guard let leader = nodes.first(where: { $0.isLeader && $0.pausedUntil <= time }) else { return }
            let target = dice.permille(500) ? nil : dice.pick(nodes).id
            leader.replica?.transferLeadership(to: target) { [unowned self] result in
                trace.line("\(moment) transfer from \(leader.id): \(result)")
                if case .leads = result { counts.transfers += 1 }
            }
        }
    }

    private func failDisk(_ node: SimulatedNode, _ code: Int32, within calls: Int) {
        if let files = node.files {
            files.plan(code == SimulatedDisk.killed ? .kill : .fail(code), atCall: files.calls + 1 + dice.below(calls))
        } else {
            node.disk.failure = (dice.below(calls), code)
        }
    }

    private func fill(_ node: SimulatedNode) {
        let isFull = !node.disk.isLow
        node.disk.isLow = isFull
        if isFull { counts.fullDisks += 1 }
        if let files = node.files {
            // Nearly full, or so full that the next segment finds no room.
            let room = dice.permille(700) ? 30 << 10 : 1 << 10
            if isFull { files.capacityBytes -= files.freeBytes - min(files.freeBytes, room) } else { files.capacityBytes = .max }
        } else if isFull, node.isUp, dice.permille(300) {
            // The warning may come too late.
            node.disk.failure = (dice.below(8), ENOSPC)
        }
        trace.line("\(moment) the disk of \(node.id) is \(isFull ? "nearly full" : "roomy again")")
    }

    // MARK: Links

    private func cutLinks() {
        counts.partitions += 1
        let count = nodes.count
        let kind = dice.below(6)
        let one = dice.below(count), other = (one + 1 + dice.below(count - 1)) % count
        switch kind {
        case 0:  // A node alone.
            for place in 0..<count where place != one { cutBoth(one, place) }
        case 1: cutBoth(one, other)
        case 2: network.cut(one, other)
        case 3:  // It hears, and nobody hears it; or the other way about.
            let isDeaf = dice.permille(500)
            for place in 0..<count where place != one { if isDeaf { network.cut(place, one) } else { network.cut(one, place) } }
        case 4:  // Two halves.
            let side = (0..<count).map { _ in dice.permille(500) }
            for a in 0..<count { for b in 0..<count where side[a] != side[b] { network.cut(a, b) } }
        default:  // A ring: each reaches its neighbours only.
            for a in 0..<count { for b in 0..<count where a != b && (a + 1) % count != b && (b + 1) % count != a { network.cut(a, b) } }
        }
        trace.line("\(moment) links are cut: kind \(kind) around \(nodes[one].id), \(nodes[other].id)")
        network.epoch += 1
        queue.push(.healLinks(epoch: network.epoch), at: time + dice.within(20_000_000...6 * settings.electionNanoseconds))
        for a in nodes where a.isUp {
            for b in nodes where a !== b && network.isCut(a.place, b.place) && dice.permille(300) {
                queue.push(.disconnected(place: a.place, life: a.life, from: b.place), at: time + dice.within(1_000_000...300_000_000))
            }
        }
    }

    private func cutBoth(_ a: Int, _ b: Int) {
        network.cut(a, b)
        network.cut(b, a)
    }

    func healLinks(epoch: Int) {
        guard epoch == network.epoch, !isCalm else { return }
        network.heal()
        trace.line("\(moment) all links are whole")
    }

    // MARK: Directories

    /// A node without a vote, by anybody's log, loses its directory. It has a new incarnation; the administrator adds it again.
    private func wipeLearner() {
        guard nobodyIsToBeReplaced, nobodyIsRotten, let node = nodes.last(where: { isIn($0) && !mayVote($0) }) else { return }
        if node.isUp { crash(node) }
        counts.wipes += 1
        loseDirectory(node)
    }

    /// A voter loses its directory, votes and all. Nobody may hear the new one before it was made a learner and added again.
    private func loseVoter(_ node: SimulatedNode) {
        guard nobodyIsToBeReplaced, nobodyIsRotten, isIn(node), mayVote(node), isSpare(node) else { return }
        if node.isUp { crash(node) }
        counts.lostVoters += 1
        loseDirectory(node)
    }

    /// A bit of a log at rest flips. The node may refuse to start, and is then as lost; what it must not do is go on with less.
    private func damage(_ node: SimulatedNode) {
        // One flip a log: two may take an entry and the only proof of it, which is more than the format promises to find.
        guard let files = node.files, isSpare(node), !node.isDamaged else { return }
        if node.isUp { crash(node) }
        let names = files.list("/log")
        guard !names.isEmpty else { return }
        // Mostly where something stands: in a segment, and there before its last byte that is not zero.
        let segments = names.filter { $0.hasPrefix("segment-") }
        // Now and then in what was synced last.
        let isAtEnd = dice.permille(200)
        let path = "/log/" + (isAtEnd ? segments.last ?? names[0] : dice.pick(dice.permille(700) && !segments.isEmpty ? segments : names))
        let bytes = files.contents(path) ?? []
        let end = isAtEnd || dice.permille(800) ? bytes.lastIndex { $0 != 0 }.map { $0 + 1 } ?? bytes.count : bytes.count
        let length = isAtEnd ? min(end, 300) : end
        guard !bytes.isEmpty, files.flip(path, byte: end - length + dice.below(length), bit: dice.below(8)) else { return }
        counts.damages += 1
        node.isDamaged = true
        trace.line("\(moment) a bit of \(node.id)'s \(path) flips")
    }

    /// A state rots, and somebody notices: a reader, the next entry that is applied, a checkpoint, or the node's next start, for it cannot be opened any more.
    /// One at a time, or nobody would be left to rebuild it from.
    private func rot(_ node: SimulatedNode) {
        guard node.isUp, isIn(node), let machine = node.machine, nodes.allSatisfy({ !$0.isRotten }) else { return }
        // Never the last good copy.
        let applied = machine.applied.position.index
        guard nodes.contains(where: { $0 !== node && !$0.isToBeReplaced && ($0.machine?.applied.position.index ?? LogIndex(0)) >= applied }) else { return }
        // A query node that has just begun knows nobody yet.
        guard node.seenMembership.members.count > 1 else { return }
        counts.rots += 1
        if dice.permille(300), isKnownInBrief(node, machine) { return loseState(node) }
        machine.isStruck = true
        if settings.comparisonMilliseconds < .max, record.membership.voters.count > 2, dice.permille(300) {
            trace.line("\(moment) the state of \(node.id) is taken for another; a comparison finds it")
            counts.strays += 1
            return machine.isStray = true
        }
        let isRead = dice.permille(500)
        trace.line("\(moment) the state of \(node.id) rots; \(isRead ? "a reader" : "the next entry or checkpoint") finds it")
        if !isRead { return machine.isRotten = true }
        if node.replica?.reportDamage("a reader found it") != true { fail("\(node.id) finds nobody to be rebuilt from") }
    }

    /// Whether its last checkpoint says how far its state had come, and who the others are.
    private func isKnownInBrief(_ node: SimulatedNode, _ machine: WatchedMachine) -> Bool {
        let (checkpointed, named) = (machine.checkpointed.index, machine.applied.membershipIndex)
        return checkpointed > LogIndex(0) && (node.isFounder || named > LogIndex(0) && named <= checkpointed)
    }

    /// The node is killed, and its state cannot be opened any more: of a real store a file is lost, or most of one.
    private func loseState(_ node: SimulatedNode) {
        crash(node)
        node.isMarked = true
        guard let folder = node.folder else {
            node.storage.damage = "it cannot be opened"
            return trace.line("\(moment) the state of \(node.id) cannot be opened any more")
        }
        let lost = dice.pick(["current", "checkpoint", "data.mdb", "pages"])
        trace.line("\(moment) the state of \(node.id) loses its \(lost)")
        if lost == "current" { unlink(folder + "/current") }
        for name in (try? SystemDisk.shared.names(in: folder)) ?? [] where name.hasPrefix("g-") {
            if lost == "pages" { truncate("\(folder)/\(name)/data.mdb", 2 * 4_096) } else { unlink("\(folder)/\(name)/\(lost)") }
        }
    }

    /// What the system does with who looks at a page that is not there is no fault of a world: it ends the process.
    func cutMap(of node: SimulatedNode) {
        guard let folder = node.folder else { return }
        for name in (try? SystemDisk.shared.names(in: folder)) ?? [] where name.hasPrefix("g-") { truncate("\(folder)/\(name)/data.mdb", 0) }
    }

    /// A copy is made; then the node starts a few times more, so that the others meet it; then the copy takes the directory's place, or runs beside it.
    private func goOnPuttingBack() {
        if let node = nodes.first(where: canBePutBack) { return dice.permille(500) ? putBack(node) : runTwice(node) }
        guard let node = nodes.first(where: { $0.backup != nil }) else { return backUp(dice.pick(nodes)) }
        if let backup = node.backup, node.start.number < backup.start.number + 2 { crash(node) }
    }

    /// A copy of the directory is made, as a power cut would leave it.
    private func backUp(_ node: SimulatedNode) {
        guard node.files == nil, node.folder == nil, !node.isToBeReplaced, !node.isRotten, node.start.number > 0 else { return }
        node.backup = Backup(of: node, &dice)
        trace.line("\(moment) \(node.id)'s directory is copied, at its start \(node.start.number)")
    }

    /// Never where a node has voted alone, since it would do so again without a word to anybody: one of the limits in docs/architecture.md.
    /// One at a time, and only where the others have met a later start than the one with which it will come. What was committed with its help alone may be
    /// on one other disk: it stays, for those who have it not cannot lead without those who have.
    private func canBePutBack(_ node: SimulatedNode) -> Bool {
        guard settings.votersLeast > 1, let backup = node.backup, nobodyIsToBeReplaced, nobodyIsRotten, !mayVote(node) || isSpare(node, othersHaveAll: false) else { return false }
        let comes = PeerStart(number: backup.start.number + 1, mark: 0)
        let peer = PeerIdentity(cluster: cluster, node: node.id, incarnation: Incarnation(node.incarnation), start: comes)
        return nodes.allSatisfy { $0 === node || $0.life == 0 || $0.met.objection(to: peer) != nil }
    }

    /// The copy takes the directory's place, as somebody might do who restores a machine.
    private func putBack(_ node: SimulatedNode) {
        guard let backup = node.backup else { return }
        if node.isUp { crash(node) }
        counts.putBacks += 1
        node.lost = node.truth
        backup.restore(to: node)
        trace.line("\(moment) \(node.id)'s directory is put back to that of its start \(backup.start.number)")
    }

    /// It was put back, and not all others know. Each start that nobody hears of brings it nearer to a number that nobody has met: one of the limits in
    /// docs/architecture.md.
    private func isToBeRefused(_ node: SimulatedNode) -> Bool {
        guard node.isPutBack else { return false }
        let later = PeerStart(number: .max - 1, mark: 0)
        let peer = PeerIdentity(cluster: cluster, node: node.id, incarnation: Incarnation(node.incarnation), start: later)
        return !nodes.allSatisfy { $0 === node || $0.life == 0 || $0.met.objection(to: peer) != nil }
    }

    /// Somebody notices that the others refuse it, and gives it an empty directory. Its twin is found and ended too, or runs on when all is calm.
    func replaceRefused() {
        if !isCalm || dice.permille(500) { endTwin() }
        for node in nodes where node.isToBeReplaced {
            if node.isUp { crash(node) }
            loseDirectory(node)
        }
    }

    /// A member with an empty directory has met nobody, and would hear a directory that the others refuse: one of the limits in docs/architecture.md.
    var nobodyIsToBeReplaced: Bool { nodes.allSatisfy { !$0.isToBeReplaced } }
    /// What a state that rots is rebuilt from must not be lost: it may be the last good copy.
    private var nobodyIsRotten: Bool { nodes.allSatisfy { !$0.isRotten } }

    /// Whether it has a vote by any log.
    private func mayVote(_ node: SimulatedNode) -> Bool {
        record.membership.isVoter(node.id) || firstMembership.isVoter(node.id) && record.membership.members.isEmpty
            || nodes.contains { isIn($0) && $0.seenMembership.isVoter(node.id) }
    }

    /// Whether it can be lost: every voter is in its place, and the others have durably all that was committed.
    private func isSpare(_ node: SimulatedNode, othersHaveAll: Bool = true) -> Bool {
        let membership = record.membership.members.isEmpty ? firstMembership : record.membership
        guard !membership.isJoint, membership.voters.count >= 3, nodes.allSatisfy({ !$0.isUp || !isIn($0) || $0.seenMembership.voters == membership.voters }) else { return false }
        let index = record.committedIndex
        guard let term = record.committedTerm(at: index) else { return false }
        return membership.voters.allSatisfy { id in
            let voter = nodes[Int(id.rawValue) - 1]
            return voter === node || voter.isUp && !voter.isDamaged && !voter.isToBeReplaced
                && (!othersHaveAll || voter.truth.hasDurably(LogPosition(index: index, term: term))) && membership.member(id)?.incarnation.rawValue == voter.incarnation
        }
    }
}
