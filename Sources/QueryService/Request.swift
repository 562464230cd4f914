import Core
import Wire

/// A request that was decoded and waits for its snapshot. An object, since it goes through several queues; it is in one of them at a time.
final class Request {
    enum Body {
        case bind
        case describe(Describe)
        /// GETs that came together; they have their own streams and principals.
        case gets(GetBatch)
        case multiGet(MultiGet)
        case count(Count)
        /// A next step of a count.
        case countStep(CountState)
        /// The first step of a scan.
        case scan(Scan)
        /// A next step of the scan that runs on the stream; of a batch that has begun, or of a new one.
        case scanStep(isPartial: Bool, Consistency)
        /// A write that the snapshot at hand did not allow: looked at again behind a barrier, since the right may be new.
        case write(Write)
        case openSession
    }

    /// 0 for GETs.
    let stream: UInt32
    /// `PrincipalID(0)` for a BIND and for GETs.
    let principal: PrincipalID
    let body: Body
    /// It allowed an older state, but asks for what can be revoked, which an older state might still show: it waits for a barrier. So do the steps
    /// that follow one behind a barrier.
    var mustBeNewest: Bool
    /// It may take long, so that a connection has only a few of them with the worker at a time.
    let isLong: Bool
    /// The age that the client allows; nil if it asks for the newest state.
    private let ageMilliseconds: UInt32?

    // The worker's notes.
    /// What allows to answer it, once it is ready.
    var ground = Ground.barrier
    /// A lease was no ground for it: it waits for a barrier.
    var wantsBarrier = false
    /// The turn before which it was ready.
    var turn = 0
    /// Where its next GETs begin among those that the worker has looked for ahead.
    var ahead = 0

    /// What allows to answer a request that is ready.
    enum Ground {
        /// A barrier has passed.
        case barrier
        /// The node held a read lease: to be looked at once more in the snapshot.
        case lease
        /// The request may be answered from the state as it is here.
        case older
    }

    /// Requests of the client that it stands for.
    var count: Int { if case let .gets(batch) = body { batch.count } else { 1 } }

    init(stream: UInt32, principal: PrincipalID, body: Body, mustBeNewest: Bool = false) {
        self.stream = stream
        self.principal = principal
        self.body = body
        self.mustBeNewest = mustBeNewest
        isLong = body.isLong
        ageMilliseconds = body.ageMilliseconds
    }

    /// A step of what has begun.
    var isContinuation: Bool {
        switch body {
        case .countStep: true
        case let .scanStep(isPartial, _): isPartial
        default: false
        }
    }

    /// Records are read for it, or counted.
    var readsRecords: Bool {
        switch body {
        case .gets, .multiGet, .count, .countStep, .scan, .scanStep: true
        case .bind, .describe, .write, .openSession: false
        }
    }

    /// What audit lines call it.
    var operation: String {
        switch body {
        case .bind: "bind"
        case .describe: "describe"
        case .gets: "get"
        case .multiGet: "multiget"
        case .count, .countStep: "count"
        case .scan, .scanStep: "scan"
        case let .write(write): "\(write.opcode)"
        case .openSession: "openSession"
        }
    }

    /// The age that is allowed, for a read that does not ask for the newest state.
    var maxAgeMilliseconds: UInt32? { mustBeNewest ? nil : ageMilliseconds }
}

extension Request.Body {
    fileprivate var isLong: Bool {
        switch self {
        case .count, .countStep, .scan, .scanStep: true
        case let .describe(message): message.preamble.dataset == DatasetID(0) && message.code.isEmpty
        case let .multiGet(message): message.keys.count > 64
        case .bind, .gets, .write, .openSession: false
        }
    }

    fileprivate var ageMilliseconds: UInt32? {
        let consistency: Consistency
        switch self {
        case let .describe(message): consistency = message.preamble.consistency
        case let .gets(batch): consistency = batch.consistency
        case let .multiGet(message): consistency = message.preamble.consistency
        case let .count(message): consistency = message.preamble.consistency
        case let .scan(message): consistency = message.preamble.consistency
        case let .countStep(state): consistency = state.message.preamble.consistency
        case let .scanStep(_, asked): consistency = asked
        case .bind, .write, .openSession: return nil
        }
        if case let .stale(age) = consistency { return age }
        return nil
    }
}

/// A count between two of its steps. Only the whole, or what a stretch of time was enough for, is answered: the result of a step of so and
/// so many records would tell how many of them are hidden.
struct CountState {
    let message: Count
    var total: UInt64 = 0
    var position: PageToken.Position
    /// The rights that the total was counted under.
    let policyIndex: LogIndex
    let began: MonotonicTime
    /// That of the oldest snapshot so far; nil before the first.
    var basis: Basis?
}

/// Rows of a batch that is not full yet. A short batch would tell how many hidden records the step examined.
struct PartialBatch {
    var rows: Int
    var bytes: [UInt8]
    /// Where the first of them was looked for.
    let start: PageToken.Position
    /// The rights that they were read under; under others they are read again.
    let policyIndex: LogIndex
    let began: MonotonicTime
    /// That of the oldest snapshot they are from.
    let basis: Basis
}

/// A scan, from its request to its last frame.
struct ScanState {
    let message: Scan
    let principal: PrincipalID
    /// Batches that may still be sent before the client grants more.
    var credit: Int
    /// Records that may still be sent; nil for no limit.
    var remaining: Int?
    var position: PageToken.Position
    var partial: PartialBatch?
    /// A step waits for its snapshot.
    var isStepping = true
    /// Its last step was behind a barrier, and so are those that follow.
    var mustBeNewest = false

    init(message: Scan, principal: PrincipalID) {
        self.message = message
        self.principal = principal
        credit = Int(message.credit)
        remaining = message.limit == 0 ? nil : Int(message.limit)
        position = .at(message.selection.from)
    }
}
