import Glibc
import Synchronization

/// Writes a history while it happens, for a load generator that may be killed at any time: each line is one write to the file, so that
/// at most the last line is torn, and an operation's call is in the file before the request is sent. May be used from any thread.
///
/// What a power cut would leave is not looked after. A line costs one system call, about 1 µs.
package final class HistoryWriter: Sendable {
    private struct State: ~Copyable {
        /// -1: closed.
        var file: Int32
        var next: UInt64 = 0
    }

    private let path: String
    private let state: Mutex<State>

    /// Makes the file, or empties it. `by` says who writes, for people. Throws `file`.
    package init(path: String, by: String) throws(ChecksError) {
        self.path = path
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw .file(path: path, errno: errno) }
        state = Mutex(State(file: file))
        try write(.header(by))
    }

    deinit { state.withLock { state in if state.file >= 0 { Glibc.close(state.file) } } }

    /// Writes that the operation is about to be asked, and gives it a name of its own. Send the request only after this returned.
    package func call(_ operation: Operation) throws(ChecksError) -> UInt64 {
        let name = state.withLock { state in
            state.next += 1
            return state.next
        }
        var named = operation
        named.name = name
        try write(.call(named))
        return name
    }

    /// Writes what the operation of this name was answered.
    package func answer(_ name: UInt64, at: UInt64, _ answer: HistoryEvent.Answer) throws(ChecksError) { try write(.answer(name: name, at: at, answer)) }

    /// Writes what a key holds at the end, read after `at`; only keys with a record need a line.
    package func final(key: String, at: UInt64, value: UInt64, modified: UInt64?, index: UInt64?) throws(ChecksError) {
        try write(.final(key: key, at: at, value: value, modified: modified, index: index))
    }

    /// Writes that every key with a record had its final line before `at`.
    package func end(at: UInt64) throws(ChecksError) { try write(.end(at: at)) }

    /// Closes the file; later lines throw.
    package func close() {
        state.withLock { state in
            if state.file >= 0 { Glibc.close(state.file) }
            state.file = -1
        }
    }

    private func write(_ event: HistoryEvent) throws(ChecksError) {
        let line = event.encoded() + [0x0A]
        let code = state.withLock { state -> Int32 in
            var done = 0
            while done < line.count {
                let count = line.withUnsafeBytes { Glibc.write(state.file, $0.baseAddress.map { $0 + done }, line.count - done) }
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return errno }
                done += count
            }
            return 0
        }
        guard code == 0 else { throw .file(path: path, errno: code) }
    }
}
