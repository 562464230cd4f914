import Core

@testable import Raft

/// One core with a hand on everything around it.
struct OneCore {
    var core: RaftCore
    private(set) var effects: [RaftEffect] = []
    /// The node's clock in milliseconds. A tick takes it on.
    var clock: UInt64 = 10_000

    /// `entries`: terms of a log from index 1 on, with nothing applied.
    init(
        _ id: UInt32 = 1, voters: Int = 3, learners: Int = 0, mode: ReadMode = .readIndex, hardState: HardState = HardState(), entries terms: [UInt64] = [],
        change: (inout RaftConfiguration) -> Void = { _ in }
    ) {
        var configuration = RaftConfiguration(id: n(id), electionTicks: 10, heartbeatTicks: 2, tickMilliseconds: 100, seed: 1)
        change(&configuration)
        let applied = InstalledSnapshot(
            position: .zero, time: .zero, membership: testMembership(voters: voters, learners: learners).reading(mode), membershipIndex: LogIndex(0))
        let entries = terms.enumerated().map { place, term in
            LogEntry(index: LogIndex(UInt64(place) + 1), term: Term(term), kind: .empty, time: LogTime(milliseconds: 1))
        }
        core = RaftCore(configuration, restored: RestoredState(hardState: hardState, applied: applied, base: .zero, entries: entries), at: MonotonicTime(nanoseconds: 0), into: &effects)
        effects = []
    }

    /// What the event leads to.
    @discardableResult
    mutating func step(_ event: RaftEvent) -> [RaftEffect] {
        effects = []
        if case .tick = event { clock += UInt64(core.configuration.tickMilliseconds) }
        core.step(event, at: MonotonicTime(nanoseconds: clock * 1_000_000), into: &effects)
        // The state machine is fast.
        if let last = applied.last { core.step(.applied(LogIndex(last)), at: MonotonicTime(nanoseconds: clock * 1_000_000), into: &effects) }
        return effects
    }

    @discardableResult
    mutating func hear(_ from: UInt32, _ term: UInt64, _ body: RaftMessage.Body) -> [RaftEffect] {
        step(.message(RaftMessage(from: n(from), to: core.id, term: Term(term), body: body)))
    }

    mutating func tick(_ count: Int, wall: Int64 = 1_000) {
        var all: [RaftEffect] = []
        for _ in 0..<count { all += step(.tick(wallMilliseconds: wall)) }
        effects = all
    }

    /// Everything given to the disk is durable.
    @discardableResult
    mutating func persist() -> [RaftEffect] { step(.persisted(core.writes.lastNumber)) }

    /// Leads with the votes of all others, everything durable, its first entry not committed.
    mutating func lead() {
        while core.role == .follower { tick(1) }
        let others = core.membership.voters.filter { $0 != core.id }.map(\.rawValue)
        for other in others where core.role == .preCandidate { hear(other, core.term.rawValue + 1, .preVoteReply(granted: true)) }
        persist()
        for other in others where core.role == .candidate { hear(other, core.term.rawValue, .voteReply(granted: true)) }
        persist()
    }

    /// The messages of the last step: those sent at once and those that wait for the disk.
    var sent: [RaftMessage] {
        effects.compactMap { if case let .send(message) = $0 { message } else { nil } }
    }
    var waiting: [RaftMessage] {
        effects.flatMap { effect -> [RaftMessage] in if case let .append(append) = effect { append.messages } else { [] } }
    }
    var appended: [AppendEffect] {
        effects.compactMap { if case let .append(append) = $0 { append } else { nil } }
    }
    var applied: [UInt64] {
        effects.flatMap { effect -> [UInt64] in if case let .apply(entries) = effect { entries.map(\.index.rawValue) } else { [] } }
    }
}

func at(_ index: UInt64, _ term: UInt64) -> LogPosition { LogPosition(index: LogIndex(index), term: Term(term)) }

func entry(_ index: UInt64, _ term: UInt64, time: Int64 = 1, _ kind: EntryKind = .command, _ payload: [UInt8] = []) -> LogEntry {
    LogEntry(index: LogIndex(index), term: Term(term), kind: kind, time: LogTime(milliseconds: time), payload: payload)
}
