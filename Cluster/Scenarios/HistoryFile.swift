import Core
import Glibc
import Harness

/// The clients' notes in a file, line by line while they happen, in the format that `kho-check` judges (Cluster/Checks/README.md). What a
/// runner that was killed had noted is there. Not shared between threads.
final class HistoryFile {
    let path: String
    private let file: Int32

    init(path: String) throws(HarnessError) {
        self.path = path
        file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw .file(path, errno: errno) }
        write("{\"history\":1,\"by\":\"kho-scenario\"}")
    }

    deinit { close(file) }

    /// A call that is about to be made. Names count from 1.
    func call(_ name: Int, _ call: Call) {
        var line = "{\"call\":\(name),\"at\":\(call.called),\"client\":\(call.client),\"do\":"
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
        Glibc.write(file, bytes, bytes.count)
    }
}

/// Has `kho-check` judge a history file: linearizability of each key, and its own view of indexes, ages and what was kept.
enum HistoryJudge {
    /// What was found; a text that says so where the program is not beside `kho` and `khod`. Blocks for seconds.
    static func judge(_ path: String, programs: String) -> (claim: String, violations: [String]) {
        let program = programs + "/kho-check"
        guard Files.exists(program) else { return ("", ["\(program) is not there, so the history is not judged; swift build --product kho-check makes it"]) }
        do throws(HarnessError) {
            let result = try ChildProcess.run(program, [path], timeoutMilliseconds: 600_000)
            let lines = result.output.split(separator: "\n").map(String.init)
            func figure(_ name: String) -> String { lines.first { $0.hasPrefix(name) }.map { String($0.dropFirst(name.utf8.count).drop { $0 == " " }) } ?? "" }
            let claim = "one history, by kho-check: \(figure("operations")); \(figure("orders"))"
            if result.status == 0 { return (claim, []) }
            let found = lines.drop { !$0.hasPrefix("VIOLATION") && !$0.hasPrefix("undecided") }.prefix(60)
            return (claim, ["kho-check ended with \(result.status) \(result.errors)"] + found)
        } catch { return ("one history, by kho-check", ["\(error)"]) }
    }
}
