// What a caller of the client names: records, values, identifiers, errors.
@_exported import Core
@_exported import Records
@_exported import Wire

/// Why a call of the client failed. `retry` says whether the same call may be made again.
public enum KhoError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A node answered with this error. The client had retried what may be retried, as long as the deadline allowed.
    case node(WireError)
    /// No node could be connected; what was found at each endpoint.
    case unreachable([String])
    /// The deadline passed. Nothing was written by the call.
    case timedOut
    /// A write was sent, and it is not known whether it took effect: look before writing again.
    case outcomeUnknown
    /// The calling task was cancelled. Nothing was written by the call.
    case cancelled
    /// The client was closed.
    case closed
    /// The call is refused before anything is sent; the text says why.
    case invalid(String)
    /// A node broke the protocol, or an answer does not fit its checksum. Never of a write, which ends with `outcomeUnknown` then.
    case brokenAnswer(String)
    /// The own certificate, key or authority cannot be used; the text names the file and the remedy.
    case identity(String)

    /// What the caller may do with the same call.
    public var retry: RetryAdvice {
        switch self {
        case let .node(error): error.retry == .sameSequence ? .later : error.retry
        case .unreachable, .timedOut, .brokenAnswer, .cancelled: .later
        case .outcomeUnknown, .closed, .invalid, .identity: .never
        }
    }

    public var description: String {
        switch self {
        case let .node(error): error.description
        case let .unreachable(reasons): "no node could be reached: " + reasons.joined(separator: "; ")
        case .timedOut: "the deadline passed before an answer came"
        case .outcomeUnknown: "KHO-\(ErrorCode.outcomeUnknown.rawValue): \(ErrorCode.outcomeUnknown.english); look before writing again"
        case .cancelled: "the call was cancelled"
        case .closed: "the client is closed"
        case let .invalid(text): text
        case let .brokenAnswer(text): "a node broke the protocol: \(text)"
        case let .identity(text): text
        }
    }
}
