import Core
import Raft
import Store

/// The one history: what every node wrote, what was committed, what applying it did. Everything that a node does is compared with it, at
/// the cost of what the node does.
struct Record {
    /// An entry that was written somewhere.
    private struct Written {
        let term: Term
        let previous: Term
        let digest: UInt64
    }

    private struct Committed {
        let term: Term
        /// The term of the leader that first counted it as committed.
        let by: Term
    }

    private struct Applied {
        let entry: LogEntry
        let outcome: CommandOutcome?
        let digest: UInt64
    }

    /// At `index - 1`, one for each term.
    private var written: [[Written]] = []
    private var committed: [Committed] = []
    private var applied: [Applied] = []
    private var leaders: [Term: NodeID] = [:]
    /// Entries with memberships that were written anywhere, and the indexes of those that were applied, ascending.
    private var writtenMemberships: Set<LogPosition> = []
    private var appliedMemberships: [LogIndex] = []
    /// What took effect for a session's number.
    private var effects: [SessionID: Set<UInt64>] = [:]
    /// The state by the model, at the end of `applied`.
    private(set) var model = ModelState()
    /// What may be shown at each index; kept in worlds with rights.
    private(set) var rights = RightsHistory()
    let keepsRights: Bool
    /// The last acknowledged write.
    private(set) var acknowledged = LogIndex(0)
    /// What a read that begins now must contain: what was acknowledged, and what another read has shown.
    private(set) var readFloor = LogIndex(0)
    /// Figures of real stores at an index, of whoever came first.
    private var figures: [LogIndex: String] = [:]

    init(keepsRights: Bool) { self.keepsRights = keepsRights }

    var committedIndex: LogIndex { LogIndex(UInt64(committed.count)) }
    var appliedIndex: LogIndex { LogIndex(UInt64(applied.count)) }
    func committedTerm(at index: LogIndex) -> Term? {
        index.rawValue > 0 && index <= committedIndex ? committed[Int(index.rawValue) - 1].term : nil
    }
    func isMembership(_ position: LogPosition) -> Bool { writtenMemberships.contains(position) }
    /// The index of the newest membership that was applied anywhere, of those through `index`; 0 if there is none.
    func newestMembership(atOrBefore index: LogIndex) -> LogIndex { appliedMemberships.last { $0 <= index } ?? LogIndex(0) }
    /// The newest membership that took effect.
    var membership: Membership { model.membership }

    static func digest(_ entry: LogEntry) -> UInt64 {
        var sum = UInt64(CRC32C.of(entry.payload)) << 8 | UInt64(entry.kind.rawValue)
        sum ^= UInt64(bitPattern: entry.time.milliseconds) &* 0x9E37_79B9_7F4A_7C15
        return sum
    }

    // MARK: The log

    /// Log matching: an index and a term name one entry, and one entry before it.
    mutating func wrote(_ entry: LogEntry, after previous: Term?, by node: NodeID, _ world: World) {
        let place = Int(entry.index.rawValue) - 1
        if entry.kind == .membership { writtenMemberships.insert(LogPosition(index: entry.index, term: entry.term)) }
        while written.count <= place { written.append([]) }
        let digest = Self.digest(entry)
        for other in written[place] where other.term == entry.term {
            if other.digest != digest { world.fail("\(node) writes another entry \(entry.index) of term \(entry.term) than others did") }
            if let previous, previous != other.previous {
                world.fail("\(node) writes entry \(entry.index)/\(entry.term) after term \(previous), others after term \(other.previous)")
            }
            return
        }
        guard let previous else { return }
        written[place].append(Written(term: entry.term, previous: previous, digest: digest))
    }

    /// What is committed is never taken back, by anybody. A node whose disk is slow may have decided to before: what an older leader sent takes the place
    /// of an entry that a newer one has committed meanwhile, and is replaced by it in its turn.
    ///
    /// - Parameter newer: the term of the last entry that is written in its place.
    func replaced(_ index: LogIndex, _ term: Term, in newer: Term, by node: NodeID, _ world: World) {
        let place = Int(index.rawValue) - 1
        guard place < committed.count, committed[place].term == term, newer >= committed[place].by else { return }
        world.fail("\(node) takes back entry \(index), which is committed")
    }

    // MARK: The core

    /// At most one leader a term, and it has everything that leaders before it committed.
    mutating func elected(_ core: borrowing RaftCore, _ world: World) {
        let term = core.term
        if let other = leaders[term] {
            if other != core.id { world.fail("\(other) and \(core.id) both lead term \(term)") }
            return
        }
        leaders[term] = core.id
        var place = committed.count - 1
        while place >= 0, committed[place].by >= term { place -= 1 }
        guard place >= 0 else { return }
        let index = LogIndex(UInt64(place) + 1)
        if index > core.base.index, core.term(at: index) != committed[place].term {
            world.fail("\(core.id) leads term \(term) without entry \(index), which is committed")
        }
    }

    /// Committed entries are the same for everybody; a leader counts only entries of its own term. What another one has committed already it may
    /// also learn from that one's state, when its own is rebuilt.
    mutating func commits(_ core: borrowing RaftCore, from old: LogIndex, to new: LogIndex, isLeader: Bool, _ world: World) {
        if isLeader, new > committedIndex, core.term(at: new) != core.term { world.fail("\(core.id) commits \(new) of another term by counting") }
        var index = old
        while index < new {
            index = index.next
            guard let term = core.term(at: index) else { continue }
            let place = Int(index.rawValue) - 1
            if place < committed.count {
                if committed[place].term != term { world.fail("\(core.id) commits \(index) of term \(term), others of term \(committed[place].term)") }
            } else if place == committed.count {
                committed.append(Committed(term: term, by: core.term))
            } else {
                world.fail("\(core.id) commits \(index), and nobody committed \(committed.count + 1)")
            }
        }
    }

    // MARK: The state

    /// The same entries in the same order everywhere, with the same outcomes and the same state after each.
    mutating func applied(_ entry: LogEntry, _ outcome: CommandOutcome?, by node: NodeID, _ world: World) {
        let place = Int(entry.index.rawValue) - 1
        if place >= committed.count || committed[place].term != entry.term { world.fail("\(node) applies \(entry.index), which is not committed") }
        if place == applied.count {
            let before = model.applied.time
            let expected = model.apply(entry)
            if before > .zero, entry.time.milliseconds - before.milliseconds >= Limits.logTimeStepMilliseconds { world.counts.timeSteps += 1 }
            if case let .rejected(rejection) = expected, rejection.reason == .sessionEnded { world.counts.endedSessions += 1 }
            applied.append(Applied(entry: entry, outcome: expected, digest: model.digest))
            tookEffect(entry, expected, world)
            if entry.kind == .membership { appliedMemberships.append(entry.index) }
            if keepsRights { rights.note(entry, expected, model) }
        }
        guard place < applied.count else { return world.fail("\(node) applies \(entry.index) before anybody applied \(applied.count + 1)") }
        let known = applied[place]
        if known.entry != entry { world.fail("\(node) applies another entry \(entry.index) than others did") }
        if !Self.agree(outcome, known.outcome) {
            world.fail("\(node) applies \(entry.index) with \(outcome.map { "\($0)" } ?? "no outcome"), the model with \(known.outcome.map { "\($0)" } ?? "none")")
        }
    }

    /// The state's digest at the index, if the state machine has one like the model's.
    func compare(digest: UInt64, at index: LogIndex, of node: NodeID, _ world: World) {
        guard index.rawValue > 0, Int(index.rawValue) <= applied.count else { return }
        if applied[Int(index.rawValue) - 1].digest != digest { world.fail("the state of \(node) at \(index) is not what the log makes") }
    }

    mutating func compare(figures text: String, at index: LogIndex, of node: NodeID, _ world: World) {
        if index == appliedIndex, text != model.figures { world.fail("the store of \(node) at \(index) has the digest \(text), the model \(model.figures)") }
        if let other = figures[index] {
            if other != text { world.fail("\(node) has at \(index) the digest \(text), another node \(other)") }
        } else {
            figures[index] = text
        }
    }

    /// A session's write takes effect once.
    private mutating func tookEffect(_ entry: LogEntry, _ outcome: CommandOutcome?, _ world: World) {
        guard case .written(entry.index)? = outcome, case let .write(write)? = try? Command(decoding: entry.payload), write.session != .none
        else { return }
        if !effects[write.session, default: []].insert(write.sequence).inserted {
            world.fail("write \(write.sequence) of session \(write.session) takes effect twice, the second time at \(entry.index)")
        }
    }

    /// The model says less of why than the store: reason and place must be the same.
    static func agree(_ one: CommandOutcome?, _ other: CommandOutcome?) -> Bool {
        switch (one, other) {
        case (nil, nil), (.catalogueChanged, .catalogueChanged): true
        case let (.written(a), .written(b)): a == b
        case let (.sessionOpened(a), .sessionOpened(b)): a == b
        case let (.rejected(a), .rejected(b)): a.reason == b.reason && a.operation == b.operation
        default: false
        }
    }

    // MARK: Answers

    /// A client was told that its command was applied there.
    mutating func answered(_ outcome: CommandOutcome?, _ position: LogPosition, payload: [UInt8], by node: NodeID, _ world: World) {
        let place = Int(position.index.rawValue) - 1
        guard place >= 0, place < applied.count, applied[place].entry.term == position.term else {
            return world.fail("\(node) answers that \(position.index)/\(position.term) was applied; it was not")
        }
        if applied[place].entry.payload != payload { world.fail("\(node) answers for the entry \(position.index) of somebody else") }
        if !Self.agree(outcome, applied[place].outcome) { world.fail("\(node) answers another outcome of \(position.index) than its own") }
        acknowledged = max(acknowledged, position.index)
        readFloor = max(readFloor, position.index)
    }

    /// The first entry after one, through another, that is about the record of the dataset, or about any if `key` is nil, or about what may be shown; nil if
    /// none is.
    func firstTouching(_ key: [UInt8]?, after: LogIndex, through: LogIndex) -> LogIndex? {
        applied[Int(after.rawValue)..<min(applied.count, Int(through.rawValue))].lazy.map(\.entry).first { entry in
            guard entry.kind == .command else { return false }
            switch try? Command(decoding: entry.payload) {
            case let .write(write): return write.operations.contains { $0.dataset == ModelState.dataset && (key == nil || $0.key == key) }
            case .openSession: return false
            default: return true
            }
        }?.index
    }

    /// A read was answered from the state at the index.
    mutating func showed(_ index: LogIndex) { readFloor = max(readFloor, index) }
}
