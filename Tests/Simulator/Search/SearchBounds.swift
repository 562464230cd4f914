/// What may happen at most on one path of a search. Every bound multiplies the states.
package struct SearchBounds: Equatable, Sendable {
    /// Voters of the cluster at first, 1 to 5.
    package var voters = 3
    /// Nodes that are members without a vote at first.
    package var learners = 0
    /// 1: the search begins where the first node leads and everybody has applied its first entry. That is 11 events into a new cluster of three,
    /// so what a later election can do comes within reach. 2: where the second node leads after it, and the first, which does not know, has two entries
    /// more: one that the others have too, and one that nobody else has.
    package var elected = 0
    /// Elections that begin because a node hears no leader.
    package var timeouts = 3
    /// Ticks of a leader: heartbeats, and the look whether a quorum answers.
    package var heartbeats = 1
    /// Commands of clients.
    package var requests = 3
    /// Reads through a quorum.
    package var reads = 0
    /// Nodes that lose everything that is not durable.
    package var crashes = 2
    /// Messages lost.
    package var losses = 0
    /// Messages delivered twice.
    package var duplicates = 0
    /// Messages that overtake the one before them.
    package var overtakings = 0
    /// Times that an entry of a leader's log, any, arrives at a follower ahead of what is under way: Raft lets a leader send what it likes, and what a
    /// follower answers must not depend on why it was sent.
    package var resends = 0
    /// Changes of the membership: a leader is asked to give a member a vote, or to take it, or to give one's to another.
    package var changes = 0
    /// Events of a path.
    package var depth = 12
    /// States after which the search ends unfinished.
    package var statesMax = 5_000_000

    package init() {}
}

/// One thing that can happen in a world.
package enum SearchChoice: Equatable, Sendable, CustomStringConvertible {
    /// The node hears no leader for the whole of its timeout.
    case timeout(node: Int)
    case heartbeat(node: Int)
    case deliver(from: Int, to: Int)
    case lose(from: Int, to: Int)
    /// Delivers the message and leaves it where it was.
    case duplicate(from: Int, to: Int)
    /// Delivers the second message of the link.
    case overtake(from: Int, to: Int)
    /// The leader's entry after this index, which it has durably, arrives.
    case resend(from: Int, to: Int, after: Int)
    /// The node's oldest write becomes durable.
    case persist(node: Int)
    case crash(node: Int)
    case restart(node: Int)
    case request(node: Int)
    case read(node: Int)
    /// The member gets a vote, or loses the one it has.
    case change(node: Int, member: Int)
    /// The one loses its vote and the other gets one, in one change.
    case exchange(node: Int, from: Int, to: Int)

    package var description: String {
        func n(_ node: Int) -> String { "n\(node + 1)" }
        return switch self {
        case let .timeout(node): "\(n(node)) hears no leader"
        case let .heartbeat(node): "\(n(node)) ticks"
        case let .deliver(from, to): "\(n(from)) → \(n(to)) delivered"
        case let .lose(from, to): "\(n(from)) → \(n(to)) lost"
        case let .duplicate(from, to): "\(n(from)) → \(n(to)) delivered, and again later"
        case let .overtake(from, to): "\(n(from)) → \(n(to)) delivered before the one ahead of it"
        case let .resend(from, to, after): "\(n(from)) sends \(n(to)) its entry \(after + 1), which arrives at once"
        case let .persist(node): "\(n(node)) writes durably"
        case let .crash(node): "\(n(node)) crashes"
        case let .restart(node): "\(n(node)) restarts"
        case let .request(node): "a command for \(n(node))"
        case let .read(node): "a read at \(n(node))"
        case let .change(node, member): "\(n(node)) is asked to give \(n(member)) a vote or to take it"
        case let .exchange(node, from, to): "\(n(node)) is asked to give the vote of \(n(from)) to \(n(to))"
        }
    }
}
