import Configuration
import Glibc

/// Writes the lines that were not taken to a CSV file: line, column, rule, message. No values, so that the file can be handed on. The
/// file is made with the first reject.
package struct RejectsFile: ~Copyable {
    package let path: String
    package private(set) var count = 0
    private var descriptor: Int32 = -1
    private var pending: [UInt8] = []

    package init(path: String) { self.path = path }

    deinit { if descriptor >= 0 { close(descriptor) } }

    package mutating func write(_ rejects: [Reject]) throws(FileError) {
        if descriptor < 0 {
            descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
            guard descriptor >= 0 else { throw FileError(operation: "create", path: path, code: errno) }
            pending += Array(CSVWriter.record(["line", "column", "rule", "message"]).utf8)
        }
        for reject in rejects {
            pending += Array(CSVWriter.record([String(reject.line), reject.column.map(HumanText.escaped), reject.rule.description, reject.message]).utf8)
            count += 1
        }
        if pending.count > 1 << 16 { try flush() }
    }

    /// Hands everything to the system.
    package mutating func flush() throws(FileError) {
        guard descriptor >= 0 else { return }
        try FileAccess.writeAll(pending, to: descriptor, path: path)
        pending.removeAll(keepingCapacity: true)
    }
}
