import Core

@testable import Raft

/// A cluster under everything that a network, disks and operators do to it, by one seed: it begins with three voters and a learner, and
/// its members come and go. Invariants are checked after every event. The first violation is kept in `violation`, and nothing
/// happens after it.
struct Simulation {
    let seed: UInt64
    var dice: Draws
    var nodes: [SimulatedNode] = []
    var network: [RaftMessage] = []
    var cuts: Set<Pair> = []
    /// Transfers of snapshots under way: sender's place, receiver's place, what is sent.
    var transfers: [(from: Int, to: Int, state: SimulatedNode.State)] = []
    var violation: String?
    var isCalm = false
    // How this seed's world is, out of a thousand events.
    /// Writes that end: few make slow disks.
    let diskWeight: Int
    let crashWeight: Int
    let cutWeight: Int

    // What is known of the past.
    /// The one history: what was applied anywhere, from index 1 on, with the state's digest after it.
    var history: [(term: Term, payload: [UInt8], digest: UInt64)] = []
    var leaders: [Term: NodeID] = [:]
    var votes: [Pair: NodeID] = [:]
    /// Every entry ever written, by index and term: the term before it and its payload (log matching).
    var entries: [Pair: (previous: Term, payload: [UInt8])] = [:]
    /// The highest commit index that any node ever had.
    var committed = LogIndex(0)
    /// Reads under way: node, read → the highest commit index known to anybody when it began.
    var reads: [Pair: LogIndex] = [:]
    var seen: [(term: Term, commit: LogIndex, life: UInt64)] = []
    /// Transfers of leadership that were asked for and not answered: node's place, number.
    var handovers: Set<Pair> = []
    /// Queries from the own replica under way: what was committed when they began, and the snapshot that they took.
    var queries: [Query] = []
    /// The time, in nanoseconds, by a clock that nobody has.
    var world: UInt64 = 1_000_000_000_000
    /// A node's clock: how much faster than the world's, in millionths, and how far ahead.
    var drifts: [(millionths: Int64, offset: UInt64)] = []
    var happened = 0
    /// Directories made so far.
    var directories: UInt64 = 0
    var nextNumber: UInt64 = 1
    // What happened, so that a test that nothing happens in fails.
    var counts = Counts()

    struct Query {
        let place: Int
        let life: UInt64
        let committed: LogIndex
        let snapshot: LogIndex
        let takenAt: UInt64
    }

    struct Counts: Sendable {
        var elections = 0, applied = 0, readsAnswered = 0, readsFailed = 0, snapshots = 0, crashes = 0, memberships = 0, truncations = 0, wipes = 0
        var joins = 0, joint = 0, handedOver = 0, removedLeaders = 0, leaseReads = 0, leaseRefusals = 0, fenced = 0
        static func += (a: inout Counts, b: Counts) {
            a.elections += b.elections
            a.applied += b.applied
            a.readsAnswered += b.readsAnswered
            a.readsFailed += b.readsFailed
            a.snapshots += b.snapshots
            a.crashes += b.crashes
            a.memberships += b.memberships
            a.truncations += b.truncations
            a.wipes += b.wipes
            a.joins += b.joins
            a.joint += b.joint
            a.handedOver += b.handedOver
            a.removedLeaders += b.removedLeaders
            a.leaseReads += b.leaseReads
            a.leaseRefusals += b.leaseRefusals
            a.fenced += b.fenced
        }
    }

    init(seed: UInt64, voters: Int = 3) {
        self.seed = seed
        dice = Draws(seed: seed)
        diskWeight = [30, 80, 160][dice.below(3)]
        crashWeight = [2, 5, 12][dice.below(3)]
        cutWeight = [1, 3, 6][dice.below(3)]
        let membership = testMembership(voters: voters, learners: 1).reading(dice.below(4) == 0 ? .readIndex : .lease)
        let (promise, lease) = [(1_000, 800), (3_000, 2_500), (6_000, 5_000)][dice.below(3)]
        for place in 0..<Self.places {
            let id = place < membership.members.count ? membership.members[place].id : .none
            var configuration = RaftConfiguration(
                id: id, electionTicks: 10, heartbeatTicks: 2, tickMilliseconds: 100, seed: seed &* 31 &+ UInt64(place))
            configuration.appendEntriesMax = 1 + dice.below(4)
            configuration.appendBytesMax = 100 + dice.below(400)
            configuration.inflightAppendsMax = 1 + dice.below(4)
            configuration.inflightBytesMax = 200 + dice.below(2_000)
            configuration.uncommittedBytesMax = 500 + dice.below(3_000)
            configuration.promotionEntriesMax = dice.below(20)
            configuration.wantsLease = true
            configuration.promiseMilliseconds = UInt64(promise)
            configuration.leaseMilliseconds = UInt64(lease)
            // Two clocks differ in speed by 1 % at most.
            drifts.append((Int64(dice.below(9_801)) - 4_900, UInt64(dice.below(1 << 30)) << 10))
            nodes.append(SimulatedNode(configuration, membership: id == .none ? .empty : membership))
            seen.append((Term(0), LogIndex(0), 0))
        }
        for place in nodes.indices where nodes[place].id != .none { restart(place) }
    }

    /// As many nodes can run at once.
    static let places = 8

    func place(of id: NodeID) -> Int? { id == .none ? nil : nodes.firstIndex { $0.id == id } }

    // MARK: What happens

    mutating func run(events: Int) {
        for _ in 0..<events where violation == nil { happen() }
    }

    private mutating func happen() {
        happened += 1
        // One of the nodes that there are.
        var place = 0
        var skipped = dice.below(nodes.count { $0.id != .none })
        while nodes[place].id == .none || skipped > 0 {
            if nodes[place].id != .none { skipped -= 1 }
            place += 1
        }
        // Mostly steady; now and then all stand still for a while, or one does.
        world += UInt64(dice.below(8)) * 1_000_000
        if !queries.isEmpty, dice.below(12) == 0 { finishQueries() }
        if dice.below(400) == 0 { world += UInt64(dice.below(4_000)) * 1_000_000 }
        switch dice.below(1_000) {
        case ..<(450 - diskWeight):
            deliver(dice.below(10) == 0 ? dice.below(max(1, network.count)) : 0)
            // A queue that grows is a queue that loses.
            if network.count > 60 { network.remove(at: dice.below(network.count)) }
        case ..<450: persist(place)
        case ..<650: deliver(0)
        case ..<850: tick(place)
        // In bursts: a lease answers queries when what was received is applied.
        case ..<900: if happened / 400 % 2 == 0 { propose(place) }
        case ..<920: read(place)
        case ..<935: beginQuery(place)
        case ..<945: checkpointAndCompact(place)
        case ..<955: if !transfers.isEmpty { finishTransfer(dice.below(transfers.count), delivered: dice.below(3) > 0) }
        case ..<(955 + crashWeight): crash(place)
        case ..<973: for down in nodes.indices where nodes[down].core == nil { restart(down) }
        case ..<(973 + cutWeight): cut()
        case ..<984: cuts = []
        case ..<990: if let leader = anyLeader { changeMembership(leader) }
        case ..<992: step(place, .unreachable(nodes[dice.below(nodes.count)].id))
        case ..<996: if let leader = anyLeader { handOver(leader) }
        case ..<997: step(place, .drain(dice.below(2) == 0))
        default: if dice.below(4) == 0 { wipeLearner() }
        }
    }

    mutating func tick(_ place: Int) {
        guard nodes[place].core != nil else { return }
        nodes[place].ticks += 1
        step(place, .tick(wallMilliseconds: 1_000_000 + nodes[place].ticks * 100))
    }

    /// Delivers a message that is under way, or loses it, or leaves a copy of it behind.
    mutating func deliver(_ place: Int) {
        guard place < network.count else { return }
        let message = network.remove(at: place)
        if !isCalm {
            if dice.below(20) == 0 || (!cuts.isEmpty && cuts.contains(Pair(message.from, message.to))) { return }
            if dice.below(20) == 0 { network.append(message) }
        }
        guard let to = self.place(of: message.to), isAdmitted(message.from, at: to), let from = self.place(of: message.from), isAdmitted(message.to, at: from)
        else { return }
        step(to, .message(message))
    }

    mutating func persist(_ place: Int) {
        guard nodes[place].core != nil, !nodes[place].writing.isEmpty else { return }
        let append = nodes[place].persistNext()
        for message in append.messages { sent(message, by: place) }
        step(place, .persisted(append.number))
    }

    private mutating func propose(_ place: Int) {
        let proposals = (0...dice.below(3)).map { _ in
            nextNumber += 1
            return Proposal(id: ProposalID(nextNumber), payload: Array("\(nextNumber)".utf8) + [UInt8](repeating: 0, count: dice.below(60)))
        }
        step(place, .propose(proposals))
    }

    private mutating func read(_ place: Int) {
        guard nodes[place].core != nil else { return }
        nextNumber += 1
        reads[Pair(UInt64(place), nextNumber)] = committed
        step(place, .read(ReadID(nextNumber)))
    }

    private mutating func checkpointAndCompact(_ place: Int) {
        guard nodes[place].core != nil else { return }
        nodes[place].checkpoint()
        let end = nodes[place].disk.checkpoint.snapshot.position.index.rawValue
        let keep = UInt64(dice.below(8))
        guard end > keep, let index = nodes[place].compact(through: LogIndex(end - keep)) else { return }
        step(place, .compacted(through: index))
    }

    mutating func crash(_ place: Int) {
        guard nodes[place].id != .none else { return }
        nodes[place].crash(keeping: dice.below(nodes[place].writing.count + 1))
        transfers.removeAll { $0.from == place || $0.to == place }
        reads = reads.filter { $0.key.a != UInt64(place) }
        handovers = handovers.filter { $0.a != UInt64(place) }
        counts.crashes += 1
        for sender in nodes.indices where sender != place { step(sender, .unreachable(nodes[place].id)) }
        // A transfer to a node that went down fails; the sender's driver says so.
        for sender in nodes.indices where sender != place {
            step(sender, .snapshotFinished(to: nodes[place].id, through: .zero, delivered: false))
        }
    }

    mutating func restart(_ place: Int) {
        guard nodes[place].id != .none else { return }
        setClock(place)
        perform(nodes[place].start(), at: place)
        check(place)
    }

    mutating func setClock(_ place: Int) {
        let drift = drifts[place]
        nodes[place].clock = MonotonicTime(nanoseconds: UInt64(Int64(world) + Int64(world) / 1_000_000 * drift.millionths) + drift.offset)
    }

    /// A proposal to a leader, and a read of every member.
    mutating func askAll(_ leader: Int) {
        nextNumber += 1
        step(leader, .propose([Proposal(id: ProposalID(nextNumber), payload: [1])]))
        for place in nodes.indices where nodes[leader].core?.membership.contains(nodes[place].id) == true { read(place) }
    }

    private mutating func cut() {
        let one = nodes[dice.below(nodes.count)].id
        for other in nodes.map(\.id) where other != one && dice.below(3) > 0 {
            cuts.insert(Pair(one, other))
            if dice.below(3) > 0 { cuts.insert(Pair(other, one)) }
        }
    }

    mutating func finishTransfer(_ number: Int, delivered: Bool) {
        let transfer = transfers.remove(at: number)
        let position = transfer.state.snapshot.position
        if delivered, nodes[transfer.to].core != nil {
            while !nodes[transfer.to].writing.isEmpty { persist(transfer.to) }
            if nodes[transfer.to].core?.needsSnapshot(at: position) == true {
                nodes[transfer.to].install(transfer.state)
                counts.snapshots += 1
                step(transfer.to, .snapshotInstalled(transfer.state.snapshot))
            }
        }
        step(transfer.from, .snapshotFinished(to: nodes[transfer.to].id, through: position, delivered: delivered))
    }

    // MARK: Effects

    mutating func step(_ place: Int, _ event: RaftEvent) {
        guard nodes[place].core != nil, violation == nil else { return }
        setClock(place)
        perform(nodes[place].step(event), at: place)
        check(place)
    }

    private mutating func perform(_ effects: [RaftEffect], at place: Int) {
        for effect in effects {
            switch effect {
            case let .append(append):
                wrote(append, by: place)
                nodes[place].writing.append(append)
            case let .send(message): sent(message, by: place)
            case let .apply(entries):
                for entry in entries { apply(entry, at: place) }
                if violation == nil { _ = nodes[place].step(.applied(nodes[place].state.snapshot.position.index)) }
            case let .sendSnapshot(to):
                guard let receiver = self.place(of: to) else { continue }
                transfers.removeAll { $0.from == place && $0.to == receiver }
                transfers.append((place, receiver, nodes[place].state))
            case let .readReady(id, index):
                guard let known = reads.removeValue(forKey: Pair(UInt64(place), id.rawValue)) else {
                    fail("read \(id) of \(nodes[place].id) was answered, but does not wait")
                    continue
                }
                counts.readsAnswered += 1
                if index < known { fail("read \(id) of \(nodes[place].id) is told index \(index), but \(known) was committed before it began") }
            case let .readFailed(id, _):
                counts.readsFailed += 1
                if reads.removeValue(forKey: Pair(UInt64(place), id.rawValue)) == nil { fail("read \(id) failed, but does not wait") }
            case let .statusChanged(status): if status.role == .leader { elected(status.term, place) }
            case let .membershipChanged(membership):
                counts.memberships += 1
                if membership.isJoint { counts.joint += 1 }
                if nodes[place].core?.role == .leader, !membership.isVoter(nodes[place].id) { counts.removedLeaders += 1 }
            case let .handedOver(id, _):
                counts.handedOver += 1
                if handovers.remove(Pair(UInt64(place), id.rawValue)) == nil { fail("transfer \(id) is answered, but nobody waits") }
            case let .refused(id, _): handovers.remove(Pair(UInt64(place), id.rawValue))
            case .accepted, .alarm, .leaseChanged: break
            }
        }
    }

    mutating func fail(_ what: String) {
        if violation == nil { violation = what }
    }
}

/// Two numbers as a key.
struct Pair: Hashable {
    let a: UInt64, b: UInt64

    init(_ a: UInt64, _ b: UInt64) { (self.a, self.b) = (a, b) }
    init(_ a: NodeID, _ b: NodeID) { (self.a, self.b) = (UInt64(a.rawValue), UInt64(b.rawValue)) }
}
