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
        case let .applied(outcome, _): self.init(outcome)
        case .refused(.busy): self = .failed(WireError(.throttled, retryAfterMilliseconds: 50))
        case .refused(.diskFull): self = .failed(WireError(.lowSpace, retryAfterMilliseconds: 1_000))
        case .refused(.tooLarge): self = .failed(WireError(.tooLarge))
        case .refused: self = .failed(WireError(.unavailable, retryAfterMilliseconds: 200))
        case .unknown: self = .failed(WireError(.outcomeUnknown, retryAfterMilliseconds: 200))
        }
    }

    /// Of what was applied, now or, for a retry, before.
    init(_ outcome: CommandOutcome?) {
        switch outcome {
        case let .written(index): self = .written(index)
        case let .sessionOpened(session): self = .session(session)
        case let .rejected(rejection): self = .failed(WireError(rejection))
        // Nothing else comes of a client's command.
        case .catalogueChanged, nil: self = .failed(WireError(.internal))
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
