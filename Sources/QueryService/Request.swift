import Core
import Wire

/// A request that was decoded and waits for its snapshot.
struct Request {
    enum Body {
        case bind
        case describe(Describe)
        case get(Get)
        case multiGet(MultiGet)
        case count(Count)
        /// The first step of a scan.
        case scan(Scan)
        /// A next step of the scan that runs on the stream.
        case scanStep
        /// A write that the snapshot at hand did not allow: looked at again behind a barrier, since the right may be new.
        case write(Write)
        case openSession
    }

    let stream: UInt32
    /// `PrincipalID(0)` for a BIND.
    let principal: PrincipalID
    let body: Body
    /// It allowed an older state, but its dataset is not open: an older state might show what was revoked since, so it waits for a barrier.
    var mustBeNewest = false

    /// What audit lines call it.
    var operation: String {
        switch body {
        case .bind: "bind"
        case .describe: "describe"
        case .get: "get"
        case .multiGet: "multiget"
        case .count: "count"
        case .scan, .scanStep: "scan"
        case let .write(write): "\(write.opcode)"
        case .openSession: "openSession"
        }
    }

    /// The age that is allowed, for a read that does not ask for the newest state.
    var maxAgeMilliseconds: UInt32? {
        guard !mustBeNewest else { return nil }
        let consistency: Consistency
        switch body {
        case let .describe(message): consistency = message.preamble.consistency
        case let .get(message): consistency = message.preamble.consistency
        case let .multiGet(message): consistency = message.preamble.consistency
        case let .count(message): consistency = message.preamble.consistency
        case let .scan(message): consistency = message.preamble.consistency
        case .bind, .scanStep, .write, .openSession: return nil
        }
        if case let .stale(age) = consistency { return age }
        return nil
    }
}

/// A scan between two of its batches.
struct ScanState {
    let message: Scan
    let principal: PrincipalID
    /// Batches that may still be sent before the client grants more.
    var credit: Int
    /// Records that may still be sent; nil for no limit.
    var remaining: Int?
    var position: PageToken.Position
    /// A step waits for its snapshot.
    var isStepping = true
    var isCancelled = false
}
