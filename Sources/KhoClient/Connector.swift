import Core
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Transport
import Wire

/// Keeps one connection to one of the endpoints, and makes another when it is lost. Any number of tasks may wait for it.
final class Connector: Sendable {
    private enum Phase {
        case idle
        case connecting([UInt64: CheckedContinuation<Result<Connection, KhoError>, Never>])
        case ready(Connection)
        case closed
    }

    private struct State {
        var phase = Phase.idle
        /// The endpoint to be tried next.
        var next = 0
        var nextWaiter: UInt64 = 0
    }

    let dialling: Dialling
    private let tls: NIOSSLContext
    private let state = Mutex(State())

    init(dialling: Dialling, tls: NIOSSLContext) {
        self.dialling = dialling
        self.tls = tls
    }

    /// The connection, made if there is none: every endpoint is tried once. Throws `unreachable` when none answers, `timedOut` at the
    /// deadline, `node` if a node says that this client is not welcome.
    func connection(by deadline: MonotonicTime) async throws(KhoError) -> Connection {
        if let ready = state.withLock({ state -> Connection? in if case let .ready(connection) = state.phase { connection } else { nil } }),
            ready.isUsable
        {
            return ready
        }
        let result = await withCheckedContinuation { (continuation: CheckedContinuation<Result<Connection, KhoError>, Never>) in
            enum Step { case done(Result<Connection, KhoError>), dial(UInt64), wait(UInt64) }
            let step = state.withLock { state -> Step in
                if case let .ready(connection) = state.phase, !connection.isUsable { state.phase = .idle }
                let waiter = state.nextWaiter
                state.nextWaiter += 1
                switch state.phase {
                case let .ready(connection): return .done(.success(connection))
                case .closed: return .done(.failure(.closed))
                case var .connecting(waiters):
                    waiters[waiter] = continuation
                    state.phase = .connecting(waiters)
                    return .wait(waiter)
                case .idle:
                    state.phase = .connecting([waiter: continuation])
                    return .dial(waiter)
                }
            }
            switch step {
            case let .done(result): continuation.resume(returning: result)
            case let .wait(waiter): expire(waiter, at: deadline)
            case let .dial(waiter):
                expire(waiter, at: deadline)
                Task { await self.tryEveryEndpoint() }
            }
        }
        return try result.get()
    }

    /// The connection is lost, or its node cannot do what was asked: the next request goes to the next endpoint. What is under way on it is
    /// still answered.
    func leave(_ connection: Connection) {
        let isCurrent = state.withLock { state -> Bool in
            guard case let .ready(current) = state.phase, current === connection else { return false }
            state.phase = .idle
            return true
        }
        if isCurrent { connection.retire() }
    }

    /// There is no connection that takes requests.
    var isWithoutConnection: Bool {
        state.withLock { if case let .ready(connection) = $0.phase { !connection.isUsable } else { true } }
    }

    /// There is another endpoint to try.
    var hasAlternatives: Bool { dialling.endpoints.count > 1 }

    func close() {
        let phase = state.withLock { state -> Phase in
            let phase = state.phase
            state.phase = .closed
            return phase
        }
        switch phase {
        case let .ready(connection): connection.close()
        case let .connecting(waiters): for waiter in waiters.values { waiter.resume(returning: .failure(.closed)) }
        case .idle, .closed: break
        }
    }

    private func expire(_ waiter: UInt64, at deadline: MonotonicTime) {
        let left = deadline.nanoseconds(since: .now())
        MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: .nanoseconds(Int64(clamping: left))) { [self] in
            let late = state.withLock { state -> CheckedContinuation<Result<Connection, KhoError>, Never>? in
                guard case var .connecting(waiters) = state.phase, let late = waiters.removeValue(forKey: waiter) else { return nil }
                state.phase = .connecting(waiters)
                return late
            }
            late?.resume(returning: .failure(.timedOut))
        }
    }

    private func tryEveryEndpoint() async {
        let count = dialling.endpoints.count
        let first = state.withLock { $0.next }
        var reasons: [String] = []
        var refusal: WireError?
        for step in 0..<count {
            let place = (first + step) % count
            let endpoint = dialling.endpoints[place]
            do throws(DialError) {
                let connection = try await Connection.dial(endpoint, dialling, tls)
                return publish(.success(connection), next: (place + 1) % count)
            } catch {
                reasons.append("\(endpoint): \(error.text)")
                if let error = error.error, error.retry == .never { refusal = error }
            }
        }
        publish(.failure(refusal.map { .node($0) } ?? .unreachable(reasons)), next: first)
    }

    private func publish(_ result: Result<Connection, KhoError>, next: Int) {
        let waiters = state.withLock { state -> [CheckedContinuation<Result<Connection, KhoError>, Never>]? in
            guard case let .connecting(waiters) = state.phase else { return nil }
            state.next = next
            if case let .success(connection) = result { state.phase = .ready(connection) } else { state.phase = .idle }
            return Array(waiters.values)
        }
        // Closed in the meantime.
        if waiters == nil, case let .success(connection) = result { connection.close() }
        for waiter in waiters ?? [] { waiter.resume(returning: result) }
    }
}
