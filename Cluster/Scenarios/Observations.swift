import Core
import Harness
import KhoClient
import Synchronization

/// One call of a client on one key: when it began, when its answer came, and what that was.
package struct Call: Sendable, Equatable {
    package enum Action: Sendable, Equatable {
        case read
        /// It may be older by so many milliseconds.
        case staleRead(UInt32)
        /// Writes this value, which no other call writes.
        case put(Int64)
        case putIfAbsent(Int64)
        /// Writes the value if the record was last changed by the entry of this index.
        case replace(at: UInt64, new: Int64)
        case delete
    }

    /// A record as it was read.
    package struct Found: Sendable, Equatable {
        package var value: Int64
        package var modifiedAt: UInt64

        package init(value: Int64, modifiedAt: UInt64) {
            self.value = value
            self.modifiedAt = modifiedAt
        }
    }

    package enum Outcome: Sendable, Equatable {
        /// Still under way when all was over: it may take effect at any time.
        case pending
        /// `index`: how far the answering node says it had applied the log.
        case read(Found?, index: UInt64)
        case written(index: UInt64)
        /// The condition did not hold; nothing was written.
        case conflict
        /// Nothing was done.
        case refused
        /// It may or may not have been done, now or later.
        case unknown
    }

    package var client: Int
    package var key: String
    package var action: Action
    package var called: UInt64
    package var returned: UInt64 = .max
    package var outcome = Outcome.pending

    package init(client: Int, key: String, action: Action, called: UInt64, returned: UInt64 = .max, outcome: Outcome = .pending) {
        self.client = client
        self.key = key
        self.action = action
        self.called = called
        self.returned = returned
        self.outcome = outcome
    }
}

/// Everything that the clients of a run saw, and every error that was not to be expected.
package final class Observations: Sendable {
    private struct State {
        var calls: [Call] = []
        var oddities: [String] = []
        var refusals: [String: Int] = [:]
        let file: HistoryFile
    }
    private let state: Mutex<State>
    private let areReadsInOrder: Bool

    /// - Parameters:
    ///   - path: of the file that the notes are written to as well.
    ///   - areReadsInOrder: a linearizable read shows no less than its client saw before, of whatever key: so without leases, under which what a node lacks may be about
    ///     others. Writes are in order in any case, and what may be stale never is.
    package init(path: String, areReadsInOrder: Bool) throws(HarnessError) {
        state = Mutex(State(file: try HistoryFile(path: path)))
        self.areReadsInOrder = areReadsInOrder
    }

    private func isInOrder(_ action: Call.Action) -> Bool {
        switch action {
        case .read: areReadsInOrder
        case .staleRead: false
        case .put, .putIfAbsent, .replace, .delete: true
        }
    }

    /// Notes that a call begins. The number to end it with.
    package func begin(client: Int, _ key: String, _ action: Call.Action) -> Int {
        state.withLock { state in
            let call = Call(client: client, key: key, action: action, called: MonotonicTime.now().nanoseconds)
            state.calls.append(call)
            state.file.call(state.calls.count, call, isInOrder: isInOrder(action))
            return state.calls.count - 1
        }
    }

    /// Notes what came of the call with this number.
    /// - Parameter age: milliseconds that the answer of a read admits to be old.
    package func end(_ call: Int, _ outcome: Call.Outcome, age: UInt32 = 0) {
        state.withLock { state in
            // Read under the lock, so that the order of the moments is the order of the notes.
            state.calls[call].returned = MonotonicTime.now().nanoseconds
            state.calls[call].outcome = outcome
            state.file.answer(call + 1, state.calls[call], age: age)
        }
    }

    /// Notes what is there in the end, read since `start`; nothing else is noted afterwards.
    package func close(_ records: [String: Call.Found], from start: UInt64) {
        state.withLock { $0.file.end(records, from: start, to: MonotonicTime.now().nanoseconds) }
    }

    /// Something that no fault explains.
    package func odd(_ text: String) {
        state.withLock { state in if state.oddities.count < 20 { state.oddities.append(text) } }
    }

    /// A call was refused for this reason.
    package func refused(_ reason: String) { state.withLock { $0.refusals[reason, default: 0] += 1 } }

    package var calls: [Call] { state.withLock { $0.calls } }
    /// Why the file is not whole.
    package var failure: HarnessError? { state.withLock { $0.file.failure } }
    package var oddities: [String] { state.withLock { $0.oddities } }
    /// Sorted by how often.
    package var refusals: [(reason: String, count: Int)] {
        state.withLock { $0.refusals }.map { (reason: $0.key, count: $0.value) }.sorted { ($1.count, $0.reason) < ($0.count, $1.reason) }
    }
}

/// The keys in use. Each is given up for a new one after a number of calls, so that no key's history grows without bound.
package final class Keys: Sendable {
    private let slots: Mutex<[(generation: Int, calls: Int)]>
    private let callsMax: Int

    package init(count: Int, callsMax: Int) {
        slots = Mutex([(generation: Int, calls: Int)](repeating: (0, 0), count: count))
        self.callsMax = callsMax
    }

    /// The key that stands in this place now.
    package func key(_ slot: Int) -> String {
        slots.withLock { slots in
            slots[slot].calls += 1
            if slots[slot].calls > callsMax { slots[slot] = (slots[slot].generation + 1, 1) }
            return "k-\(slot)-\(slots[slot].generation)"
        }
    }
}
