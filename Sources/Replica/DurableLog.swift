import Core
import SegmentLog

/// The log on disk, as the log lane uses it. Any call that fails is the last one.
package protocol DurableLog: AnyObject, Sendable {
    /// Bytes of its files.
    var bytes: Int { get }
    /// Whether the disk is nearly full.
    var isLowOnSpace: Bool { get }
    /// Writes; the hard state is durable when this returns, the entries after the next `sync`.
    func append(_ entries: [LogEntry], hardState: HardState?) throws(LogError)
    func sync() throws(LogError)
    /// Forgets entries through this index, as far as it can.
    func compact(through index: LogIndex) throws(LogError)
    /// Begins anew after the position. Durable when it returns.
    func reset(to position: LogPosition) throws(LogError)
}

extension SegmentLog: DurableLog {}
