import Console
import KhoClient

extension CommandError {
    /// 8007: nobody answers.
    static func unreachable(_ message: String, details: [String], remedy: String? = nil) -> CommandError {
        CommandError(8007, message, details: details, remedy: remedy, status: .unreachable)
    }

    /// What a failed call means for who typed the command. `target` says what it was about, as a file's line or an object.
    init(_ error: KhoError, target: String? = nil) {
        switch error {
        case let .node(error): self.init(error, target: target)
        // A query node greets nobody while it cannot know who may come.
        case let .unreachable(reasons) where !reasons.isEmpty && reasons.allSatisfy { $0.contains("KHO-\(ErrorCode.unavailable.rawValue):") }:
            self.init(
                ErrorCode.unavailable.rawValue, "no quorum: no query node reaches a majority of the voters", details: reasons, remedy: "kho cluster status",
                status: .unreachable)
        case let .unreachable(reasons):
            self = .unreachable("no node could answer", details: reasons, remedy: "kho context show, and whether khod runs at these addresses")
        case .timedOut:
            self.init(
                8008, target.map { "\($0): no answer came in time" } ?? "no answer came in time",
                remedy: "kho cluster status, or the same with a longer --timeout", status: .unreachable)
        case .outcomeUnknown:
            self.init(
                ErrorCode.outcomeUnknown.rawValue, ErrorCode.outcomeUnknown.english, details: target.map { [$0] } ?? [],
                remedy: "look whether it did, then repeat it", status: .tryAgain)
        case .cancelled: self.init(8009, "the command was interrupted")
        case .closed: self = .bug("the client was closed while it was used")
        case let .invalid(text): self = .badData(text, details: target.map { [$0] } ?? [])
        case let .brokenAnswer(text):
            self = CommandError(8010, "a node broke the protocol: \(text)", remedy: "kho version, and the version of the node in kho cluster status", status: .bug)
        case let .identity(text): self = .configuration(text, remedy: "kho context show")
        }
    }

    /// A node's error. The texts are the table's; path and detail come on the administration port only.
    init(_ error: WireError, target: String? = nil) {
        var details: [String] = []
        var message = error.english
        if error.code == .refused || error.code == .invalidRequest || error.code == .notFound, !error.detail.isEmpty {
            // What is wrong says more than that something is.
            message = error.path.isEmpty ? error.detail : "\(error.path): \(error.detail)"
        } else if !error.detail.isEmpty {
            details.append(error.path.isEmpty ? error.detail : "\(error.path): \(error.detail)")
        }
        if let target { message = "\(target): \(message)" }
        if let rule = error.rule { details.append(error.field.map { "field \($0): \(rule.text)" } ?? rule.text) }
        if let operation = error.operation { details.append("operation \(operation + 1) of the batch") }
        if let position = error.position { details.append("at byte \(position) of the filter") }
        self.init(error.number, message, details: details, remedy: Self.remedy(error), status: Self.status(of: error))
    }

    /// The exit status of a node's error.
    static func status(of error: WireError) -> ExitStatus {
        switch error.code {
        case .refused?: return error.path.isEmpty ? .failure : .badData
        case .outcomeUnknown?, .lowSpace?: return .tryAgain
        default: break
        }
        return switch error.errorClass {
        case .unauthenticated, .denied: .noPermission
        case .notFound, .conflict, .cancelled: .failure
        case .invalid, .tooLarge: .badData
        case .throttled, .sessionEnded: .tryAgain
        case .unavailable, .stale: .unreachable
        case .protocolViolation, .internal: .bug
        case .unsupported: .failure
        }
    }

    private static func remedy(_ error: WireError) -> String? {
        switch error.code {
        case .unauthenticated?: "kho context show, and whether an administrator has applied this certificate's principal"
        case .denied? where !error.detail.isEmpty: "kho context show"
        case .denied?: "ask the dataset's owner for an agreement; an administrator sees why with kho access explain"
        case .conflict?: "kho get, then decide again"
        case .throttled?, .sessionEnded?, .sequenceTooOld?: "the same again in a moment"
        case .unavailable?, .goingAway?, .shuttingDown?: "kho cluster status"
        case .lowSpace?: "kho delete, or ask an administrator for room: kho cluster status shows where it is short"
        case .stale?: "a larger age in --consistency, or no --consistency"
        case .outcomeUnknown?: "look whether it did, then repeat it"
        case .unsupportedVersion?, .unsupported?: "kho version, and the version of the node in kho cluster status"
        case .internal?: "the log of the node"
        default: nil
        }
    }
}
