import Configuration
import Core
import Dispatch
import Glibc
import Synchronization

/// The node's audit file: a line of JSON for each administrative act and each denial. Says who did or wanted what, never a key or a
/// value. Lines are written in the order in which they were told, by a queue of its own; whoever tells one does not wait.
package final class AuditFile: Sendable {
    private let descriptor: Int32
    private let node: String
    private let queue = DispatchQueue(label: "kho-audit")
    private let state = Mutex(State())

    private struct State {
        var waiting: [UInt8] = []
        var isScheduled = false
        /// Lines not taken since too many waited.
        var lost = 0
    }

    /// Bytes that may wait; a storm of denials must not take the memory.
    private static let waitingMax = 4 << 20

    /// Opens the file for appending; made if it is missing, readable for its owner alone.
    package init(path: String, node: String) throws(FileError) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(operation: "open", path: path, code: errno) }
        self.node = node
    }

    deinit { close(descriptor) }

    /// Adds a line: the time, the node, the event, then these members in their order.
    package func write(_ event: String, _ members: [(String, Document)]) {
        var line: [UInt8] = []
        let all: [(String, Document)] = [
            ("time", .string(TimestampOfAudit.text(WallClock.now()))), ("node", .string(node)), ("event", .string(event)),
        ] + members
        JSONLine.append(.object(all.map { Document.Member($0.0, $0.1) }), to: &line)
        line.append(UInt8(ascii: "\n"))
        let schedule = state.withLock { state in
            guard state.waiting.count + line.count <= Self.waitingMax else {
                state.lost += 1
                return false
            }
            if state.lost > 0 {
                let lost: Document = ["node": .string(node), "event": "linesLost", "lines": .int(Int64(state.lost))]
                JSONLine.append(lost, to: &state.waiting)
                state.waiting.append(UInt8(ascii: "\n"))
                state.lost = 0
            }
            state.waiting += line
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if schedule { queue.async { [self] in writeWaiting() } }
    }

    private func writeWaiting() {
        let bytes = state.withLock { state in
            state.isScheduled = false
            var bytes: [UInt8] = []
            swap(&bytes, &state.waiting)
            return bytes
        }
        var done = 0
        while done < bytes.count {
            let n = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress.map { $0 + done }, bytes.count - done) }
            if n < 0 && errno == EINTR { continue }
            // A full disk is told of by what stops the node; the audit of reads must not.
            guard n > 0 else { return }
            done += n
        }
    }

    /// Waits until what was told is written, and on the disk.
    package func flush() {
        queue.sync { writeWaiting() }
        fdatasync(descriptor)
    }
}
