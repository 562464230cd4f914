import Core
import NIOCore

/// What a query server is made with.
package struct QuerySettings: Sendable {
    /// The node's name, and the cluster's, as the greeting says them.
    package var node: String
    package var version: String
    package var clusterName: String
    package var clusterID: ClusterID
    /// Client connections at a time.
    package var connectionsMax = Limits.connections
    /// Those of one principal among them.
    package var connectionsPerPrincipalMax = Limits.connectionsPerPrincipal
    /// Bytes of large frames, received in part or being answered, of all connections, and of those of one principal.
    package var receivedBytesMax = Limits.receivedBytes
    package var receivedBytesPerPrincipalMax = Limits.receivedBytesPerPrincipal
    /// Milliseconds for the TLS handshake and HELLO, and for a frame that has begun (and 1 ms more for 64 bytes of it).
    package var patienceMilliseconds = UInt64(Limits.handshakeMilliseconds)
    /// Milliseconds without a byte taken by a client whose answers wait.
    package var stallMilliseconds = UInt64(Limits.stallMilliseconds)
    /// Bytes that wait to be written to a connection before its requests are answered and read no longer.
    package var outgoingBytesMax = Limits.outgoingBytesPerConnection
    /// Bytes of requests of one connection that are under way.
    package var requestBytesMax = Limits.requestBytesInFlight
    /// The clock that patience is measured by.
    package var clock: @Sendable () -> MonotonicTime = { MonotonicTime.now() }
    /// The clock that certificates end by, milliseconds since 1970.
    package var wallClock: @Sendable () -> Int64 = { WallClock.now() }
    /// Milliseconds after which a scan's batch that is not full, or a count that is not complete, is answered as it is.
    package var stepMilliseconds: Double = 250
    /// Records that one step of a scan or a count examines before others on the loop are served.
    package var examinedMax = Limits.scanExaminedRecords
    /// Milliseconds of requests that an event loop answers before it reads its sockets again.
    package var turnMilliseconds: Double = 5
    /// Microseconds that an event loop goes on looking at its sockets after it has answered, before it sleeps; 0 for never.
    package var busyPollMicroseconds = Limits.busyPollMicroseconds
    /// Bytes after which a batch of a scan ends.
    package var batchBytes = 1 << 20
    /// How far apart large writes are begun before anybody has waited.
    var writePace = WritePace()

    package init(node: String, version: String, clusterName: String, clusterID: ClusterID) {
        self.node = node
        self.version = version
        self.clusterName = clusterName
        self.clusterID = clusterID
    }
}

/// What an auditor hears of. Says who and what was asked, never a key or a value.
package enum QueryEvent: Equatable, Sendable {
    /// A request was refused for want of a right. `dataset`: the number that was asked for, which may be none's.
    case denied(principal: String, operation: String, dataset: DatasetID, remote: String)
    /// A certificate that names no active principal, or of another role or cluster.
    case unauthenticated(certificate: String, remote: String)
    /// A connection broke the protocol and was closed with this error.
    case misbehaved(certificate: String, code: UInt16, remote: String)
    /// A stored record does not fit its checksum.
    case damagedRecord(dataset: DatasetID)
}

/// The protocol's name in the TLS handshake.
package enum QueryProtocol {
    package static let name = "kho/1"
}
