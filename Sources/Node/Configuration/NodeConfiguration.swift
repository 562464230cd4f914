import Configuration
import Core

/// What `khod` is started with. Read from a TOML file; every key that is not known and every value that is not right is an
/// error with its line.
package struct NodeConfiguration: Equatable, Sendable {
    package enum Role: String, Sendable, CaseIterable {
        /// A voter: keeps the log and the records.
        case storage
        /// A learner that serves clients.
        case query
    }

    package enum LogLevel: String, Sendable, CaseIterable {
        case trace, debug, info, notice, warning, error
    }

    /// The three services' addresses, `host:port`. `client` is nil on a storage node.
    package struct Addresses: Equatable, Sendable {
        package var peer: String
        package var admin: String
        package var client: String?
    }

    package struct Files: Equatable, Sendable {
        package var certificate: String
        package var key: String
        package var ca: String
    }

    package struct Bounds: Equatable, Sendable {
        /// Bytes of address space that LMDB reserves; the most that the records may grow to.
        package var mapBytes = 64 << 30
        /// Bytes of one log segment.
        package var segmentBytes = 64 << 20
        /// Free bytes of the log's disk below which writes are refused, while deletions, reads and elections go on.
        package var lowSpaceBytes = 512 << 20
        /// Bytes of log kept for nodes that are a little behind; one that is further behind gets a snapshot.
        package var logRetentionBytes = 32 << 20
        /// A checkpoint is due after so many bytes were changed, or after so many milliseconds.
        package var checkpointBytes = 64 << 20
        package var checkpointMilliseconds = 10_000
        /// Bytes a second of a state that is sent to another node as a whole.
        package var snapshotBytesPerSecond = 64 << 20
        /// Client connections of a query node.
        package var connections = Limits.connections
        /// Microseconds that an event loop of a query node goes on looking at its sockets after it has answered, before it sleeps; 0 for never.
        package var busyPollMicroseconds = Limits.busyPollMicroseconds
    }

    package var role: Role
    /// The node's name in its certificate; what administrators call it.
    package var name: String
    /// The data directory; made if it is missing.
    package var data: String
    /// Lines of JSON about every administrative act and denial. `DATA/audit.jsonl` if not given.
    package var audit: String
    /// Where the services listen.
    package var listen: Addresses
    /// What other nodes, administrators and clients are told; `listen` if not given.
    package var advertise: Addresses
    package var tls: Files
    /// The file of the key that backups of this node are sealed with; nil if it gives none.
    package var backupKey: String?
    package var logLevel = LogLevel.info
    package var bounds = Bounds()
    /// Consensus: milliseconds of a tick, and ticks without a leader until an election.
    package var tickMilliseconds = 20
    package var electionTicks = 10
    package var heartbeatTicks = 2
}

extension NodeConfiguration {
    /// Every key there is.
    static let keys = [
        "role", "name", "data", "audit", "listen.peer", "listen.admin", "listen.client", "advertise.peer", "advertise.admin",
        "advertise.client", "tls.certificate", "tls.key", "tls.ca", "backup.key", "log.level", "storage.map_size", "storage.segment_size",
        "storage.log_retention", "storage.low_space", "storage.checkpoint_bytes", "storage.checkpoint_milliseconds", "storage.snapshot_rate", "limits.connections",
        "loops.busy_poll_microseconds", "consensus.tick_milliseconds", "consensus.election_ticks", "consensus.heartbeat_ticks",
    ]

    /// Reads and checks a whole configuration. The first mistake in the order of the file is thrown; what is missing comes last.
    package init(_ file: TOMLFile) throws(ConfigurationError) {
        let reader = ConfigurationReader(file: file)
        try reader.checkKeys(Self.keys)

        role = try reader.choice("role")
        name = try reader.name("name")
        data = try reader.string("data")
        audit = try reader.optionalString("audit") ?? data + "/audit.jsonl"
        let peer = try reader.address("listen.peer", port: 7401) ?? "0.0.0.0:7401"
        let admin = try reader.address("listen.admin", port: 7402) ?? "127.0.0.1:7402"
        var client = try reader.address("listen.client", port: 7400)
        if role == .storage {
            for key in ["listen.client", "advertise.client", "limits.connections", "loops.busy_poll_microseconds"] {
                if let entry = file[key] { throw reader.error(entry, "a storage node serves no clients; only role \"query\" has \(key)") }
            }
        } else {
            client = client ?? "0.0.0.0:7400"
        }
        listen = Addresses(peer: peer, admin: admin, client: client)
        advertise = Addresses(
            peer: try reader.advertised("peer", listening: peer), admin: try reader.advertised("admin", listening: admin),
            client: nil)
        if let client { advertise.client = try reader.advertised("client", listening: client) }
        tls = Files(certificate: try reader.string("tls.certificate"), key: try reader.string("tls.key"), ca: try reader.string("tls.ca"))
        backupKey = try reader.optionalString("backup.key")

        if file["log.level"] != nil { logLevel = try reader.choice("log.level") }
        bounds.mapBytes = try reader.size("storage.map_size", in: 16 << 20...16 << 40) ?? bounds.mapBytes
        bounds.segmentBytes = try reader.size("storage.segment_size", in: 16 << 20...1 << 30) ?? bounds.segmentBytes
        bounds.logRetentionBytes = try reader.size("storage.log_retention", in: 1 << 20...1 << 40) ?? bounds.logRetentionBytes
        bounds.lowSpaceBytes = try reader.size("storage.low_space", in: 1 << 20...1 << 50) ?? bounds.lowSpaceBytes
        bounds.snapshotBytesPerSecond = try reader.size("storage.snapshot_rate", in: 1 << 20...1 << 40) ?? bounds.snapshotBytesPerSecond
        bounds.checkpointBytes = try reader.size("storage.checkpoint_bytes", in: 1 << 20...1 << 40) ?? bounds.checkpointBytes
        bounds.checkpointMilliseconds = try reader.integer("storage.checkpoint_milliseconds", in: 10...3_600_000) ?? bounds.checkpointMilliseconds
        bounds.connections = try reader.integer("limits.connections", in: 1...Limits.connections) ?? bounds.connections
        bounds.busyPollMicroseconds =
            try reader.integer("loops.busy_poll_microseconds", in: 0...Limits.busyPollMicrosecondsMax) ?? bounds.busyPollMicroseconds
        tickMilliseconds = try reader.integer("consensus.tick_milliseconds", in: 1...1_000) ?? tickMilliseconds
        electionTicks = try reader.integer("consensus.election_ticks", in: 3...1_000) ?? electionTicks
        heartbeatTicks = try reader.integer("consensus.heartbeat_ticks", in: 1...500) ?? heartbeatTicks
        if heartbeatTicks * 2 > electionTicks, let entry = file["consensus.heartbeat_ticks"] ?? file["consensus.election_ticks"] {
            throw reader.error(entry, "election_ticks must be at least twice heartbeat_ticks, or followers lose patience with a healthy leader")
        }
    }

    /// Reads the file of this path.
    package static func load(_ path: String) throws(ConfigurationError) -> NodeConfiguration {
        let text: String
        do {
            text = try FileAccess.text(path)
        } catch {
            throw ConfigurationError(file: path, line: 0, message: error.reason)
        }
        return try NodeConfiguration(TOMLFile(parsing: text, name: path))
    }
}
