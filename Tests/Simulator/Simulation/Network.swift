import Admission
import Core
import Raft

/// Which links are cut, and how messages travel.
struct Network {
    private let count: Int
    private var cuts: [Bool]
    /// Until when a link is not there yet, since a node at its end has just begun.
    private var lateUntil: [UInt64]
    /// When the last message on a link arrives, for a network that keeps their order.
    private var lastArrival: [UInt64]
    var isInOrder = false
    /// Messages under way on a link; those of bulk apart, as on a connection of their own.
    private var underWay: [Int]
    /// Counts the changes of the links: a later healing of an older partition does nothing.
    var epoch = 0

    init(places count: Int) {
        self.count = count
        cuts = [Bool](repeating: false, count: count * count)
        lateUntil = [UInt64](repeating: 0, count: count * count)
        lastArrival = [UInt64](repeating: 0, count: 2 * count * count)
        underWay = [Int](repeating: 0, count: 2 * count * count)
    }

    func underWay(_ from: Int, _ to: Int, bulk: Bool) -> Int { underWay[(bulk ? count * count : 0) + from * count + to] }
    mutating func took(_ packet: Packet) { underWay[(packet.isBulk ? count * count : 0) + packet.from * count + packet.to] += 1 }
    mutating func gave(_ packet: Packet) { underWay[(packet.isBulk ? count * count : 0) + packet.from * count + packet.to] -= 1 }

    func isCut(_ from: Int, _ to: Int) -> Bool { cuts[from * count + to] }
    mutating func cut(_ from: Int, _ to: Int) { cuts[from * count + to] = true }
    mutating func heal() { for link in cuts.indices { cuts[link] = false } }

    func isLate(_ from: Int, _ to: Int, at time: UInt64) -> Bool { time < lateUntil[from * count + to] }
    mutating func delay(_ from: Int, _ to: Int, until time: UInt64) { lateUntil[from * count + to] = time }
    mutating func connectAll() { for link in lateUntil.indices { lateUntil[link] = 0 } }

    /// Bulk has a connection of its own, and its order is relied on.
    mutating func arrival(_ from: Int, _ to: Int, bulk: Bool, at time: UInt64) -> UInt64 {
        guard isInOrder || bulk else { return time }
        let link = (bulk ? count * count : 0) + from * count + to
        lastArrival[link] = max(time, lastArrival[link] + 1)
        return lastArrival[link]
    }
}

extension World {
    /// A message leaves. False if the sender is told that it surely does not arrive.
    func send(_ bytes: [UInt8], from node: SimulatedNode, to other: NodeID, bulk: Bool) -> Bool {
        let place = Int(other.rawValue) - 1
        guard nodes.indices.contains(place), other != node.id else { return false }
        if bytes.first == Self.raftKind { checkSent(bytes, by: node) }
        let receiver = reached(at: place)
        // A node that knows nobody yet was told whom to talk to when it was added.
        guard node.admission.dials(other) || node.admission.membership.members.isEmpty else { return false }
        if !receiver.isUp || network.isCut(node.place, receiver.place) || network.isLate(node.place, receiver.place, at: time) {
            counts.lost += 1
            // The connection may be known to be gone, or not yet.
            return dice.permille(300)
        }
        if !isCalm, let most = settings.queueMessages, network.underWay(node.place, receiver.place, bulk: bulk) >= most {
            counts.overflows += 1
            return false
        }
        if has(.loss), dice.permille(bulk ? 10 : 30) {
            counts.lost += 1
            return true
        }
        let packet = Packet(
            from: node.place, to: receiver.place, incarnation: node.incarnation, start: node.start, life: node.life, receiverLife: receiver.life,
            standing: node.admission.standing, isBulk: bulk, bytes: bytes)
        dispatch(packet)
        guard bytes.first == Self.raftKind else { return true }
        // Commands and transfers travel on a connection, which does not double; the consensus must not rely on that.
        if has(.duplication), dice.permille(20) {
            counts.doubled += 1
            dispatch(packet)
        }
        if has(.strays), dice.permille(5) {
            counts.strayMessages += 1
            let stray = Packet(
                from: node.place, to: dice.below(nodes.count), incarnation: node.incarnation, start: node.start, life: node.life, receiverLife: -1,
                standing: node.admission.standing, isBulk: bulk, bytes: bytes)
            queue.push(.deliver(stray), at: time + dice.within(0...5 * settings.electionNanoseconds))
        }
        return true
    }

    /// The first byte of a message between two cores.
    private static let raftKind: UInt8 = 1

    private func has(_ fault: FaultSet) -> Bool { !isCalm && settings.faults.contains(fault) }

    private func dispatch(_ packet: Packet) {
        network.took(packet)
        var delay = dice.within(30_000...1_500_000)
        if has(.delay) {
            if dice.permille(30) { delay += dice.within(0...settings.electionNanoseconds * 3 / 2) } else if dice.permille(100) { delay += dice.within(0...20_000_000) }
        }
        queue.push(.deliver(packet), at: network.arrival(packet.from, packet.to, bulk: packet.isBulk, at: time + delay))
    }

    func deliver(_ packet: Packet) {
        let receiver = node(at: packet.to), sender = node(at: packet.from)
        // Strays never stood in a queue.
        if packet.receiverLife >= 0 { network.gave(packet) }
        guard let replica = receiver.replica else {
            counts.lost += 1
            return
        }
        // A connection ends with either process; strays (-1) are what the consensus itself must sort out.
        if packet.receiverLife >= 0, packet.receiverLife != receiver.life, !has(.strays) { return }
        if packet.receiverLife >= 0, packet.receiverLife != receiver.life, packet.bytes.first != Self.raftKind { return }
        if !isCalm || packet.receiverLife >= 0, network.isCut(packet.from, packet.to) {
            counts.lost += 1
            return
        }
        guard admits(receiver, sender, packet) else {
            counts.refusals += 1
            if sender === twin || receiver === twin { counts.twinRefusals += 1 }
            return
        }
        if sender === twin || receiver === twin { return fail("\(receiver.id) hears \(sender.id), and one of them is a copy that the others have a later start of") }
        if receiver.pausedUntil > time {
            if packet.receiverLife >= 0 { network.took(packet) }
            return queue.push(.deliver(packet), at: receiver.pausedUntil + dice.within(0...200_000))
        }
        counts.delivered += 1
        trace.mix(UInt64(packet.from) << 16 | UInt64(packet.to) << 24 | 0xD)
        trace.mix(time)
        trace.mix(UInt64(CRC32C.of(packet.bytes)))
        if trace.wantsText { trace.line("\(self.moment) \(sender.id)→\(receiver.id) \(Self.text(packet.bytes))") }
        replica.receive(packet.bytes, from: sender.id)
    }

    /// What `PeerAdmission` says of the connection, on both sides, as in their handshake; open connections are judged again whenever something new is met. What comes late
    /// from an earlier life has passed its handshake then, and is judged by the start of that time; but a twin never passed any.
    private func admits(_ receiver: SimulatedNode, _ sender: SimulatedNode, _ packet: Packet) -> Bool {
        let isOpen = packet.life == sender.life && packet.receiverLife == receiver.life
        guard isOpen || sender !== twin && receiver !== twin else { return false }
        let peer = PeerIdentity(cluster: cluster, node: sender.id, incarnation: Incarnation(packet.incarnation), start: packet.start)
        if isOpen {
            let other = identity(of: receiver), standing = receiver.admission.standing
            guard isAdmitted(by: sender, other, standing, receiver.name, isOpen: true) else { return false }
            meet(sender, other, standing)
        }
        guard isAdmitted(by: receiver, peer, packet.standing, sender.name, isOpen: isOpen) else { return false }
        if isOpen { meet(receiver, peer, packet.standing) }
        return true
    }

    private func isAdmitted(by node: SimulatedNode, _ peer: PeerIdentity, _ standing: PeerStanding, _ name: String, isOpen: Bool) -> Bool {
        if node.admission.judge(peer, standing, certificateName: name) == .admit { return true }
        // Both ends of an open connection live.
        if isOpen, node.admission.condemn(peer, standing, certificateName: name, begun: MonotonicTime(nanoseconds: time + 1)) { node.met = node.admission.met }
        return false
    }

    private func identity(of node: SimulatedNode) -> PeerIdentity {
        PeerIdentity(cluster: cluster, node: node.id, incarnation: Incarnation(node.incarnation), start: node.start)
    }

    private func meet(_ node: SimulatedNode, _ peer: PeerIdentity, _ standing: PeerStanding) {
        _ = node.admission.welcome(peer, standing)
        if node.admission.meet(peer, at: MonotonicTime(nanoseconds: time)) { node.met = node.admission.met }
    }

    // MARK: What a message promises

    /// What a message says of its sender must be on the sender's disk when it leaves.
    private func checkSent(_ bytes: [UInt8], by node: SimulatedNode) {
        // Kind 4 is a vote's answer, 3 a vote asked for, 6 an acknowledgement: the only ones that promise.
        guard bytes.count > 2, bytes[2] == 3 || bytes[2] == 4 || bytes[2] == 6 else { return }
        guard let message = try? RaftMessage(decoding: Array(bytes[1...])) else { return fail("\(node.id) sends what cannot be read") }
        let truth = node.truth
        if message.from != node.id { fail("\(node.id) sends in the name of \(message.from)") }
        switch message.body {
        case .voteReply(granted: true):
            votes.add(of: node.id, for: message.to, in: message.term)
            if truth.hardState.term < message.term || (truth.hardState.term == message.term && truth.hardState.vote != message.to) {
                fail("\(node.id) votes for \(message.to) in term \(message.term), and has written \(truth.hardState)")
            }
        case .vote:
            if truth.hardState.term < message.term || (truth.hardState.term == message.term && truth.hardState.vote != node.id) {
                fail("\(node.id) asks for votes in term \(message.term), and has written \(truth.hardState)")
            }
        case let .appendAccepted(match):
            // Of an older term it may be late: what it was about has been replaced in the same batch.
            if message.term == truth.hardState.term, max(truth.durable, node.checkpointed) < match { fail("\(node.id) acknowledges \(match), and has synced through \(truth.durable)") }
        default: break
        }
    }

    /// A message for the trace.
    static func text(_ bytes: [UInt8]) -> String {
        guard bytes.first == raftKind, let message = try? RaftMessage(decoding: Array(bytes[1...])) else {
            let names = ["", "", "forward", "forwardAccepted", "forwardRefused", "snapshotBegin", "snapshotChunk", "snapshotEnd", "snapshotAck", "snapshotDone", "snapshotWanted", "stateDigest"]
            let kind = Int(bytes.first ?? 0)
            return "\(kind < names.count ? names[kind] : "?") of \(bytes.count) bytes"
        }
        if case let .append(previous, entries, commit) = message.body {
            return "term \(message.term) append \(entries.count) after \(previous.index)/\(previous.term), commit \(commit)"
        }
        return "term \(message.term) \(message.body)"
    }
}
