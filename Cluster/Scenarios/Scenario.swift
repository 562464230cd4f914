import Configuration
import Core

/// A test of a whole cluster, as a file says it: how many nodes, what the clients do, what goes wrong and when.
package struct Scenario: Equatable, Sendable {
    /// How the nodes reach each other.
    package enum NetworkKind: String, Sendable, CaseIterable {
        /// The loopback interface as it is: no fault of the network is possible.
        case plain
        /// A network namespace for each node; needs root.
        case namespaces
        /// A proxy for each node.
        case proxy
        /// Namespaces where they are possible, otherwise the proxy.
        case any
    }

    /// How query nodes find out that what they read is new enough.
    package enum ReadMode: String, Sendable, CaseIterable {
        case readIndex = "read-index"
        case lease
    }

    package struct Workload: Equatable, Sendable {
        package var clients = 4
        /// Keys in use at a time; each is given up for a new one after `operationsPerKey` calls, so that no history grows without bound.
        package var keys = 8
        package var operationsPerKey = 200
        /// A client's rest between two calls, at random up to twice as long.
        package var pauseMilliseconds = 5
        /// Bytes of a record's text at most.
        package var valueBytesMax = 2_000
        /// Of 16 texts, so many are of any length up to that; the others are short.
        package var longTexts = 1
        /// Keys written together by one import call.
        package var importRecords = 40
        /// How often each kind of call is made, relative to the others.
        package var weights: [CallKind: Int] = [.read: 40, .stale: 10, .write: 20, .conditional: 15, .delete: 3, .once: 10, .import: 2]
    }

    /// One fault, once or again and again.
    package struct Fault: Equatable, Sendable {
        package var name: String
        package var kind: FaultKind
        package var target: Target
        package var firstMilliseconds: Int
        /// 0: once.
        package var everyMilliseconds: Int
        /// 0: until the end.
        package var lastsMilliseconds: Int
        /// Of a slow link, milliseconds; of a throttled one, bytes a second; of a clock, milliseconds of its jump; of damage, bits.
        package var amount: Int
        package var line: Int
    }

    /// Faults by chance: each time some of these kinds together.
    package struct Mix: Equatable, Sendable {
        package var kinds: [FaultKind]
        package var everyMilliseconds: Int
        package var lastsMilliseconds: Int
        package var together: Int
    }

    package struct Bounds: Equatable, Sendable {
        package var leaderWithinMilliseconds = 2_000
        /// Memory of a leader, and bytes of its log's files, at any moment.
        package var leaderMemory = 512 << 20
        package var leaderLog = 512 << 20
        /// Bytes of its log's segments, and of its state's files; nil for none. A run of the whole length must have written twice as much as a bounded log holds,
        /// or nobody knows whether it was ever cut.
        package var leaderSegments: Int?
        package var leaderState: Int?
        /// After each heal every voter follows the leader's log again, within so many milliseconds and while clients go on; in a run of the whole length some of them must have been
        /// sent another's state for it. nil: nothing is claimed of that.
        package var caughtUpWithinMilliseconds: Int?
    }

    package var name: String
    package var about: String
    package var seconds: Int
    package var storage: Int
    package var query: Int
    package var network: NetworkKind
    /// Bytes of a disk of its own for each storage node; nil for none.
    package var diskBytes: Int?
    /// What the cluster is configured to at the start; nil: it is left as it was formed.
    package var readMode: ReadMode?
    package var workload = Workload()
    package var faults: [Fault] = []
    package var mix: Mix?
    package var bounds = Bounds()

    /// Bytes that the clients must have written in a run of the whole length, so that a log which was never cut would be twice its bound.
    package var writtenLeast: Int { 2 * (bounds.leaderSegments ?? 0) }
}

/// What a client can do.
package enum CallKind: String, Sendable, CaseIterable {
    case read, stale, write, conditional, delete
    /// A record that is written once, only if it is absent.
    case once
    /// Many of them together.
    case `import`
}

/// What can go wrong.
package enum FaultKind: String, Sendable, CaseIterable {
    /// SIGKILL, and started again at the end.
    case kill
    /// SIGSTOP, and SIGCONT at the end.
    case pause
    /// SIGTERM, which must end with 0, and started again at the end.
    case stop
    /// SIGTERM and start, one node after the other.
    case rolling
    /// Nobody is reached, by nobody reached.
    case isolate
    case mute
    case deafen
    /// The target and one other voter do not reach each other.
    case badLink = "bad-link"
    /// The target with the smaller half of the voters on one side.
    case split
    case ring
    /// Every link of the target is slow by `amount` milliseconds.
    case slow
    /// Every link of the target takes `amount` bytes a second.
    case throttle
    /// Every connection of the target is reset, once.
    case reset
    /// Cut off, killed and started again behind the cut: the others hold connections to a process that is gone.
    case halfOpen = "half-open"
    /// Its disk is full.
    case diskFull = "disk-full"
    /// Killed, `amount` bits of its files flipped, and started again.
    case damage
    /// The wall clock is off by `amount` milliseconds.
    case clock
    /// A new query node joins.
    case addLearner = "add-learner"
    /// A new storage node is added and given a vote, then the target is taken out and its process ended.
    case removeVoter = "remove-voter"
    /// A new storage node is added and takes the target's place in one change.
    case replaceVoter = "replace-voter"
    /// The target's data directory is gone: it is refused under its old identity, and replaced, or taken out and given a vote anew.
    case loseVoter = "lose-voter"
    /// Killed, `amount` bits of its stored records flipped, and started again: it must rebuild itself.
    case damageVoter = "damage-voter"
    /// The leader hands over to another voter.
    case transfer
    /// Drained, and resumed at the end.
    case drain

    /// Whether it needs a network that can be made worse, and which.
    package var needsNetwork: Bool {
        switch self {
        case .isolate, .mute, .deafen, .badLink, .split, .ring, .slow, .throttle, .reset, .halfOpen: true
        default: false
        }
    }

    package var needsProxy: Bool { self == .slow || self == .throttle || self == .reset }

    /// Whether a storage node that waits for its turn takes somebody's place.
    package var changesVoters: Bool { self == .removeVoter || self == .replaceVoter || self == .loseVoter }

    /// Whether an administrator's commands bring it about, one after the other, while other faults come and go.
    package var isAdministration: Bool { changesVoters || self == .damageVoter || self == .transfer || self == .drain || self == .rolling }
}

/// Which node a fault is for.
package enum Target: String, Sendable, CaseIterable {
    case leader
    /// A voter that does not lead.
    case follower
    /// Any voter.
    case voter
    /// A query node.
    case query
    /// Any node.
    case any
    case all
}
