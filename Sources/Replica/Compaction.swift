import Core
import Raft

/// Decides how much of the log may go: never past a durable checkpoint, not past a live follower if it can be helped, and a stretch is
/// kept for those that are a little behind.
struct Compaction {
    let retainedBytes: Int
    private var checkpoint = LogIndex(0)
    /// Where the log was cut last.
    private var cut = LogIndex(0)

    init(retainedBytes: Int) { self.retainedBytes = retainedBytes }

    /// Through which entry the log is to be cut after a checkpoint; nil to keep all of it.
    mutating func index(checkpointed index: LogIndex, followers: [FollowerStatus], logBytes: Int) -> LogIndex? {
        let previous = checkpoint
        checkpoint = index
        guard logBytes > retainedBytes else { return nil }
        // The checkpoint before is kept as a margin, unless the log has grown far beyond its bound.
        var through = logBytes > 2 * retainedBytes ? index : previous
        if logBytes <= 4 * retainedBytes {
            for follower in followers where follower.isActive && follower.state != "snapshot" { through = min(through, follower.matchIndex) }
        }
        guard through > cut else { return nil }
        cut = through
        return through
    }
}
