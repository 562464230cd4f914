import Core

@testable import Raft

/// A cluster that is told what happens to it, and says what it does.
///
///     cluster 3 [learners 1] [lease 1] [election 10] [heartbeat 2] [entries 64] [bytes 4096] [inflight 8] [uncommitted 4096] [promotion 1000]
///     join n4                     a node that has not joined yet and knows no member
///     tick n1|all [count]         campaign n1   ticks until it asks for votes
///     elect n1                    the other followers give up their leader, n1 campaigns, and only what is of the election is delivered
///     deliver [n1 n2 [count]]     everything until nothing is under way, or only what is from n1 to n2 now
///     drop n1 n2|all              keep n1 n2    sets what is under way aside; `release` lets it arrive after all
///     cut n1 n2                   isolate n1    messages are lost from now on;  heal
///     disk n1 slow|fast           persist n1 [count]    a slow disk writes when it is told to
///     propose n1 x y              read n1 7     handover n1 n2   a timeoutNow as if n1 had sent it
///     add n1 n4 [9]   remove n1 n4   move n1 n4   promote n1 n4 n5   demote n1 n2   replace n1 n2 n4   voters n1 n2 n3
///     transfer n1 n2|any          drain n1 [off]
///     mode n1 lease|readIndex     pause n1 500  its clock alone goes on, so many milliseconds
///     lease n1                    its lease, and whether a snapshot of all that it has applied may answer now
///     crash n1                    restart n1 [now]    wipe n1     unreachable n1 n2
///     checkpoint n1               compact n1 5  snapshot n1 n3 [lost]
///     status                      log n1        followers n1    quiet   loud
struct Transcript {
    struct Failure: Error { let text: String }

    var nodes: [SimulatedNode] = []
    var network: [RaftMessage] = []
    var aside: [RaftMessage] = []
    var cuts: Set<[NodeID]> = []
    var slow: Set<NodeID> = []
    var configuration = RaftConfiguration(id: n(0), electionTicks: 10, heartbeatTicks: 2, tickMilliseconds: 100, seed: 1)
    /// As many of the first nodes do not want leases.
    var voters: Int?
    var lines: [String] = []
    var isQuiet = false
    var nextProposal: UInt64 = 1
    /// Numbers of forwarded reads begin at a draw; they are shown as q1, q2 … in the order in which they are seen.
    var wires: [ReadID: Int] = [:]

    mutating func run(_ words: [String]) throws -> [String] {
        lines = []
        switch (words[0], words.count) {
        case ("cluster", 2...): try make(words)
        case ("join", 2): begin(SimulatedNode(configuration(of: try id(words[1])), membership: .empty))
        case ("tick", 2...):
            for _ in 0..<(words.count > 2 ? try int(words[2]) : 1) {
                for place in words[1] == "all" ? Array(nodes.indices) : [try place(words[1])] { tick(place) }
            }
        case ("campaign", 2):
            let place = try place(words[1])
            campaign(place)
        case ("elect", 2): elect(try place(words[1]))
        case ("deliver", 1): try deliverAll()
        case ("deliver", 3...): try deliver(try id(words[1]), try id(words[2]), words.count > 3 ? try int(words[3]) : .max)
        case ("drop", 2): network = []
        case ("drop", 3): _ = take(try id(words[1]), try id(words[2]))
        case ("keep", 3): aside += take(try id(words[1]), try id(words[2]))
        case ("release", 1): (network, aside) = (network + aside, [])
        case ("cut", 3): for pair in [[words[1], words[2]], [words[2], words[1]]] { cuts.insert(try pair.map(id)) }
        case ("isolate", 2):
            let id = try id(words[1])
            for other in nodes.map(\.id) where other != id { cuts.formUnion([[id, other], [other, id]]) }
        case ("heal", 1): cuts = []
        case ("disk", 3): try setDisk(words[1], words[2])
        case ("persist", 2...):
            let place = try place(words[1])
            for _ in 0..<(words.count > 2 ? try int(words[2]) : nodes[place].writing.count) { persist(place) }
        case ("propose", 3...):
            step(try place(words[1]), .propose(words[2...].map { word in
                defer { nextProposal += 1 }
                return Proposal(id: ProposalID(nextProposal), payload: Array(word.utf8))
            }))
        case ("read", 3): step(try place(words[1]), .read(ReadID(UInt64(try int(words[2])))))
        case ("add", 3...), ("remove", 3), ("move", 3), ("promote", 3...), ("demote", 3), ("replace", 4), ("voters", 3...):
            try changeMembership(words)
        case ("transfer", 3):
            defer { nextProposal += 1 }
            step(try place(words[1]), .transferLeadership(ProposalID(nextProposal), to: words[2] == "any" ? nil : try id(words[2])))
        case ("mode", 3):
            let place = try place(words[1])
            guard let membership = nodes[place].core?.membership else { break }
            step(place, .proposeMembership(ProposalID(nextProposal), membership.reading(words[2] == "lease" ? .lease : .readIndex)))
            nextProposal += 1
        case ("pause", 3): nodes[try place(words[1])].clock = nodes[try place(words[1])].clock.adding(milliseconds: UInt64(try int(words[2])))
        case ("lease", 2): lines.append(try lease(words[1]))
        case ("drain", 2...): step(try place(words[1]), .drain(words.count == 2))
        case ("handover", 3):
            let (from, to) = (try id(words[1]), try id(words[2]))
            network.append(RaftMessage(from: from, to: to, term: nodes[try place(words[1])].core?.term ?? Term(0), body: .timeoutNow()))
        case ("crash", 2): nodes[try place(words[1])].crash()
        case ("wipe", 2):
            let place = try place(words[1])
            nodes[place].crash()
            nodes[place].disk = SimulatedNode.Disk()
        case ("restart", 2), ("restart", 3):
            let place = try place(words[1])
            perform(nodes[place].start(), at: place)
            // Long enough for what it may have promised.
            if words.count == 2 { nodes[place].clock = nodes[place].clock.adding(milliseconds: 2_000) }
        case ("unreachable", 3): step(try place(words[1]), .unreachable(try id(words[2])))
        case ("checkpoint", 2): nodes[try place(words[1])].checkpoint()
        case ("compact", 3): try compact(words)
        case ("snapshot", 3...): try sendSnapshot(words)
        case ("status", 1): for node in nodes { lines.append(Self.status(node)) }
        case ("log", 2): try describeLog(words[1])
        case ("followers", 2):
            for follower in nodes[try place(words[1])].core?.followers ?? [] {
                lines.append("\(follower.id) match \(follower.matchIndex) \(follower.state)\(follower.isActive ? "" : " silent")")
            }
        case ("quiet", 1): isQuiet = true
        case ("loud", 1): isQuiet = false
        default: throw Failure(text: "no such command: \(words.joined(separator: " "))")
        }
        return lines
    }

    // MARK: Commands

    func int(_ word: String) throws -> Int {
        guard let number = Int(word) else { throw Failure(text: "\(word) is no number") }
        return number
    }

    func id(_ word: String) throws -> NodeID { NodeID(UInt32(try int(String(word.dropFirst())))) }

    func place(_ word: String) throws -> Int {
        let id = try id(word)
        guard let place = nodes.firstIndex(where: { $0.id == id }) else { throw Failure(text: "no node \(word)") }
        return place
    }

    private func configuration(of id: NodeID) -> RaftConfiguration {
        var configuration = configuration
        configuration.id = id
        configuration.seed = UInt64(id.rawValue)
        // Those who answer queries.
        configuration.wantsLease = voters.map { id.rawValue > UInt32($0) } ?? true
        return configuration
    }

    private mutating func make(_ words: [String]) throws {
        var learners = 0
        var mode = ReadMode.readIndex
        for at in stride(from: 2, to: words.count, by: 2) {
            let value = try int(words[at + 1])
            switch words[at] {
            case "learners": learners = value
            case "lease":
                mode = .lease
            case "election": configuration.electionTicks = value
            case "heartbeat": configuration.heartbeatTicks = value
            case "entries": configuration.appendEntriesMax = value
            case "bytes": configuration.appendBytesMax = value
            case "inflight": configuration.inflightAppendsMax = value
            case "promotion": configuration.promotionEntriesMax = value
            case "uncommitted": configuration.uncommittedBytesMax = value
            default: throw Failure(text: "no such setting: \(words[at])")
            }
        }
        voters = try int(words[1])
        let membership = testMembership(voters: try int(words[1]), learners: learners).reading(mode)
        isQuiet = true
        for id in membership.members.map(\.id) { begin(SimulatedNode(configuration(of: id), membership: membership)) }
        isQuiet = false
    }

    private mutating func begin(_ node: SimulatedNode) {
        nodes.append(node)
        perform(nodes[nodes.count - 1].start(), at: nodes.count - 1)
    }

    private mutating func tick(_ place: Int) {
        nodes[place].ticks += 1
        nodes[place].clock = nodes[place].clock.adding(milliseconds: UInt64(configuration.tickMilliseconds))
        step(place, .tick(wallMilliseconds: 1_000_000 + nodes[place].ticks * Int64(configuration.tickMilliseconds)))
    }

    private mutating func campaign(_ place: Int) {
        for _ in 0..<2 * configuration.electionTicks {
            let before = network.count
            tick(place)
            if network.dropFirst(before).contains(where: { if case .preVote = $0.body { true } else { false } }) { return }
        }
    }

    private mutating func elect(_ place: Int) {
        for other in nodes.indices where other != place && nodes[other].core?.role != .leader {
            for _ in 0..<configuration.electionTicks { tick(other) }
        }
        network = []
        campaign(place)
        while let next = network.firstIndex(where: { message in
            switch message.body {
            case .preVote, .preVoteReply, .vote, .voteReply: true
            default: false
            }
        }) { arrive(network.remove(at: next)) }
    }

    private mutating func take(_ from: NodeID, _ to: NodeID) -> [RaftMessage] {
        let taken = network.filter { $0.from == from && $0.to == to }
        network.removeAll { $0.from == from && $0.to == to }
        return taken
    }

    private mutating func deliverAll() throws {
        for _ in 0..<10_000 {
            guard !network.isEmpty else { return }
            arrive(network.removeFirst())
        }
        throw Failure(text: "the messages never end")
    }

    private mutating func deliver(_ from: NodeID, _ to: NodeID, _ count: Int) throws {
        let messages = take(from, to)
        network += messages.dropFirst(count)
        for message in messages.prefix(count) { arrive(message) }
    }

    private mutating func arrive(_ message: RaftMessage) {
        guard let place = nodes.firstIndex(where: { $0.id == message.to }), nodes[place].core != nil else { return }
        guard !cuts.contains([message.from, message.to]) else { return say("\(text(message)) is lost") }
        say(text(message))
        step(place, .message(message))
    }

    private mutating func setDisk(_ node: String, _ speed: String) throws {
        let place = try place(node)
        if speed == "slow" { slow.insert(nodes[place].id) } else { slow.remove(nodes[place].id) }
        if speed == "fast" { while !nodes[place].writing.isEmpty { persist(place) } }
    }

    private mutating func changeMembership(_ words: [String]) throws {
        let place = try place(words[1])
        let ids = try words[2...].map { try $0.hasPrefix("n") ? id($0) : .none }
        guard let old = nodes[place].core?.membership else { return }
        var member = testMember(ids[0])
        let next: Membership
        switch words[0] {
        case "add":
            if words.count > 3 { member.incarnation = Incarnation(UInt64(try int(words[3]))) }
            next = old.adding(learner: member)
        case "remove": next = old.removing(ids[0])
        case "promote": next = ids.reduce(old) { $0.promoting($1) }
        case "demote": next = old.demoting(ids[0])
        case "replace": next = old.replacing(ids[0], with: ids[1])
        case "voters": next = Membership(members: old.members.filter { !old.isVoter($0.id) || ids.contains($0.id) }, voters: ids, highestID: old.highestID)
        default:
            member.peerAddress += "0"
            next = old.adding(learner: member)
        }
        defer { nextProposal += 1 }
        step(place, .proposeMembership(ProposalID(nextProposal), next))
    }

    private mutating func compact(_ words: [String]) throws {
        let place = try place(words[1])
        nodes[place].checkpoint()
        if let index = nodes[place].compact(through: LogIndex(UInt64(try int(words[2])))) { step(place, .compacted(through: index)) }
    }

    private mutating func sendSnapshot(_ words: [String]) throws {
        let (from, to) = (try place(words[1]), try place(words[2]))
        let snapshot = nodes[from].state
        let position = snapshot.snapshot.position
        let isLost = words.count > 3
        if !isLost, nodes[to].core?.needsSnapshot(at: position) == true {
            while !nodes[to].writing.isEmpty { persist(to) }
            nodes[to].install(snapshot)
            say("\(nodes[to].id) installs a snapshot at \(text(position))")
            step(to, .snapshotInstalled(snapshot.snapshot))
        } else if !isLost {
            say("\(nodes[to].id) needs no snapshot at \(text(position))")
        }
        step(from, .snapshotFinished(to: nodes[to].id, through: position, delivered: !isLost))
    }

    private mutating func describeLog(_ node: String) throws {
        let node = nodes[try place(node)]
        guard let core = node.core else { return lines.append("\(node.id) is down") }
        let entries = core.log.entries(after: core.base.index, through: core.last.index)
        lines.append("\(node.id) after \(text(core.base)): \(entries.map(text).joined(separator: ", ")); on the disk through \(core.durableIndex)")
    }

    // MARK: Effects

    private mutating func step(_ place: Int, _ event: RaftEvent) {
        guard nodes[place].core != nil else { return }
        perform(nodes[place].step(event), at: place)
    }

    private mutating func persist(_ place: Int) {
        guard !nodes[place].writing.isEmpty else { return }
        let append = nodes[place].persistNext()
        if slow.contains(nodes[place].id) { say("  \(nodes[place].id) has written #\(append.number)") }
        network += append.messages
        step(place, .persisted(append.number))
    }

    mutating func perform(_ effects: [RaftEffect], at place: Int) {
        for effect in effects {
            if let text = text(effect) { say("  \(nodes[place].id) \(text)") }
            switch effect {
            case let .append(append): nodes[place].writing.append(append)
            case let .send(message): network.append(message)
            case let .apply(entries):
                for entry in entries { nodes[place].apply(entry) }
                _ = nodes[place].step(.applied(nodes[place].state.snapshot.position.index))
            default: break
            }
        }
        if !slow.contains(nodes[place].id) { while !nodes[place].writing.isEmpty { persist(place) } }
    }

    private mutating func say(_ line: String) {
        if !isQuiet { lines.append(line) }
    }
}
