import Core

/// The reads that wait at a leader for a quorum to say that it still leads.
struct ReadQueue: Sendable {
    struct Read: Sendable {
        /// Who asked: the leader's own number for a read of its own.
        var origin: NodeID
        var id: ReadID
        /// The tick at which it is given up.
        var deadline: Int
    }

    /// A round of heartbeats with a context of its own, begun after all its reads had arrived.
    struct Round: Sendable {
        let context: UInt64
        /// The commit index when the round began.
        let index: LogIndex
        var acknowledged: [NodeID] = []
        var reads: [Read]
        /// Only some of the voters were asked, and no tick has come since.
        fileprivate(set) var isNarrow = false
    }

    private(set) var waiting: [Read] = []
    private(set) var round: Round?
    /// Counts up for as long as the core lives, so that no two rounds share a context.
    private var lastContext: UInt64 = 0
    /// Whose answers ended the last round, and the tick of that.
    private var last: (acknowledged: [NodeID], at: Int)?

    var count: Int { waiting.count + (round?.reads.count ?? 0) }
    /// What heartbeats carry: 0 if no round is under way.
    var context: UInt64 { round?.context ?? 0 }

    #if KHO_BUG_READ_JOINS_ROUND
    // Bug: a read joins a round that began before it came.
    mutating func add(_ read: Read) { if round == nil { waiting.append(read) } else { round?.reads.append(read) } }
    #else
    mutating func add(_ read: Read) { waiting.append(read) }
    #endif

    /// All that wait go into a new round.
    mutating func begin(index: LogIndex) {
        #if KHO_BUG_READ_CONTEXT_REUSED
        // Bug: rounds share a context, so that an answer to an earlier one confirms a later.
        lastContext = 1
        #else
        lastContext += 1
        #endif
        round = Round(context: lastContext, index: index, reads: waiting)
        waiting = []
    }

    /// Of the round under way: only some were asked, or now all are.
    mutating func narrow() { round?.isNarrow = true }
    mutating func widen() { round?.isNarrow = false }

    /// A member has answered a heartbeat of this context: false if that is not the round under way.
    mutating func acknowledge(_ context: UInt64, by id: NodeID) -> Bool {
        guard let round, round.context == context else { return false }
        if !round.acknowledged.contains(id) { self.round?.acknowledged.append(id) }
        return true
    }

    /// Ends the round, and gives what it answers.
    mutating func finish(now: Int) -> Round? {
        if let round { last = (round.acknowledged, now) }
        defer { round = nil }
        return round
    }

    /// Whose answers ended the last round, if that was a moment ago: in this tick or the one before. Nobody if not.
    func first(now: Int) -> [NodeID] { last.map { now - $0.at <= 1 ? $0.acknowledged : [] } ?? [] }

    /// Takes out the reads whose time is up. Deadlines ascend, since reads join at the end.
    mutating func expire(now: Int) -> [Read] {
        let expired = Self.expire(&waiting, now)
        guard var round else { return expired }
        let old = Self.expire(&round.reads, now)
        guard !old.isEmpty else { return expired }
        // A round that answers nobody any more only keeps others waiting.
        self.round = round.reads.isEmpty ? nil : round
        return old + expired
    }

    /// Takes out all reads.
    mutating func removeAll() -> [Read] {
        defer { (round, waiting) = (nil, []) }
        return (round?.reads ?? []) + waiting
    }

    /// Takes out the reads of a member.
    mutating func removeAll(of origin: NodeID) {
        waiting.removeAll { $0.origin == origin }
        round?.reads.removeAll { $0.origin == origin }
        if round?.reads.isEmpty == true { round = nil }
    }

    private static func expire(_ reads: inout [Read], _ now: Int) -> [Read] {
        guard let first = reads.first, first.deadline <= now else { return [] }
        let expired = Array(reads.prefix { $0.deadline <= now })
        reads.removeFirst(expired.count)
        return expired
    }
}
