import Configuration
import Core
import Glibc

/// How far a long work has come, as one line.
package struct ProgressState: Sendable, Equatable {
    package var title: String
    package var done = 0
    /// nil if nobody knows.
    package var total: Int?
    /// What is counted, as `records`.
    package var unit: String

    package init(title: String, total: Int?, unit: String) {
        self.title = title
        self.total = total
        self.unit = unit
    }

    /// As `import  [#####·····]  50%  120,000 records  40,000/s  3s left`, at most so many columns.
    package func line(elapsedMilliseconds: UInt64, columns: Int, bar: Bool) -> String {
        let rate = elapsedMilliseconds == 0 ? 0 : Double(done) * 1_000 / Double(elapsedMilliseconds)
        var parts: [String] = []
        if let total, total > 0 {
            let share = min(1, Double(done) / Double(total))
            parts.append("\(Int(share * 100))%")
            parts.append("\(HumanText.grouped(done)) of \(HumanText.grouped(total)) \(unit)")
            parts.append("\(HumanText.grouped(Int(rate)))/s")
            if rate > 0, done < total { parts.append(HumanText.duration(seconds: Int((Double(total - done) / rate).rounded(.up))) + " left") }
            if bar {
                let room = columns - 1 - HumanText.width(([title] + parts).joined(separator: "  ")) - 4
                if room >= 10 {
                    let width = min(room, 30)
                    let full = Int(share * Double(width))
                    parts.insert("[" + String(repeating: "#", count: full) + String(repeating: "·", count: width - full) + "]", at: 0)
                }
            }
        } else {
            parts = ["\(HumanText.grouped(done)) \(unit)", "\(HumanText.grouped(Int(rate)))/s"]
        }
        return ([title] + parts).joined(separator: "  ")
    }
}

/// Shows progress on the standard error: a bar that is drawn over on a terminal, a line every few seconds elsewhere.
package struct Progress: Sendable {
    package private(set) var state: ProgressState
    private let terminal: Terminal
    private let start: MonotonicTime
    private var shown: MonotonicTime
    private var hasBar = false
    private let write: @Sendable (String) -> Void

    private static let millisecondsOfBar: UInt64 = 100
    private static let millisecondsOfLine: UInt64 = 5_000

    package init(
        _ state: ProgressState, on terminal: Terminal, startingAt start: MonotonicTime = .now(),
        write: @escaping @Sendable (String) -> Void = { StandardStreams.writeError($0) }
    ) {
        self.state = state
        self.terminal = terminal
        self.start = start
        self.write = write
        shown = start
    }

    /// Call as often as you like.
    package mutating func update(_ done: Int, at now: MonotonicTime = .now()) {
        state.done = done
        let pause = terminal.errorsAreTerminal ? Self.millisecondsOfBar : Self.millisecondsOfLine
        guard now.nanoseconds(since: shown) >= pause * 1_000_000 else { return }
        show(now)
    }

    /// Shows the last state, and on a terminal leaves the line.
    package mutating func finish(_ done: Int, at now: MonotonicTime = .now()) {
        state.done = done
        show(now)
        if terminal.errorsAreTerminal { write("\n") }
    }

    private mutating func show(_ now: MonotonicTime) {
        shown = now
        let line = state.line(
            elapsedMilliseconds: now.nanoseconds(since: start) / 1_000_000, columns: terminal.columns, bar: terminal.errorsAreTerminal)
        write(terminal.errorsAreTerminal ? "\r\u{1B}[K" + line : line + "\n")
    }
}

/// Data goes to the standard output, everything else to the standard error.
package enum StandardStreams {
    /// Writes everything, unbuffered. A reader that went away (`kho … | head`) is no error: the process ends quietly. Any other failure ends it
    /// with KHO-8003 on the standard error.
    package static func write(_ text: String) { write(text, to: STDOUT_FILENO) }
    package static func writeError(_ text: String) { write(text, to: STDERR_FILENO) }

    private static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var done = 0
            while done < bytes.count {
                let count = Glibc.write(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
                if count < 0 && errno == EINTR { continue }
                if count <= 0 { end(descriptor, count == 0 ? EIO : errno) }
                done += count
            }
        }
    }

    private static func end(_ descriptor: Int32, _ code: Int32) -> Never {
        if code == EPIPE { exit(ExitStatus.success.rawValue) }
        // Nothing can be said where errors go nowhere either.
        if descriptor != STDERR_FILENO {
            let error = CommandError.file(
                FileError(operation: "write", path: "the standard output", code: code),
                remedy: code == ENOSPC ? "free space where the output goes, or send it elsewhere" : "send the output elsewhere")
            writeError(error.description + "\n")
        }
        exit(ExitStatus.failure.rawValue)
    }
}
