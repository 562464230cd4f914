import Core

/// Whose log it is. Stands in every file; a file of another cluster, node or incarnation is refused.
package struct LogIdentity: Equatable, Sendable, CustomStringConvertible {
    package var cluster: ClusterID
    package var node: NodeID
    package var incarnation: Incarnation

    package init(cluster: ClusterID, node: NodeID, incarnation: Incarnation) {
        self.cluster = cluster
        self.node = node
        self.incarnation = incarnation
    }

    package var description: String { "node \(node), incarnation \(incarnation), of cluster \(cluster)" }
}

/// How a log uses its disk.
package struct LogOptions: Equatable, Sendable {
    /// The least that `segmentBytes` can be.
    package static let segmentBytesMin = 16 << 10

    /// Bytes of a segment's file, a multiple of 4,096. An entry that does not fit gets a segment of its own, as large as it needs.
    package var segmentBytes: Int
    /// Bytes of the file that keeps space for the hour when the disk is full; 0 for none.
    package var reserveBytes: Int
    /// Free bytes of the file system below which the log says that space is low.
    package var lowSpaceBytes: Int
    /// Whether a new log is made where there is none. A node that has had one says no: an empty log has forgotten its votes.
    package var mayCreate: Bool

    /// `segmentBytes` is raised to `segmentBytesMin` and rounded up to whole pages. The reserve's default is two segments, so that
    /// deletes and elections go on for a while on a full disk.
    package init(segmentBytes: Int = 64 << 20, reserveBytes: Int? = nil, lowSpaceBytes: Int = 512 << 20, mayCreate: Bool = true) {
        self.segmentBytes = Block.roundedUp(max(segmentBytes, Self.segmentBytesMin))
        self.reserveBytes = reserveBytes ?? 2 * self.segmentBytes
        self.lowSpaceBytes = lowSpaceBytes
        self.mayCreate = mayCreate
    }
}

/// What opening a log found. All of it is durable.
package struct RecoveredLog: Equatable, Sendable {
    package var hardState: HardState
    /// The position before the first entry.
    package var base: LogPosition
    /// Every entry after `base`, without a gap.
    package var entries: [LogEntry]
    /// What a power cut left behind the last whole entry, never having been synced. It was erased.
    package var tornTail: TornTail?
    /// Files of which one of two copies of a block was damaged and has been written anew. A disk that does this wants replacing.
    package var repaired: [String]

    package init(hardState: HardState, base: LogPosition, entries: [LogEntry], tornTail: TornTail?, repaired: [String]) {
        self.hardState = hardState
        self.base = base
        self.entries = entries
        self.tornTail = tornTail
        self.repaired = repaired
    }
}

/// Bytes that were written and never synced.
package struct TornTail: Equatable, Sendable {
    package var path: String
    /// Where the first entry that is not whole stood.
    package var offset: Int
    /// From there to the end of the last one found.
    package var bytes: Int
}
