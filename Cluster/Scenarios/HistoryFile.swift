import Core
import Glibc
import Harness

/// The clients' notes in a file, line by line while they happen, in the format that `kho-check` judges (Cluster/Checks/README.md). What a
/// runner that was killed had noted is there. Not shared between threads.
final class HistoryFile {
    let path: String
    private let file: Int32
    /// Why something could not be written: what is there is not the whole history then.
    private(set) var failure: HarnessError?

    init(path: String) throws(HarnessError) {
        self.path = path
        file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw .file(path, errno: errno) }
        write("{\"history\":1,\"by\":\"kho-scenario\"}")
    }

    deinit { close(file) }

    /// A call that is about to be made. Names count from 1.
    /// - Parameter isInOrder: it sees what its client's calls before it saw, of whatever key.
    func call(_ name: Int, _ call: Call, isInOrder: Bool) {
        let session = isInOrder ? ",\"session\":\(call.client)" : ""
        var line = "{\"call\":\(name),\"at\":\(call.called),\"client\":\(call.client)\(session),\"do\":"
        switch call.action {
        case .read: line += "\"read\""
        case .staleRead: line += "\"read\",\"stale\":true"
        case let .put(value): line += "\"put\",\"value\":\(value)"
        case let .putIfAbsent(value): line += "\"put\",\"value\":\(value),\"if\":\"absent\""
        case let .replace(index, value): line += "\"put\",\"value\":\(value),\"if\":\(index)"
        case .delete: line += "\"delete\""
        }
        // Keys are made here, of letters that need no escape.
        write(line + ",\"key\":\"\(call.key)\"}")
    }

    /// What came of it.
    /// - Parameter age: milliseconds that the answer of a read admits to be old.
    func answer(_ name: Int, _ call: Call, age: UInt32) {
        let at = "\(name),\"at\":\(call.returned)"
        switch call.outcome {
        case .pending, .unknown: write("{\"unknown\":\(at)}")
        case let .read(found, index):
            let modified = found.map { ",\"modified\":\($0.modifiedAt)" } ?? ""
            write("{\"ok\":\(at),\"value\":\(found?.value ?? 0)\(modified),\"index\":\(index)" + (age > 0 ? ",\"age\":\(age)}" : "}"))
        case let .written(index): write("{\"ok\":\(at),\"index\":\(index)}")
        case .conflict: write("{\"refused\":\(at)}")
        case .refused: write("{\"failed\":\(at)}")
        }
    }

    /// What is there in the end, read between these moments.
    func end(_ records: [String: Call.Found], from start: UInt64, to end: UInt64) {
        for (key, record) in records.sorted(by: { $0.key < $1.key }) {
            write("{\"final\":\"\(key)\",\"at\":\(start),\"value\":\(record.value),\"modified\":\(record.modifiedAt)}")
        }
        write("{\"end\":true,\"at\":\(end)}")
    }

    private func write(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        var done = 0
        while done < bytes.count, failure == nil {
            let n = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress.map { $0 + done }, bytes.count - done) }
            if n > 0 { done += n } else if errno != EINTR { failure = .file(path, errno: errno) }
        }
    }
}

/// What `kho-check` says it has read, so that it is seen whether that was the run.
package struct HistoryCounts: Equatable, Sendable {
    /// Answered reads, stale ones too, and acknowledged writes.
    package var reads = 0, writes = 0
    /// Keys that were read in the end, and operations of sessions.
    package var finals = 0, sessionOperations = 0

    package init() {}

    /// Of what it printed; nil if a figure is missing.
    package init?(_ output: String) {
        let lines = output.split(separator: "\n")
        /// The numbers in the line that begins so.
        func figures(_ name: String) -> [Int] {
            lines.first { $0.hasPrefix(name) }?.split { !("0"..."9").contains($0) }.compactMap { Int($0) } ?? []
        }
        let reads = figures("reads "), writes = figures("writes "), indexes = figures("indexes "), end = figures("at the end ")
        guard reads.count == 2, writes.count == 2, indexes.count == 2, end.count == 4 else { return nil }
        (self.reads, self.writes, finals, sessionOperations) = (reads[0], writes[0], end[0], indexes[1])
    }
}

/// Has `kho-check` judge a history file: linearizability of each key, and its own view of indexes, ages, sessions and what was kept.
struct HistoryJudge {
    var claim = "one history, by kho-check"
    var violations: [String] = []
    /// nil if it did not come to a verdict.
    var counts: HistoryCounts?

    /// Says so where the program is not beside `kho` and `khod`. Blocks for seconds.
    init(_ path: String, programs: String) {
        let program = programs + "/kho-check"
        guard Files.exists(program) else {
            violations = ["\(program) is not there, so the history is not judged; swift build --product kho-check makes it"]
            return
        }
        do throws(HarnessError) {
            let result = try ChildProcess.run(program, [path], timeoutMilliseconds: 600_000)
            let lines = result.output.split(separator: "\n").map(String.init)
            func figure(_ name: String) -> String { lines.first { $0.hasPrefix(name) }.map { String($0.dropFirst(name.utf8.count).drop { $0 == " " }) } ?? "" }
            claim += ": \(figure("operations")); \(figure("orders"))"
            counts = HistoryCounts(result.output)
            if counts == nil { violations.append("it does not say what it has read") }
            guard result.status != 0 else { return }
            violations.append("kho-check ended with \(result.status) \(result.errors)")
            violations += lines.drop { !$0.hasPrefix("VIOLATION") && !$0.hasPrefix("undecided") }.prefix(60)
        } catch { violations.append("\(error)") }
    }
}
