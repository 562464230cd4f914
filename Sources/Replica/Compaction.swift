import Core
import Raft

/// Decides how much of the log may go: never past the durable checkpoint, not past a live follower if it can be helped, and a stretch is
/// kept for those that are a little behind.
enum Compaction {
    /// Through which entry the log is to be cut; nil to keep all of it.
    ///
    /// - Parameters:
    ///   - checkpoint: what the last durable checkpoint shows.
    ///   - retainedBytes: the weight of the stretch that is kept. While a live follower needs more, up to `keptForFollowers` is.
    static func index(checkpoint: LogIndex, core: RaftCore, retainedBytes: Int) -> LogIndex? {
        #if KHO_BUG_LOG_CUT_TOO_FAR
        // Bug: entries go that the durable checkpoint does not show.
        var through = min(core.status.commitIndex, core.index(keeping: retainedBytes))
        #else
        var through = min(checkpoint, core.index(keeping: retainedBytes))
        #endif
        if core.logWeight <= keptForFollowers(retainedBytes) {
            for follower in core.followers where follower.isActive && follower.state != "snapshot" { through = min(through, follower.matchIndex) }
        }
        return through > core.base.index ? through : nil
    }

    /// The weight up to which the log is kept for a live follower that needs more than the usual stretch of it, and that a replica takes of entries which it cannot apply.
    static func keptForFollowers(_ retainedBytes: Int) -> Int { 4 * retainedBytes }
}
