import Core

/// What a leader knows of one other member's log, and how it sends to it.
struct Progress: Sendable {
    enum State: String, Sendable {
        /// Where the logs agree is not known: one append message at a time.
        case probe
        /// Known: messages follow one another within the window, without waiting for answers.
        case replicate
        /// It needs what the log no longer has: heartbeats alone, until the snapshot's transfer ends.
        case snapshot
    }

    let id: NodeID
    /// The life of its data directory that all this is known of.
    let incarnation: Incarnation
    private(set) var state = State.probe
    /// Its log is the leader's through here, durably.
    private(set) var match = LogIndex(0)
    /// The next entry to send. Always after `match`.
    private(set) var next: LogIndex
    private(set) var window = Window()
    /// The newest commit index that it was sent.
    var sentCommit = LogIndex(0)
    /// The tick of its last message.
    var heardAt: Int
    /// The newest heartbeat with which it has made its promise, by the leader's clock; 0 if it has made none.
    var promisedStamp: UInt64 = 0
    /// It said that it wants no office.
    var isDraining = false
    /// Probing: the tick at which the message under way was sent, which has not been answered. Replicating: when a stuck window
    /// was last looked into.
    var probedAt: Int?
    /// Tick before which no other snapshot is begun.
    var snapshotNotBefore = 0
    /// In state snapshot without a transfer under way: the tick at which to try again.
    private(set) var retryAt: Int?

    init(id: NodeID, incarnation: Incarnation, next: LogIndex, now: Int) {
        self.id = id
        self.incarnation = incarnation
        self.next = next
        heardAt = now
    }

    func isPaused(_ configuration: RaftConfiguration) -> Bool {
        switch state {
        case .probe: probedAt != nil
        case .replicate: window.isFull(configuration)
        case .snapshot: true
        }
    }

    mutating func becomeProbe(from next: LogIndex) {
        state = .probe
        self.next = max(next, match.next)
        window.reset()
        probedAt = nil
        retryAt = nil
    }

    /// The logs agree through `match`.
    mutating func becomeReplicate(match: LogIndex) {
        state = .replicate
        self.match = max(self.match, match)
        next = self.match.next
        window.reset()
        probedAt = nil
        retryAt = nil
    }

    /// `retryAt`: nil if the transfer begins now.
    mutating func becomeSnapshot(retryAt: Int?) {
        state = .snapshot
        window.reset()
        probedAt = nil
        self.retryAt = retryAt
    }

    /// It has `match` durably. Never goes back.
    mutating func advance(match new: LogIndex) {
        match = max(match, new)
        next = max(next, match.next)
        window.free(through: match)
    }

    /// A member without a vote that has lost its log begins anew: nothing was counted on it.
    mutating func forgetMatch() { match = LogIndex(0) }

    mutating func sent(_ entries: [LogEntry]) {
        guard let last = entries.last else { return }
        next = last.index.next
        window.add(last: last.index, bytes: entries.reduce(0) { $0 + $1.weight })
    }
}

/// Append messages with entries that were sent and not yet answered, in messages and in bytes.
struct Window: Sendable {
    private var messages: [(last: LogIndex, bytes: Int)] = []
    private(set) var bytes = 0

    var count: Int { messages.count }

    func isFull(_ configuration: RaftConfiguration) -> Bool {
        messages.count >= configuration.inflightAppendsMax || bytes >= configuration.inflightBytesMax
    }

    mutating func add(last: LogIndex, bytes: Int) {
        messages.append((last, bytes))
        self.bytes += bytes
    }

    /// Messages whose entries are all at or before `index` are answered.
    mutating func free(through index: LogIndex) {
        var count = 0
        while count < messages.count, messages[count].last <= index {
            bytes -= messages[count].bytes
            count += 1
        }
        messages.removeFirst(count)
    }

    mutating func reset() {
        messages.removeAll(keepingCapacity: true)
        bytes = 0
    }
}
