import Configuration
import Console
import Core
import Glibc

/// Where an export goes: the standard output, or a file with its state beside it (`FILE.kho-export`), so that an interrupted export can go on behind the
/// last record that is surely in the file. Closes the file at its end of life.
struct ExportFile: ~Copyable {
    /// What must be the same for an export to go on.
    struct Question: Equatable, Sendable {
        var dataset: String
        var format: String
        var filter: String
        var fields: String
    }

    private let path: String?
    private let descriptor: Int32
    private let question: Question
    private var pending: [UInt8] = []
    private var bytes: Int
    /// The last record's key; nil before the first.
    private(set) var lastKey: [UInt8]?
    /// Records in the file, those of earlier runs included.
    private(set) var records: Int
    private var savedAt = MonotonicTime.now()

    private static let schema = "kho.export.state/1"
    private static let pendingMax = 1 << 18
    private static let saveMilliseconds: UInt64 = 1_000

    static func statePath(for path: String) -> String { path + ".kho-export" }

    private init(_ path: String?, _ descriptor: Int32, _ question: Question, bytes: Int = 0, records: Int = 0, lastKey: [UInt8]? = nil) {
        self.path = path
        self.descriptor = descriptor
        self.question = question
        self.bytes = bytes
        self.records = records
        self.lastKey = lastKey
    }

    /// - Parameter path: nil for the standard output.
    static func open(_ path: String?, _ question: Question, resuming: Bool) throws(CommandError) -> ExportFile {
        guard let path else { return ExportFile(nil, STDOUT_FILENO, question) }
        let file = Glibc.open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (resuming ? 0 : O_TRUNC), 0o640)
        guard file >= 0 else { throw .file(FileError(operation: "create", path: path, code: errno).description) }
        guard resuming else { return ExportFile(path, file, question) }
        do throws(CommandError) {
            let state = try state(path, question)
            guard let key = Hex.decode(state["last_key"]?.string ?? ""), let length = state["bytes"]?.int, let count = state["records"]?.int, length >= 0,
                count >= 0
            else { throw .badData("\(statePath(for: path)) is not the state of an export", remedy: "the same without --resume") }
            guard lseek(file, 0, SEEK_END) >= Int(length) else { throw .badData("\(path) is shorter than it was", remedy: "the same without --resume") }
            // What came behind may be half a record.
            guard ftruncate(file, Int(length)) == 0, lseek(file, 0, SEEK_END) == Int(length) else {
                throw .file(FileError(operation: "truncate", path: path, code: errno).description)
            }
            return ExportFile(path, file, question, bytes: Int(length), records: Int(count), lastKey: key)
        } catch {
            close(file)
            throw error
        }
    }

    deinit { if path != nil { close(descriptor) } }

    private static func state(_ path: String, _ question: Question) throws(CommandError) -> Document {
        let statePath = statePath(for: path)
        let bytes: [UInt8]
        do throws(FileError) { bytes = try FileAccess.bytes(statePath) } catch {
            guard error.code == ENOENT else { throw .file(error.description) }
            throw .file("there is no export to resume: \(statePath) is not there", remedy: "the same without --resume")
        }
        let document: Document
        do throws(InputError) { document = try JSONReader.document(bytes, file: statePath) } catch { throw error.commandError }
        let old = Question(
            dataset: document["dataset"]?.string ?? "", format: document["format"]?.string ?? "", filter: document["where"]?.string ?? "",
            fields: document["fields"]?.string ?? "")
        guard document["schema"]?.string == schema, old == question else {
            throw .badData("the export to resume asked for something else: another dataset, format, --where or --fields", remedy: "the same without --resume")
        }
        return document
    }

    /// Adds the header.
    mutating func write(header: String) { pending += Array(header.utf8) }

    mutating func write(_ line: String, key: [UInt8]) throws(CommandError) {
        pending += Array(line.utf8)
        lastKey = key
        records += 1
        guard pending.count > Self.pendingMax else { return }
        try flush()
        if MonotonicTime.now() > savedAt.adding(milliseconds: Self.saveMilliseconds) { try save() }
    }

    private mutating func flush() throws(CommandError) {
        guard let path else {
            StandardStreams.write(String(decoding: pending, as: UTF8.self))
            pending.removeAll(keepingCapacity: true)
            return
        }
        do throws(FileError) { try FileAccess.writeAll(pending, to: descriptor, path: path) } catch { throw .file(error.description) }
        bytes += pending.count
        pending.removeAll(keepingCapacity: true)
    }

    /// Makes what is written durable, then notes how far that is.
    mutating func save() throws(CommandError) {
        try flush()
        guard let path, let lastKey else { return }
        savedAt = MonotonicTime.now()
        guard fdatasync(descriptor) == 0 else { throw .file(FileError(operation: "sync", path: path, code: errno).description) }
        let document: Document = [
            "schema": .string(Self.schema), "dataset": .string(question.dataset), "format": .string(question.format), "where": .string(question.filter),
            "fields": .string(question.fields), "last_key": .string(Hex.encode(lastKey)), "bytes": .int(Int64(bytes)), "records": .int(Int64(records)),
        ]
        do throws(FileError) {
            try FileAccess.replace(Self.statePath(for: path), Array((JSONWriter.indented(document) + "\n").utf8))
        } catch { throw .file(error.description) }
    }

    /// Everything is written, and durable.
    mutating func finish() throws(CommandError) {
        try flush()
        guard let path else { return }
        guard fdatasync(descriptor) == 0 else { throw .file(FileError(operation: "sync", path: path, code: errno).description) }
        unlink(Self.statePath(for: path))
    }
}
