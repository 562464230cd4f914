import Core
import Synchronization
import Wire

/// The session of a client's writes: opened when the first write needs it and again when it has ended, numbers the writes, and lets no more be
/// under way than the cluster keeps answers for.
final class WriteSession: Sendable {
    /// A write's place: never used for another write.
    struct Ticket: Sendable {
        let session: SessionID
        let sequence: UInt64
    }

    private struct State {
        var session: SessionID?
        var isOpening = false
        /// Writes that may be under way.
        var answers: UInt64 = 1
        /// The lowest number still under way; all below are done.
        var base: UInt64 = 1
        /// Of the numbers from `base` on, which are done.
        var done: [Bool] = []
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter: UInt64 = 0

        mutating func takeWaiters() -> [CheckedContinuation<Void, Never>] {
            defer { waiters = [:] }
            return Array(waiters.values)
        }
    }

    private let state = Mutex(State())
    private let requester: Requester

    init(requester: Requester) { self.requester = requester }

    /// A number for a write; waits while as many are under way as may be, or while the session is opened.
    func begin(_ attempt: inout Attempt) async throws(KhoError) -> Ticket {
        enum Step { case ticket(Ticket), open, wait }
        while true {
            let step = state.withLock { state -> Step in
                guard let session = state.session else {
                    if state.isOpening { return .wait }
                    state.isOpening = true
                    return .open
                }
                guard UInt64(state.done.count) < state.answers else { return .wait }
                state.done.append(false)
                return .ticket(Ticket(session: session, sequence: state.base + UInt64(state.done.count) - 1))
            }
            switch step {
            case let .ticket(ticket): return ticket
            case .open: try await open(&attempt)
            case .wait: try await wait(attempt)
            }
        }
    }

    /// The write is answered, or given up.
    func end(_ ticket: Ticket) {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard state.session == ticket.session, ticket.sequence >= state.base else { return [] }
            state.done[Int(ticket.sequence - state.base)] = true
            guard state.done[0] else { return [] }
            let count = state.done.firstIndex(of: false) ?? state.done.count
            state.done.removeFirst(count)
            state.base += UInt64(count)
            return state.takeWaiters()
        }
        for waiter in waiters { waiter.resume() }
    }

    /// The cluster has ended the session: the next write opens another.
    func ended(_ session: SessionID) {
        state.withLock { state in
            if state.session == session { state.session = nil }
        }
    }

    private func open(_ attempt: inout Attempt) async throws(KhoError) {
        // A session that was opened and whose answer was lost idles and ends by itself.
        var opening = Attempt(deadline: attempt.deadline, .always)
        let failure: KhoError
        do throws(KhoError) {
            let answer = try await requester.call(.openSession, &opening) { handle in OpenSession(handle: handle).encodedBody }
            let opened = try answer.decoded(as: SessionOpened.self, .session)
            let waiters = state.withLock { state in
                state.session = opened.session
                state.answers = UInt64(max(1, opened.answers))
                state.base = 1
                state.done = []
                state.isOpening = false
                return state.takeWaiters()
            }
            for waiter in waiters { waiter.resume() }
            return
        } catch { failure = error }
        // Who waits tries for itself: its deadline may be later.
        let waiters = state.withLock { state in
            state.isOpening = false
            return state.takeWaiters()
        }
        for waiter in waiters { waiter.resume() }
        throw failure
    }

    /// Until something has changed, or the deadline.
    private func wait(_ attempt: Attempt) async throws(KhoError) {
        guard MonotonicTime.now() < attempt.deadline else { throw .timedOut }
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        let timer = Task { [self] in
            try await Task.sleep(nanoseconds: attempt.deadline.nanoseconds(since: .now()))
            wake(id)
        }
        defer { timer.cancel() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // What was waited for may have come in between.
                let mayGoOn = state.withLock { state -> Bool in
                    if Task.isCancelled || (state.session == nil ? !state.isOpening : UInt64(state.done.count) < state.answers) {
                        return true
                    }
                    state.waiters[id] = continuation
                    return false
                }
                if mayGoOn { continuation.resume() }
            }
        } onCancel: {
            wake(id)
        }
        if Task.isCancelled { throw .cancelled }
    }

    private func wake(_ id: UInt64) { state.withLock { $0.waiters.removeValue(forKey: id) }?.resume() }
}
