import Core
import Raft

/// Decides how much of the log may go: never past the durable checkpoint, not past a live follower if it can be helped, and a stretch is
/// kept for those that are a little behind.
///
/// A follower that is sent a snapshot goes on with the entry behind it. If that were gone when the snapshot has come, it would be sent another one, and so on for as long as
/// more is written during a transfer than is kept. So from a transfer's beginning until its receiver is near, a larger stretch is kept for it.
enum Compaction {
    /// Through which entry the log is to be cut; nil to keep all of it.
    ///
    /// - Parameters:
    ///   - checkpoint: what the last durable checkpoint shows.
    ///   - retainedBytes: the weight of the stretch that is kept. While a live follower needs more, up to `keptForFollowers` is.
    ///   - receivers: followers that are sent a snapshot, or were and are not near yet: up to `keptForReceivers` of what comes behind these indexes is kept for them.
    static func index(checkpoint: LogIndex, core: RaftCore, retainedBytes: Int, receivers: [Receiver] = []) -> LogIndex? {
        #if KHO_BUG_LOG_CUT_TOO_FAR
        // Bug: entries go that the durable checkpoint does not show.
        var through = min(core.status.commitIndex, core.index(keeping: retainedBytes))
        #else
        var through = min(checkpoint, core.index(keeping: retainedBytes))
        #endif
        for follower in core.followers where follower.isActive {
            if let receiver = receivers.first(where: { $0.node == follower.id }) {
                through = min(through, max(receiver.from, follower.matchIndex, core.index(keeping: keptForReceivers(retainedBytes))))
            } else if follower.state != "snapshot" {
                through = min(through, max(follower.matchIndex, core.index(keeping: keptForFollowers(retainedBytes))))
            }
        }
        return through > core.base.index ? through : nil
    }

    /// A follower, and the index that the snapshot shows which it is sent, or an earlier one.
    struct Receiver {
        let node: NodeID
        let from: LogIndex
    }

    /// Those that still need what is kept for them: a live follower of this leader, and not as near as any other.
    static func remaining(_ receivers: [Receiver], core: RaftCore, retainedBytes: Int) -> [Receiver] {
        guard !receivers.isEmpty else { return [] }
        let near = core.index(keeping: retainedBytes)
        return receivers.filter { receiver in
            core.followers.contains { $0.id == receiver.node && $0.isActive && ($0.state == "snapshot" || $0.matchIndex < near) }
        }
    }

    /// The weight up to which the log is kept for a live follower that needs more than the usual stretch of it, and that a replica takes of entries which it cannot apply.
    static func keptForFollowers(_ retainedBytes: Int) -> Int { 4 * retainedBytes }
    /// The weight up to which the log is kept for a live follower that is sent a snapshot.
    static func keptForReceivers(_ retainedBytes: Int) -> Int { 16 * retainedBytes }
}
