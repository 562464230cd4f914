import Core

/// What a cluster that begins with another's state changes of it; everything else stays.
package struct Founding: Sendable {
    /// Where the new log begins: far behind every index that the other cluster can have come to since. What has an index for its name (a session, a change that a
    /// condition asks for) would otherwise come to mean two things to whoever spoke to that cluster.
    package let position: LogPosition
    /// The time by which terms of rights are judged from now on; never before the state's own.
    package let time: LogTime
    package let membership: Membership

    /// Indexes that are left out: more than a cluster writes in years.
    private static let gap: UInt64 = 1 << 32

    /// - Parameter now: milliseconds since 1970.
    package init(after header: SnapshotHeader, with membership: Membership, now: Int64) {
        position = LogPosition(index: LogIndex(header.applied.index.rawValue + Self.gap), term: header.applied.term)
        time = LogTime(milliseconds: max(header.time.milliseconds, now))
        self.membership = membership
    }
}
