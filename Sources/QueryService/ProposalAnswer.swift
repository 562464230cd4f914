import Core
import Replica
import Store
import Wire

/// What a client is told of a command's end.
enum ProposalAnswer: Equatable {
    case written(LogIndex)
    case session(SessionID)
    case failed(WireError)

    init(_ result: ProposalResult) {
        switch result {
        case let .applied(.written(index)?, _): self = .written(index)
        case let .applied(.sessionOpened(session)?, _): self = .session(session)
        case let .applied(.rejected(rejection)?, _): self = .failed(WireError(rejection))
        // Nothing else comes of a client's command.
        case .applied: self = .failed(WireError(.internal))
        case .refused(.busy): self = .failed(WireError(.throttled, retryAfterMilliseconds: 50))
        case .refused(.tooLarge): self = .failed(WireError(.tooLarge))
        case .refused: self = .failed(WireError(.unavailable, retryAfterMilliseconds: 200))
        case .unknown: self = .failed(WireError(.outcomeUnknown, retryAfterMilliseconds: 200))
        }
    }
}

extension WireError {
    /// Says no more than the rejection does, which says nothing of what the principal may not see.
    init(_ rejection: Rejection) {
        let code: ErrorCode =
            switch rejection.reason {
            case .unauthenticated: .unauthenticated
            case .denied: .denied
            case .conflict: .conflict
            case .notFound: .notFound
            case .schema: .schemaViolation
            case .sessionEnded: .sessionEnded
            case .sequenceTooOld: .sequenceTooOld
            case .catalogue, .alreadyInitialised: .refused
            case .invalid: .invalidRequest
            }
        self.init(code, operation: rejection.operation, field: rejection.field, rule: rejection.rule)
    }
}
