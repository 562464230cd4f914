import Configuration
import Glibc

/// Writes the lines that were not taken to a CSV file: line, column, rule, message. No values, so that the file can be handed on. The
/// file is made with the first reject.
package struct RejectsFile: ~Copyable {
    package let path: String
    package private(set) var count = 0
    private var descriptor: Int32 = -1
    /// Bytes of the file with what waits to be written.
    package private(set) var bytes = 0
    private var pending: [UInt8] = []

    package init(path: String) { self.path = path }

    /// Goes on with a file whose first so many bytes hold; what is behind them goes. A file that is shorter, or gone, is begun anew.
    package init(resuming path: String, at bytes: Int) throws(FileError) {
        self.path = path
        var status = stat()
        guard stat(path, &status) == 0, status.st_size >= bytes else { return }
        descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(operation: "open", path: path, code: errno) }
        guard ftruncate(descriptor, bytes) == 0 else { throw FileError(operation: "truncate", path: path, code: errno) }
        self.bytes = bytes
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    package mutating func write(_ rejects: [Reject]) throws(FileError) {
        if descriptor < 0 {
            descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
            guard descriptor >= 0 else { throw FileError(operation: "create", path: path, code: errno) }
            add(["line", "column", "rule", "message"])
        }
        for reject in rejects {
            add([String(reject.line), reject.column.map(HumanText.escaped), reject.rule.description, reject.message])
            count += 1
        }
        if pending.count > 1 << 16 { try flush() }
    }

    private mutating func add(_ cells: [String?]) {
        let record = Array(CSVWriter.record(cells).utf8)
        pending += record
        bytes += record.count
    }

    /// Hands everything to the system.
    package mutating func flush() throws(FileError) {
        guard descriptor >= 0 else { return }
        try FileAccess.writeAll(pending, to: descriptor, path: path)
        pending.removeAll(keepingCapacity: true)
    }
}
