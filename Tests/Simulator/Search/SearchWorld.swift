import Core
import Raft

/// A whole cluster at one moment: cores, disks, messages under way, and what is known of the past. A value: a search copies it for each thing that
/// can happen next.
package struct SearchWorld: Sendable {
    struct Node: Sendable {
        /// nil while the node is down.
        var core: RaftCore?
        var hardState = HardState()
        /// What is durable, from index 1 on.
        var entries: [LogEntry] = []
        /// Given to the disk and not durable yet.
        var writing: [AppendEffect] = []
        /// Entries applied in this life.
        var applied = 0
        /// Of all of the above; made anew when something of it changes.
        var print = Fingerprint()
    }

    /// Messages under way from one node to another, in their order.
    struct Link: Sendable {
        private(set) var messages: [RaftMessage] = []
        private(set) var prints: [Fingerprint] = []

        var isEmpty: Bool { messages.isEmpty }
        var count: Int { messages.count }

        mutating func append(_ message: RaftMessage) {
            messages.append(message)
            prints.append(message.fingerprint)
        }

        mutating func remove(at place: Int) -> RaftMessage {
            prints.remove(at: place)
            return messages.remove(at: place)
        }

        mutating func removeAll() { self = Link() }
    }

    let bounds: SearchBounds
    var nodes: [Node]
    /// Messages under way, by sender × receiver, in their order: a connection of its own each.
    var links: [Link]
    var past = Past()
    // What has happened of what is bounded.
    var timeouts = 0, heartbeats = 0, requests = 0, reads = 0, crashes = 0, losses = 0, duplicates = 0, overtakings = 0, resends = 0, changes = 0
    /// Times that anybody asked for votes.
    private var asked = 0
    /// The first broken rule; nothing happens after it.
    package internal(set) var violation: String?

    /// A new cluster, all nodes up.
    package init(_ bounds: SearchBounds) {
        self.bounds = bounds
        let count = bounds.voters + bounds.learners
        nodes = Array(repeating: Node(), count: count)
        links = Array(repeating: Link(), count: count * count)
        for place in nodes.indices { start(place) }
        if bounds.elected > 0 { elect() }
        if bounds.elected > 1 { elect(afterFirst: 1) }
    }

    static func id(_ place: Int) -> NodeID { NodeID(UInt32(place + 1)) }

    /// The first membership.
    var membership: Membership {
        let members = nodes.indices.map { Membership.Member(id: Self.id($0), peerAddress: "n\($0 + 1):1", adminAddress: "n\($0 + 1):2") }
        return Membership(members: members, voters: members.prefix(bounds.voters).map(\.id))
    }

    // MARK: What can happen

    /// Everything that can happen next, in an order that is always the same.
    package var choices: [SearchChoice] {
        guard violation == nil else { return [] }
        // All nodes are alike at first, so it makes no difference which one begins.
        if bounds.elected == 0, timeouts + crashes == 0 { return [.timeout(node: 0)] }
        var all: [SearchChoice] = []
        for place in nodes.indices {
            guard let core = nodes[place].core else {
                all.append(.restart(node: place))
                continue
            }
            let leads = core.status.role == .leader
            if !leads, timeouts < bounds.timeouts, core.status.role != .learner { all.append(.timeout(node: place)) }
            if leads, heartbeats < bounds.heartbeats { all.append(.heartbeat(node: place)) }
            if leads, requests < bounds.requests { all.append(.request(node: place)) }
            if leads, changes < bounds.changes { all += changes(at: place, of: core.membership) }
            if leads, resends < bounds.resends {
                for to in nodes.indices where to != place && nodes[to].core != nil { for after in nodes[place].entries.indices { all.append(.resend(from: place, to: to, after: after)) } }
            }
            if reads < bounds.reads, core.status.leader != .none { all.append(.read(node: place)) }
            if !nodes[place].writing.isEmpty { all.append(.persist(node: place)) }
            if crashes < bounds.crashes { all.append(.crash(node: place)) }
        }
        for from in nodes.indices {
            for to in nodes.indices where !links[link(from, to)].isEmpty {
                // To a node that is down, all of it is lost at once.
                all.append(.deliver(from: from, to: to))
                guard nodes[to].core != nil else { continue }
                if losses < bounds.losses { all.append(.lose(from: from, to: to)) }
                if duplicates < bounds.duplicates { all.append(.duplicate(from: from, to: to)) }
                if overtakings < bounds.overtakings, links[link(from, to)].count > 1 { all.append(.overtake(from: from, to: to)) }
            }
        }
        return all
    }

    /// The first node comes to lead, and all that follows from it happens.
    private mutating func elect() {
        timeOut(0)
        settle(among: nodes.indices)
    }

    /// The first node writes two entries, of which the others get one, and hears nothing more; another one comes to lead.
    private mutating func elect(afterFirst place: Int) {
        for number in 1...2 {
            step(0, .propose([Proposal(id: ProposalID(UInt64(100 + number)), payload: [UInt8(100 + number)])]))
            persist(0)
            if number == 1 { for other in nodes.indices.dropFirst() { happen(.deliver(from: 0, to: other)) } }
        }
        // The last one has given up the first, and asks in vain; so it helps this one.
        timeOut(nodes.count - 1)
        for link in links.indices { links[link].removeAll() }
        timeOut(place)
        settle(among: nodes.indices.dropFirst())
        for other in nodes.indices { links[link(other, 0)].removeAll() }
    }

    /// Everything happens that is under way among these nodes.
    private mutating func settle(among places: Range<Int>) {
        while violation == nil {
            if let place = places.first(where: { !nodes[$0].writing.isEmpty }) {
                persist(place)
            } else if let link = links.indices.first(where: { !links[$0].isEmpty && places.contains($0 / nodes.count) && places.contains($0 % nodes.count) }) {
                happen(.deliver(from: link / nodes.count, to: link % nodes.count))
            } else {
                break
            }
        }
    }

    func link(_ from: Int, _ to: Int) -> Int { from * nodes.count + to }

    /// Lets it happen, and checks what must hold.
    package mutating func happen(_ choice: SearchChoice) {
        switch choice {
        case let .timeout(place):
            timeouts += 1
            timeOut(place)
        case let .heartbeat(place):
            heartbeats += 1
            step(place, .tick(wallMilliseconds: Self.wall))
        case let .deliver(from, to):
            if nodes[to].core == nil {
                links[link(from, to)].removeAll()
            } else {
                step(to, .message(links[link(from, to)].remove(at: 0)))
            }
        case let .lose(from, to):
            losses += 1
            _ = links[link(from, to)].remove(at: 0)
        case let .duplicate(from, to):
            duplicates += 1
            step(to, .message(links[link(from, to)].messages[0]))
        case let .overtake(from, to):
            overtakings += 1
            step(to, .message(links[link(from, to)].remove(at: 1)))
        case let .resend(from, to, after): resend(from, to, after)
        case let .persist(place): persist(place)
        case let .crash(place):
            crashes += 1
            nodes[place].core = nil
            nodes[place].writing = []
            printNode(place)
            past.forgetReads(of: place)
        case let .restart(place): start(place)
        case let .request(place):
            requests += 1
            step(place, .propose([Proposal(id: ProposalID(UInt64(requests)), payload: [UInt8(truncatingIfNeeded: requests)])]))
        case let .read(place):
            reads += 1
            past.reads.append((place, ReadID(UInt64(reads)), past.committed.count))
            step(place, .read(ReadID(UInt64(reads))))
        case let .change(place, member):
            guard let now = nodes[place].core?.membership else { return }
            let id = Self.id(member)
            propose(now.isVoter(id) ? now.demoting(id) : now.promoting(id), at: place)
        case let .exchange(place, from, to):
            guard let now = nodes[place].core?.membership else { return }
            propose(now.demoting(Self.id(from)).promoting(Self.id(to)), at: place)
        }
    }

    static let wall: Int64 = 1_000_000
    /// The clock of all nodes: it stands still, for nobody grants leases here.
    static let time = MonotonicTime(nanoseconds: 0)

    /// Ticks until it asks for votes.
    private mutating func timeOut(_ place: Int) {
        let before = asked
        for _ in 0..<2 * Self.electionTicks where violation == nil && asked == before { step(place, .tick(wallMilliseconds: Self.wall)) }
    }

    // MARK: The driver of a node

    static let electionTicks = 2

    private mutating func start(_ place: Int) {
        var configuration = RaftConfiguration(
            id: Self.id(place), electionTicks: Self.electionTicks, heartbeatTicks: 1, tickMilliseconds: 10, seed: UInt64(place))
        configuration.appendEntriesMax = 1
        configuration.inflightAppendsMax = 2
        // Nobody promises anything, so a restarted node has nothing to wait for.
        configuration.promiseMilliseconds = 0
        let applied = InstalledSnapshot(position: .zero, time: .zero, membership: membership, membershipIndex: LogIndex(0))
        var effects: [RaftEffect] = []
        nodes[place].applied = 0
        nodes[place].core = RaftCore(
            configuration,
            restored: RestoredState(hardState: nodes[place].hardState, applied: applied, base: .zero, entries: nodes[place].entries),
            at: Self.time, into: &effects)
        carryOut(effects, at: place)
        printNode(place)
    }

    mutating func step(_ place: Int, _ event: RaftEvent) {
        var effects: [RaftEffect] = []
        nodes[place].core?.step(event, at: Self.time, into: &effects)
        carryOut(effects, at: place)
        printNode(place)
        check(place)
    }

    /// The leader's entry arrives, before what is under way. It is true, whatever was sent before: what the leader has, and what it knows to be committed.
    private mutating func resend(_ from: Int, _ to: Int, _ after: Int) {
        guard let status = nodes[from].core?.status else { return }
        resends += 1
        let entries = nodes[from].entries
        let previous = after == 0 ? .zero : LogPosition(index: entries[after - 1].index, term: entries[after - 1].term)
        let body = RaftMessage.Body.append(previous: previous, entries: [entries[after]], commit: status.commitIndex)
        step(to, .message(RaftMessage(from: Self.id(from), to: Self.id(to), term: status.term, body: body)))
    }

    private mutating func persist(_ place: Int) {
        let append = nodes[place].writing.removeFirst()
        if let hardState = append.hardState {
            checkWritten(hardState, by: place)
            nodes[place].hardState = hardState
        }
        if let first = append.entries.first {
            let keep = Int(first.index.rawValue) - 1
            guard keep <= nodes[place].entries.count else { return fail("n\(place + 1) leaves a gap before entry \(first.index)") }
            nodes[place].entries.removeSubrange(keep...)
            nodes[place].entries += append.entries
        }
        for message in append.messages { send(message, from: place) }
        step(place, .persisted(append.number))
    }

    private mutating func carryOut(_ effects: [RaftEffect], at place: Int) {
        for effect in effects where violation == nil {
            switch effect {
            case let .append(append): nodes[place].writing.append(append)
            case let .send(message): send(message, from: place)
            case let .apply(entries): for entry in entries { apply(entry, at: place) }
            case let .statusChanged(status): if status.role == .leader { elected(place, status.term) }
            case let .readReady(id, index): answered(place, id, index)
            case let .readFailed(id, _): past.reads.removeAll { $0.place == place && $0.id == id }
            default: break
            }
        }
    }

    mutating func send(_ message: RaftMessage, from place: Int) {
        checkSent(message, by: place)
        switch message.body {
        case .preVote, .vote: asked += 1
        default: break
        }
        let to = Int(message.to.rawValue) - 1
        guard nodes.indices.contains(to) else { return }
        links[link(place, to)].append(message)
    }

    mutating func fail(_ text: String) { if violation == nil { violation = text } }
}
