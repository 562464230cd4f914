import Core
import Testing

@testable import Raft

/// The core among servers that are Raft by the paper (`SlowServer`), and beside one that hears and says the same: after every message both have the same term, vote, role, leader, log
/// and commit index, and have answered the same. Messages are lost, doubled, late and out of order.
@Suite struct ReferenceTests {
    @Test(arguments: [3, 5]) func theCoreIsWhatTheReferenceIs(servers: Int) {
        var seen = ReferenceWorld.Counts()
        for seed in 1...120 as ClosedRange<UInt64> {
            var world = ReferenceWorld(seed: seed, servers: servers)
            for step in 0..<1_500 {
                if let difference = world.happen() {
                    Issue.record("seed \(seed), step \(step): \(difference)")
                    return
                }
            }
            seen.add(world.counts)
        }
        // A world in which the core did not do all of this shows little.
        #expect(seen.led > 0 && seen.voted > 0 && seen.refusedVotes > 0 && seen.steppedDown > 0, "\(seen)")
        #expect(seen.truncated > 0 && seen.rejected > 0 && seen.committedAsLeader > 0 && seen.committedAsFollower > 0, "\(seen)")
    }
}

/// One core with its shadow, the servers around it, and the messages on their way.
private struct ReferenceWorld {
    struct Counts {
        var led = 0, voted = 0, refusedVotes = 0, steppedDown = 0, truncated = 0, rejected = 0, committedAsLeader = 0, committedAsFollower = 0

        mutating func add(_ other: Counts) {
            led += other.led
            voted += other.voted
            refusedVotes += other.refusedVotes
            steppedDown += other.steppedDown
            truncated += other.truncated
            rejected += other.rejected
            committedAsLeader += other.committedAsLeader
            committedAsFollower += other.committedAsFollower
        }
    }

    private var draws: Draws
    private var one: OneCore
    private var shadow: SlowServer
    private var servers: [SlowServer]
    private var network: [RaftMessage] = []
    /// The committed entries, by whoever knew first.
    private var committed: [LogEntry] = []
    private var proposals: UInt64 = 0
    /// Of a hundred things that happen, how many are a server's wish to lead; and of ten words of a leader, how many it says.
    private let campaigns: Int
    private let eagerness: Int
    /// Nothing comes from or to the core.
    private var isAlone = false
    /// What the core gave to its disk and to its state machine.
    private var disk: [LogEntry] = []
    private var diskState = HardState()
    private var handedOver: [LogEntry] = []
    private(set) var counts = Counts()

    init(seed: UInt64, servers count: Int) {
        draws = Draws(seed: seed)
        campaigns = draws.below(4)
        eagerness = [2, 6, 10][draws.below(3)]
        let ids = (1...UInt32(count)).map { n($0) }
        one = OneCore(voters: count) { $0.seed = seed }
        shadow = SlowServer(ids[0], others: Array(ids.dropFirst()), patience: one.core.configuration.electionTicks)
        servers = ids.dropFirst().map { id in SlowServer(id, others: ids.filter { $0 != id }, patience: 0) }
    }

    /// Lets one thing happen. What is wrong after it; nil if nothing is.
    mutating func happen() -> String? {
        if draws.below(200) == 0 { isAlone = !isAlone && draws.below(2) == 0 }
        switch draws.below(100) {
        case 0..<66: if let wrong = deliver() { return wrong }
        case 66..<78: if let wrong = tick() { return wrong }
        case 78..<78 + campaigns: send(servers[draws.below(servers.count)].id) { $0.campaign() }
        case 82..<94: if draws.below(10) < eagerness { lead() }
        default: if one.core.role == .leader { if let wrong = step(.propose([Proposal(id: ProposalID(draws.next()), payload: [UInt8(draws.below(256))])]), { _ in [] }) { return wrong } }
        }
        return compareCommitted()
    }

    // MARK: The servers around it

    private mutating func send(_ id: NodeID, _ body: (inout SlowServer) -> [RaftMessage]) {
        guard let place = servers.firstIndex(where: { $0.id == id }) else { return }
        network += body(&servers[place])
    }

    /// A server that leads writes, sends entries, from anywhere that the receiver may have, or a heartbeat.
    private mutating func lead() {
        let leaders = servers.indices.filter { servers[$0].role == .leader }
        guard !leaders.isEmpty else { return }
        let place = leaders[draws.below(leaders.count)]
        let server = servers[place]
        let other = server.others[draws.below(server.others.count)]
        switch draws.below(5) {
        case 0:
            proposals += 1
            servers[place].add(LogEntry(index: server.last.index.next, term: server.term, kind: .command, time: server.log.last?.time ?? .zero, payload: [UInt8(proposals & 255)]))
        case 1:
            // It need not look at what the receiver has: the receiver does.
            let commit = draws.below(2) == 0 ? server.commit : min(server.match[other] ?? 0, server.commit)
            network.append(RaftMessage(from: server.id, to: other, term: server.term, body: .heartbeat(commit: LogIndex(UInt64(commit)), context: 0)))
        default:
            let next = server.next[other] ?? 1
            let previous = draws.below(3) == 0 ? draws.below(next) : next - 1
            network.append(
                RaftMessage(
                    from: server.id, to: other, term: server.term,
                    body: .append(
                        previous: server.position(previous), entries: server.entries(after: previous, atMost: draws.below(4)), commit: LogIndex(UInt64(server.commit)))))
        }
    }

    private mutating func deliver() -> String? {
        guard !network.isEmpty else { return nil }
        // The oldest most of the time.
        let place = draws.below(3) == 0 ? draws.below(network.count) : 0
        let message = network[place]
        if draws.below(20) > 0 { network.remove(at: place) }
        if draws.below(20) == 0 || isAlone && (message.to == shadow.id || message.from == shadow.id) { return nil }
        if network.count > 60 { network.removeFirst(network.count - 60) }
        guard message.to == shadow.id else {
            send(message.to) { $0.hear(message) }
            return nil
        }
        return step(.message(message)) { $0.hear(message) }
    }

    // MARK: The core and its shadow

    private mutating func tick() -> String? {
        step(.tick(wallMilliseconds: 1_000)) { shadow in
            shadow.tick()
            return []
        }
    }

    /// Both take the event, the reference in its own words.
    private mutating func step(_ event: RaftEvent, _ takes: (inout SlowServer) -> [RaftMessage]) -> String? {
        let before = shadow
        let expected = takes(&shadow)
        let effects = one.step(event) + one.persist()
        let said = messages(of: effects)
        // When it loses patience is its own choice, but not too early.
        if said.contains(where: { if case .preVote = $0.body { true } else { false } }) {
            guard shadow.role != .leader, shadow.sinceLeader >= shadow.patience else { return "it asks for votes \(shadow.sinceLeader) ticks after it heard its leader" }
            shadow.askForPreVotes()
        }
        if shadow.role == .leader, let wrong = takeOwnEntries(event, isNew: before.role != .leader) { return wrong }
        if let wrong = carryOut(effects) { return wrong }
        network += said
        note(expected, before)
        return compare(said, expected)
    }

    /// What a leader writes is what was proposed; one entry when it comes to lead; and now and then the time.
    private mutating func takeOwnEntries(_ event: RaftEvent, isNew: Bool) -> String? {
        let own = one.core.log.entries(after: shadow.last.index, through: one.core.log.lastIndex)
        var payloads: [[UInt8]] = []
        if case let .propose(proposals) = event { payloads = proposals.map(\.payload) }
        let isDue =
            if isNew { own.count == 1 && (own[0].kind == .empty || own[0].kind == .membership) } else if !payloads.isEmpty {
                own.map(\.payload) == payloads && own.allSatisfy { $0.kind == .command }
            } else if case .tick = event { own.allSatisfy { $0.kind == .time } } else { own.isEmpty }
        guard isDue, own.allSatisfy({ $0.term == shadow.term }) else { return "as the leader of term \(shadow.term) it writes \(own) by \(event)" }
        for entry in own { shadow.add(entry) }
        shadow.countCopies()
        return nil
    }

    /// What it has given to the disk is its log and its vote; what it has handed over is what is committed, in order and once.
    private mutating func carryOut(_ effects: [RaftEffect]) -> String? {
        for effect in effects {
            switch effect {
            case let .append(append):
                if let hardState = append.hardState { diskState = hardState }
                if let first = append.entries.first { disk.removeSubrange(min(disk.count, Int(first.index.rawValue) - 1)...) }
                disk += append.entries
            case let .apply(entries): handedOver += entries
            default: break
            }
        }
        guard disk == shadow.log, diskState == HardState(term: shadow.term, vote: shadow.vote) else { return "its disk has \(diskState) and ends at \(disk.last.map { "\($0.index)" } ?? "0"), the reference at \(shadow.last)" }
        guard handedOver == shadow.entries(after: 0, atMost: shadow.commit) else { return "it has handed over \(handedOver.count) entries, or others than those that are committed, \(shadow.commit)" }
        return nil
    }

    private func messages(of effects: [RaftEffect]) -> [RaftMessage] {
        effects.flatMap { effect -> [RaftMessage] in
            switch effect {
            case let .send(message): [message]
            case let .append(append): append.messages
            default: []
            }
        }
    }

    private mutating func note(_ expected: [RaftMessage], _ before: SlowServer) {
        for message in expected {
            if case let .voteReply(granted) = message.body { if granted { counts.voted += 1 } else { counts.refusedVotes += 1 } }
            if case .appendRejected = message.body { counts.rejected += 1 }
        }
        if shadow.role == .leader, before.role != .leader { counts.led += 1 }
        if shadow.role != .leader, before.role == .leader, shadow.term == before.term { counts.steppedDown += 1 }
        if shadow.log.count < before.log.count || shadow.position(before.log.count) != before.last { counts.truncated += 1 }
        if shadow.commit > before.commit { if shadow.role == .leader { counts.committedAsLeader += 1 } else { counts.committedAsFollower += 1 } }
    }

    private func compare(_ said: [RaftMessage], _ expected: [RaftMessage]) -> String? {
        let core = one.core
        guard core.term == shadow.term, core.hardState.vote == shadow.vote else { return "term and vote are \(core.term), \(core.hardState.vote), the reference's \(shadow.term), \(shadow.vote)" }
        let role: SlowServer.Role? =
            switch core.role {
            case .follower: .follower
            case .preCandidate: .preCandidate
            case .candidate: .candidate
            case .leader: .leader
            case .learner: nil
            }
        guard role == shadow.role, core.leader == shadow.leader else { return "it is \(core.role) under \(core.leader), the reference \(shadow.role) under \(shadow.leader)" }
        guard core.log.entries(after: LogIndex(0), through: core.log.lastIndex) == shadow.log else { return "its log ends at \(core.log.last), the reference's at \(shadow.last), or they differ before" }
        guard core.commitIndex.rawValue == UInt64(shadow.commit) else { return "commit index \(core.commitIndex), the reference's \(shadow.commit)" }
        // Answers are the same; what it sends as a leader or candidate says no more than it has.
        let answers = said.filter(isAnswer)
        guard answers == expected.filter(isAnswer) else { return "it answers \(answers), the reference \(expected.filter(isAnswer))" }
        for message in said {
            if let wrong = judge(message) { return wrong }
            guard case let .append(previous, entries, commit) = message.body else { continue }
            guard Int(previous.index.rawValue) <= shadow.log.count, shadow.position(Int(previous.index.rawValue)) == previous, commit <= core.commitIndex,
                entries == shadow.entries(after: Int(previous.index.rawValue), atMost: entries.count)
            else { return "it sends what its log does not have: \(message)" }
        }
        return nil
    }

    /// What it asks or says of its own accord says what it is.
    private func judge(_ message: RaftMessage) -> String? {
        let next = Term(shadow.term.rawValue + 1)
        let isTrue =
            switch message.body {
            case let .preVote(last): shadow.role == .preCandidate && message.term == next && last == shadow.last
            case let .vote(last, transfer, _): shadow.role == .candidate && message.term == shadow.term && last == shadow.last && !transfer
            case .append: shadow.role == .leader && message.term == shadow.term
            case let .heartbeat(commit, _, _):
                shadow.role == .leader && message.term == shadow.term && commit.rawValue <= UInt64(min(shadow.match[message.to] ?? 0, shadow.commit))
            default: true
            }
        return isTrue && message.from == shadow.id ? nil : "it says as \(shadow.role) of term \(shadow.term): \(message)"
    }

    private func isAnswer(_ message: RaftMessage) -> Bool {
        switch message.body {
        case .preVoteReply, .voteReply, .appendAccepted, .appendRejected, .heartbeatReply: true
        default: false
        }
    }

    /// What is committed anywhere is the same everywhere.
    private mutating func compareCommitted() -> String? {
        for server in servers + [shadow] {
            for index in 0..<server.commit {
                if index == committed.count { committed.append(server.log[index]) }
                if committed[index] != server.log[index] { return "\(server.id) has another entry \(index + 1) committed" }
            }
        }
        return nil
    }
}
