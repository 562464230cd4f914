import Configuration
import Core
import Dispatch
import Glibc
import Records
import Synchronization

/// The node's audit file: a line of JSON for each administrative act and each denial. Says who did or wanted what, never a key or a
/// value. Lines are written in the order in which they were told, by a queue of its own. Who tells of a denial does not wait; an
/// administrator's answer waits for its line.
package final class AuditFile: Sendable {
    private let descriptor: Int32
    private let node: String
    private let queue = DispatchQueue(label: "kho-audit")
    private let state = Mutex(State())

    private struct State {
        var waiting: [UInt8] = []
        var isScheduled = false
        /// Lines not kept: too many waited, or the disk took none.
        var lost = 0
    }

    /// Bytes that may wait; a storm of denials must not take the memory.
    private static let waitingMax = 4 << 20

    /// Opens the file for appending; made if it is missing, readable for its owner alone. A last line that a power cut tore is ended, so that
    /// the next one stands by itself.
    package init(path: String, node: String) throws(FileError) {
        descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(operation: "open", path: path, code: errno) }
        self.node = node
        var last: UInt8 = 0
        if let size = size(), size > 0, pread(descriptor, &last, 1, size - 1) == 1, last != UInt8(ascii: "\n") {
            state.withLock { $0.waiting = [UInt8(ascii: "\n")] }
        }
    }

    deinit { close(descriptor) }

    /// Adds a line: the time, the node, the event, then these members in their order. Does not wait.
    package func write(_ event: String, _ members: [(String, Document)]) {
        let line = line(event, members)
        let schedule = state.withLock { state in
            guard state.waiting.count + line.count <= Self.waitingMax else {
                state.lost += 1
                return false
            }
            state.waiting += line
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if schedule { queue.async { [self] in writeWaiting() } }
    }

    /// Adds a line, and returns when it and those before it are on the disk; costs a sync. However many wait.
    package func writeDurably(_ event: String, _ members: [(String, Document)]) async {
        let line = line(event, members)
        state.withLock { $0.waiting += line }
        await withCheckedContinuation { continuation in
            queue.async { [self] in
                writeWaiting()
                fdatasync(descriptor)
                continuation.resume()
            }
        }
    }

    private func line(_ event: String, _ members: [(String, Document)]) -> [UInt8] {
        var line: [UInt8] = []
        let all: [(String, Document)] = [
            ("time", .string(TimestampText.write(WallClock.now(), alwaysInMilliseconds: true))), ("node", .string(node)), ("event", .string(event)),
        ] + members
        JSONLine.append(.object(all.map { Document.Member($0.0, $0.1) }), to: &line)
        line.append(UInt8(ascii: "\n"))
        return line
    }

    /// On the queue only.
    private func writeWaiting() {
        let (waiting, lost) = state.withLock { state in
            state.isScheduled = false
            defer { (state.waiting, state.lost) = ([], 0) }
            return (state.waiting, state.lost)
        }
        let bytes = waiting + (lost > 0 ? line("linesLost", [("lines", .int(Int64(lost)))]) : [])
        var done = 0
        while done < bytes.count {
            let n = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress.map { $0 + done }, bytes.count - done) }
            if n < 0 && errno == EINTR { continue }
            // A full disk is told of by what stops the node; the audit of reads must not.
            guard n > 0 else { return giveUp(bytes, written: done, lost: lost) }
            done += n
        }
    }

    /// Counts what was not written, and takes the beginning of a line out of the file again.
    private func giveUp(_ bytes: [UInt8], written: Int, lost: Int) {
        let whole = bytes[..<written].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        if whole < written, let size = size() { ftruncate(descriptor, size - off_t(written - whole)) }
        let lines = bytes[whole...].count { $0 == UInt8(ascii: "\n") }
        // The line that tells of the lost ones is none of them.
        state.withLock { $0.lost += lines + (lost > 0 ? lost - 1 : 0) }
    }

    /// The file's size; nil if it is a pipe or a terminal.
    private func size() -> off_t? {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? status.st_size : nil
    }

    /// Waits until what was told is written, and on the disk.
    package func flush() {
        queue.sync { writeWaiting() }
        fdatasync(descriptor)
    }
}
