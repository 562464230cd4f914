import Core
import Synchronization
import Wire

/// What became of a request on one connection.
enum Outcome: Sendable {
    case answer(Answer)
    /// The node's ERROR on the request's stream.
    case error(WireError)
    /// The connection ended first, for this reason.
    case lost(wasSent: Bool, why: String = "the connection was lost")
    case timedOut(wasSent: Bool)
    case cancelled(wasSent: Bool)
}

/// An answer's last frame; the caller decodes the body.
struct Answer: Sendable {
    var opcode: Opcode
    var body: [UInt8]
}

/// A request on its way to the connection.
struct Outgoing: Sendable {
    var id: UInt64
    var opcode: Opcode
    var body: [UInt8]
    var deadline: MonotonicTime
    var receiver: Receiver

    enum Receiver: Sendable {
        /// Called once, on the event loop; must not block.
        case once(@Sendable (Outcome) -> Void)
        /// A scan's batches, and its allowance of them to begin with.
        case batches(BatchQueue, credit: Int)
    }
}

/// What a connection is told from other threads.
enum Order: Sendable {
    case request(Outgoing)
    /// Grants the scan of this request more batches; the next must come by the deadline.
    case credit(id: UInt64, batches: UInt16, deadline: MonotonicTime)
    /// Nobody waits for the answer any more.
    case cancel(id: UInt64)
    /// Answers what is under way and closes.
    case retire
    case close
}

/// Orders for a connection, from any thread. All that gather while its event loop is busy are carried out, and written, together.
final class Mailbox: Sendable {
    private struct State {
        var orders: [Order] = []
        var isScheduled = false
        /// Takes no more requests.
        var isRetired = false
        var isClosed = false
    }

    private let state = Mutex(State())

    enum Posting { case schedule, waiting, closed }

    /// `schedule`: the caller sees to it that the connection empties the mailbox soon. `closed`: the order was not taken.
    func post(_ order: Order) -> Posting {
        state.withLock { state in
            if state.isClosed { return .closed }
            if state.isRetired, case .request = order { return .closed }
            state.orders.append(order)
            if state.isScheduled { return .waiting }
            state.isScheduled = true
            return .schedule
        }
    }

    func takeAll() -> [Order] {
        state.withLock { state in
            state.isScheduled = false
            var orders: [Order] = []
            swap(&orders, &state.orders)
            return orders
        }
    }

    /// Takes no more. Returns what was not carried out.
    func close() -> [Order] {
        state.withLock { state in
            state.isClosed = true
            var orders: [Order] = []
            swap(&orders, &state.orders)
            return orders
        }
    }

    /// Takes no more requests, but what concerns those under way.
    func retire() { state.withLock { $0.isRetired = true } }

    var isClosed: Bool { state.withLock { $0.isClosed } }
    var takesRequests: Bool { state.withLock { !$0.isRetired && !$0.isClosed } }
}

/// A scan's batches between the connection and the task that reads them. Never holds more than the credit given.
final class BatchQueue: Sendable {
    enum Event: Sendable {
        case batch([UInt8])
        /// Regularly (nil), after the last batch, or by a failure.
        case end(Outcome?)
    }

    private struct State {
        var events: [Event] = []
        var waiter: CheckedContinuation<Event, Never>?
    }

    private let state = Mutex(State())

    func push(_ event: Event) {
        let waiter = state.withLock { state -> CheckedContinuation<Event, Never>? in
            guard let waiter = state.waiter else {
                state.events.append(event)
                return nil
            }
            state.waiter = nil
            return waiter
        }
        waiter?.resume(returning: event)
    }

    /// The next event; one task at a time waits.
    func next() async -> Event {
        await withCheckedContinuation { continuation in
            let event = state.withLock { state -> Event? in
                if !state.events.isEmpty { return state.events.removeFirst() }
                state.waiter = continuation
                return nil
            }
            if let event { continuation.resume(returning: event) }
        }
    }
}
