/// Every bound of Kho in one place, with its unit and its reason.
public enum Limits {
    // Records.

    /// Bytes of a record's key. LMDB holds keys of at most 511 bytes; the dataset's number takes 4.
    public static let recordKeyBytes = 507
    /// Bytes of one record as stored, so that a batch of them fits a frame. A schema whose largest record would have more is refused, so
    /// that whether a value fits never depends on the record's other values.
    public static let recordBytes = 1 << 20
    /// Bytes of a string, of bytes or of a list in a field without a bound of its own: 255 such fields fit a record.
    public static let fieldBytes = 4_096
    /// Fields of one dataset. Masks are bit sets of four words.
    public static let fieldsPerDataset = 255
    /// The largest number of a field; numbers of deleted fields are not used again.
    public static let fieldID: UInt16 = 255
    /// Elements of a list of strings.
    public static let listElements = 4_096

    // Conditions.

    /// Levels of AND, OR, NOT in a row condition or a client's filter: evaluation recurses.
    public static let conditionDepth = 16
    /// Levels of a condition's tree: a level of parentheses may hold an AND in an OR, and a comparison stands in the last.
    package static let conditionTreeDepth = 2 * conditionDepth + 1
    /// Comparisons and connectives in one condition.
    public static let conditionNodes = 128
    /// Bytes of a condition's text.
    public static let conditionTextBytes = 8_192
    /// Values of one IN.
    public static let conditionValues = 256

    // Catalogue.

    /// Bytes of what a refusal of a change says: where, and why.
    public static let refusalPathBytes = 200
    public static let refusalTextBytes = 1_000
    /// Bytes of a code or a name of an object.
    public static let nameBytes = 200
    /// Agencies, principals, datasets and agreements of each kind.
    public static let catalogueObjects = 100_000
    /// Attributes of one principal.
    public static let principalAttributes = 64

    // Protocol.

    /// Bytes of a frame's header.
    public static let frameHeaderBytes = 16
    /// Bytes of a frame, header included: a record with its surroundings, several times over.
    public static let frameBytes = 8 << 20
    /// Bytes of a frame, header included, before HELLO was answered: a stranger occupies no more.
    public static let greetingFrameBytes = 4_096
    /// Bytes of the particulars that an error says.
    public static let errorDetailBytes = 4_096
    /// Bytes of a gateway's token in BIND.
    public static let bindTokenBytes = 2_048
    /// Bytes of a page token: a key, what it is bound to, and its seal.
    public static let pageTokenBytes = 1_024
    /// Bytes of a purpose, a case number or an end user's name in a request.
    public static let disclosureTextBytes = 200
    /// Datasets of one answer to DESCRIBE, so that it fits a frame however many fields they have.
    public static let describedDatasets = 128
    /// Keys of one MULTIGET.
    public static let multigetKeys = 1_024
    /// Operations of one BATCH.
    public static let batchOperations = 4_096
    /// Records of one SCAN batch.
    public static let scanBatchRecords = 4_096
    /// Records that one step of a scan or a count examines before others on its event loop are served.
    public static let scanExaminedRecords = 20_000
    /// Requests of one connection that were received and not yet answered; more are refused with THROTTLED.
    public static let requestsInFlight = 4_096
    /// Bytes of a connection's requests that were received and not yet answered; more are refused with THROTTLED. Frames up to
    /// `lightRequestBytes` are not counted: their number is bounded.
    public static let requestBytesInFlight = 32 << 20
    public static let lightRequestBytes = 4_096
    /// Client connections of a query node, and those of one principal.
    public static let connections = 10_000
    public static let connectionsPerPrincipal = 1_000
    /// Bytes of frames of more than `lightRequestBytes` that a query node has received, in part or whole, and not yet answered: of all
    /// connections, and of those of one principal. A connection has the first bytes of an incomplete frame free.
    public static let receivedBytes = 256 << 20
    public static let receivedBytesPerPrincipal = 64 << 20
    public static let receivedBytesFree = 16 << 10
    /// Principal handles of one connection.
    public static let handlesPerConnection = 1_024
    /// Bytes waiting to be written to a connection before its requests are no longer read.
    public static let outgoingBytesPerConnection = 4 << 20
    /// Milliseconds that a connection has for its TLS handshake and HELLO, and for a frame that has begun.
    public static let handshakeMilliseconds = 10_000
    /// Milliseconds that a client whose answers wait may take not a byte of them.
    public static let stallMilliseconds = 60_000

    // Log and consensus.

    /// Bytes that an entry counts for beside its payload.
    public static let entryOverheadBytes = 64
    /// Bytes of one entry's payload: a BATCH of a full frame.
    public static let entryPayloadBytes = 8 << 20
    /// Bytes of entries that the leader has taken and not yet committed; more proposals are refused for a while.
    public static let uncommittedBytes = 64 << 20
    /// Bytes of committed entries that a replica has in its log and has not applied; with as many it takes no more, until it has applied some.
    public static let unappliedBytes = 128 << 20
    /// Entries of one append message, and their bytes (the first entry may be larger).
    public static let appendEntries = 1_024
    public static let appendBytes = 1 << 20
    /// Append messages, and bytes in them, sent to a follower and not yet answered.
    public static let inflightAppends = 64
    public static let inflightBytes = 16 << 20
    /// Committed entries that a learner may lack when it is made a voter: what it receives within a moment.
    public static let promotionEntries = 1_000
    /// Bytes of entries kept in memory for followers, beyond those not yet applied.
    public static let entryCacheBytes = 32 << 20
    /// Milliseconds that the log's time may run ahead of the last entry's in one step.
    public static let logTimeStepMilliseconds: Int64 = 600_000
    /// Milliseconds of an idle leader after which it logs a time entry.
    public static let logTimeIdleMilliseconds: Int64 = 5_000
    /// Members of a cluster.
    public static let members = 64

    // Event loops.

    /// Microseconds that a query node's event loop goes on looking at its sockets after it has answered reads, if `khod`'s configuration says nothing; and the most that it can say.
    public static let busyPollMicroseconds = 25
    public static let busyPollMicrosecondsMax = 1_000

    // Sessions.

    /// Sessions at a time in a cluster. Who opens one more gives up its own that is idle for longest; who has none, ends another's.
    public static let sessions = 10_000
    /// Sessions of one principal at a time; opening one more ends the one of them that is idle for longest, nobody else's.
    public static let sessionsPerPrincipal = 64
    /// Answers kept for a session: writes that a client may have under way at once.
    public static let sessionAnswers = 1_024
    /// Milliseconds of log time after which an idle session ends.
    public static let sessionIdleMilliseconds: Int64 = 3_600_000

    // Peers.

    /// Bytes of one message between nodes: an append with one large entry.
    public static let peerFrameBytes = 24 << 20
    /// Bytes waiting for one peer before messages to it are dropped; consensus sends them again.
    public static let peerQueueBytes = 64 << 20
    /// Accepted peer connections that have not said who they are; one more ends the oldest of them.
    public static let peerHandshakes = 64
    /// Milliseconds between the pings of a peer connection, and of silence after which it is given up as half open.
    public static let peerPingMilliseconds = 1_000
    public static let peerSilenceMilliseconds = 3_000
    /// Milliseconds before a lost peer is dialled again: the first time, and after many failures.
    public static let peerRedialMilliseconds = 50
    public static let peerRedialMillisecondsMax = 1_000
    /// Bytes of a snapshot's chunk.
    public static let snapshotChunkBytes = 1 << 20
}
