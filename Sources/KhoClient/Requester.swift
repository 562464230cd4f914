import Core
import Wire

/// What may be done with a request of which it is not known whether it was carried out.
enum Repeatability: Sendable {
    /// Send it again: it changes nothing.
    case always
    /// Send it again with the same session and sequence: it is applied once.
    case sameSequence
    /// Nothing.
    case never
}

/// One call's way through its attempts.
struct Attempt: Sendable {
    var deadline: MonotonicTime
    let repeatability: Repeatability
    /// An attempt was sent of which it is not known whether it took effect.
    var mayHaveTakenEffect = false
    private var pause: UInt64 = 10

    init(deadline: MonotonicTime, _ repeatability: Repeatability) {
        self.deadline = deadline
        self.repeatability = repeatability
    }

    /// Waits before the next attempt, twice as long each time up to a second, with chance in it. Throws what the call ends with if the deadline
    /// would pass.
    mutating func waitOrThrow(_ error: KhoError, atLeast milliseconds: UInt64 = 0) async throws(KhoError) {
        let wait = max(milliseconds, pause / 2 + UInt64.random(in: 0...pause / 2))
        pause = min(pause * 2, 1_000)
        guard MonotonicTime.now().adding(milliseconds: wait) < deadline else { throw verdict(error) }
        do { try await Task.sleep(nanoseconds: wait * 1_000_000) } catch { throw verdict(.cancelled) }
    }

    /// The error, unless something may have been written.
    func verdict(_ error: KhoError) -> KhoError { mayHaveTakenEffect ? .outcomeUnknown : error }

    /// An answer came: the next trouble begins with short waits again, by this deadline.
    mutating func succeeded(next deadline: MonotonicTime) {
        pause = 10
        self.deadline = deadline
    }
}

/// Sends requests to whichever node is connected, and again where that is safe.
final class Requester: Sendable {
    let connector: Connector

    init(connector: Connector) { self.connector = connector }

    /// Sends until there is an answer. `body` makes the request's body for the connection's handle.
    func call(_ opcode: Opcode, _ attempt: inout Attempt, body: @Sendable (UInt32) -> [UInt8]) async throws(KhoError) -> Answer {
        while true {
            let connection = try await connection(&attempt)
            let outcome = await connection.send(opcode, body: body(connection.handle), deadline: attempt.deadline)
            if case let .answer(answer) = outcome { return answer }
            try await recover(from: outcome, on: connection, &attempt)
        }
    }

    /// A connection, however many rounds it takes until the deadline.
    func connection(_ attempt: inout Attempt) async throws(KhoError) -> Connection {
        while true {
            let failure: KhoError
            do throws(KhoError) { return try await connector.connection(by: attempt.deadline) } catch { failure = error }
            guard case .unreachable = failure else { throw attempt.verdict(failure) }
            try await attempt.waitOrThrow(failure)
        }
    }

    /// After an outcome that is no answer: returns when the request may be sent again, otherwise throws how the call ends.
    func recover(from outcome: Outcome, on connection: Connection, _ attempt: inout Attempt) async throws(KhoError) {
        switch outcome {
        case .answer: return
        case let .error(error): try await recover(from: error, on: connection, &attempt)
        case let .lost(wasSent, why):
            connector.leave(connection)
            try uncertain(wasSent, &attempt)
            try await attempt.waitOrThrow(.unreachable(["\(connection.endpoint): \(why)"]))
        case let .timedOut(wasSent):
            if wasSent { try uncertain(true, &attempt) }
            throw attempt.verdict(.timedOut)
        case let .cancelled(wasSent):
            if wasSent { try uncertain(true, &attempt) }
            throw attempt.verdict(.cancelled)
        }
    }

    private func recover(from error: WireError, on connection: Connection, _ attempt: inout Attempt) async throws(KhoError) {
        switch error.retry {
        // A condition that does not hold is an answer of the write itself; any other refusal may be of this attempt alone.
        case .never: throw error.code == .conflict ? .node(error) : attempt.verdict(.node(error))
        case .later:
            // Another node may be better off; a throttling one is left in peace, and kept, as is one that says what any other would.
            if error.errorClass != .throttled, error.code != .lowSpace, connector.hasAlternatives { connector.leave(connection) }
        case .elsewhere: connector.leave(connection)
        case .sameSequence: try uncertain(true, &attempt)
        }
        try await attempt.waitOrThrow(.node(error), atLeast: UInt64(error.retryAfterMilliseconds))
    }

    /// Notes that the request may have been carried out; throws if it must not be sent again then.
    private func uncertain(_ wasSent: Bool, _ attempt: inout Attempt) throws(KhoError) {
        guard wasSent else { return }
        switch attempt.repeatability {
        case .always: break
        case .sameSequence: attempt.mayHaveTakenEffect = true
        case .never: throw .outcomeUnknown
        }
    }
}
