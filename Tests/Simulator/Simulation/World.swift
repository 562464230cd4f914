import Core
import Raft
import Replica
import SimulatedDisk
import Store

/// A whole cluster in one thread, under one seed: voters, query nodes, clients, an administrator, a network, disks and clocks that fail.
///
/// `@unchecked Sendable` because a simulation is used by one thread; what hands out closures asks for it.
package final class World: @unchecked Sendable {
    let settings: WorldSettings
    var dice: Dice
    var queue = EventQueue()
    var time: UInt64 = 0
    var nodes: [SimulatedNode] = []
    /// The copy of a node's directory that runs beside it, or that did last.
    var twin: SimulatedNode?
    var clients: [Client] = []
    var record: Record
    /// The commands that the world begins with.
    let foundation: [Command]
    var votes = Votes()
    var trace: Trace
    var network: Network
    let shelf = SnapshotShelf()
    /// Where real stores lie.
    var base: String?
    let cluster = ClusterID(high: 7, low: 9)
    /// The voters, and the query nodes as learners; in some worlds the first of the voters alone votes.
    private(set) var firstMembership = Membership.empty
    /// What the nodes owe answers for, when they were asked at the end.
    var waiting = 0
    /// Nothing goes wrong any more.
    var isCalm = false
    package internal(set) var events = 0
    package internal(set) var counts = Counts()
    /// The first thing that was wrong; nothing happens after it.
    package internal(set) var violation: String?

    package init(_ settings: WorldSettings, sink: ((String) -> Void)? = nil) {
        self.settings = settings
        dice = Dice(seed: settings.seed)
        record = Record(keepsRights: settings.usesRights)
        foundation = settings.usesRights ? Workload.withPartner(isOpen: settings.isOpenAtFirst) : Workload.withOwner
        trace = Trace(kept: settings.traceLines, sink: sink)
        network = Network(places: settings.voters + settings.learners + settings.spares + 1)
        for place in 0..<settings.voters + settings.learners {
            nodes.append(SimulatedNode(place: place, isVoter: place < settings.voters, dice: &dice))
        }
        for place in nodes.count..<nodes.count + settings.spares { nodes.append(SimulatedNode(place: place, isVoter: false, isSpare: true, dice: &dice)) }
        network.isInOrder = dice.permille(500)
        // Two clocks differ in speed by 1 % at most: what leases are made for.
        if settings.faults.contains(.clock) { for node in nodes { node.drift = Int64(dice.below(9_801)) - 4_900 } }
        firstMembership = Membership(
            members: nodes.filter { !$0.isSpare }.map(member), voters: nodes.filter(\.isVoterAtFirst).prefix(settings.votersLeast == 1 ? 1 : settings.voters).map(\.id), readMode: settings.usesLeases ? .lease : .readIndex)
        if settings.usesSegmentLog { for node in nodes { node.files = SimulatedDisk(seed: dice.next()) } }
        if settings.defect == .syncDoesNothing { nodes[0].disk.isForgetful = true }
        makeFolders()
        for node in nodes where !node.isSpare { start(node) }
        for number in 0..<settings.clients {
            clients.append(Client(number: number))
            queue.push(.client(number, step: 0), at: dice.within(1_000_000...400_000_000))
        }
        for fault in Fault.allCases where settings.faults.contains(fault.set) { schedule(fault) }
        queue.push(.administrator, at: dice.within(500_000_000...3_000_000_000))
    }

    deinit { removeFolders() }


    func member(_ node: SimulatedNode) -> Membership.Member {
        Membership.Member(id: node.id, name: node.name, peerAddress: node.name, adminAddress: "", incarnation: Incarnation(node.incarnation))
    }

    /// Whether the node belongs to the cluster by what is committed; one that was removed for good runs on, and must not disturb.
    func isIn(_ node: SimulatedNode) -> Bool { (record.membership.members.isEmpty ? firstMembership : record.membership).contains(node.id) }

    func fail(_ what: String) {
        guard violation == nil else { return }
        violation = what
        trace.line("\(moment) VIOLATION: \(what)")
    }

    /// The moment, for a line of the trace.
    var moment: String {
        let micros = time / 1_000 % 1_000
        return "\(time / 1_000_000).\(micros < 100 ? "0" : "")\(micros < 10 ? "0" : "")\(micros)"
    }

    // MARK: Running

    /// Lets so many events happen, unless something is found to be wrong before.
    package func run(events count: Int) {
        let end = events + count
        while events < end, violation == nil { guard happen() else { return } }
    }

    /// Lets happen what is due until this moment; for the phases after the faults.
    func run(until end: UInt64, while isWanted: () -> Bool) {
        while violation == nil, isWanted(), time < end { guard happen() else { return } }
    }

    private func happen() -> Bool {
        guard let (moment, event) = queue.pop() else {
            fail("nothing is left to happen")
            return false
        }
        if case let .lane(slot, token) = event, slot.token != token { return true }
        time = max(time, moment)
        events += 1
        if events == 200, settings.defect == .mapIsCut { cutMap(of: nodes[0]) }
        switch event {
        case let .lane(slot, _): run(slot)
        case let .deliver(packet): deliver(packet)
        case let .client(number, step): act(number, step)
        case .administrator: administrate()
        case let .fault(fault): strike(fault)
        case let .restart(place, life): restart(place, life)
        case let .stop(place, life): stopFailed(place, life)
        case let .disconnected(place, life, from): disconnect(place, life, from)
        case let .healLinks(epoch): healLinks(epoch: epoch)
        case let .leasedRead(read): goOn(read)
        }
        return true
    }
}
