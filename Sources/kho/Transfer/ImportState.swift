import Configuration
import Console
import Core
import Glibc

/// How far an import has come, durably: `FILE.kho-import`. Up to and with `line` every record is acknowledged or rejected.
///
/// A line, and no place in the file: the import that goes on reads the file from its beginning, since only so does it find a key that comes
/// twice; what is settled is not sent again.
struct ImportState: Equatable, Sendable {
    /// What the file is known by.
    struct Fingerprint: Equatable, Sendable {
        var size: Int
        /// Nanoseconds since 1970.
        var modified: Int64
        /// CRC-32C of the first bytes.
        var prefix: UInt32
    }

    var dataset: String
    var file: Fingerprint
    var line = 0
    var read = 0
    var written = 0
    var rejected = 0
    var index: UInt64 = 0
    /// Bytes of the file of rejects that belong to what is settled.
    var rejectsBytes = 0

    static func path(for file: String) -> String { file + ".kho-import" }

    // MARK: The file

    private static let schema = "kho.import.state/1"

    func save(_ path: String) throws(CommandError) {
        let document: Document = [
            "schema": .string(Self.schema), "dataset": .string(dataset), "size": .int(Int64(file.size)), "modified": .int(file.modified),
            "prefix": .int(Int64(file.prefix)), "line": .int(Int64(line)), "read": .int(Int64(read)), "written": .int(Int64(written)),
            "rejected": .int(Int64(rejected)), "index": .int(Int64(index)), "rejects_bytes": .int(Int64(rejectsBytes)),
        ]
        do throws(FileError) {
            try FileAccess.replace(path, Array((JSONWriter.indented(document) + "\n").utf8))
        } catch { throw .file(error.description) }
    }

    init(dataset: String, file: Fingerprint) {
        self.dataset = dataset
        self.file = file
    }

    /// Reads the state of an earlier import of the same file into the same dataset; throws if it is of another.
    init(_ path: String, dataset: String, file: Fingerprint) throws(CommandError) {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try FileAccess.bytes(path)
        } catch where error.code == ENOENT {
            throw .file("there is no import to resume: \(path) is not there", remedy: "the same without --resume")
        } catch { throw .file(error.description) }
        let document: Document
        do throws(InputError) { document = try JSONReader.document(bytes, file: path) } catch { throw error.commandError }
        func number(_ name: String) throws(CommandError) -> Int {
            guard let value = document[name]?.int, value >= 0 else { throw .badData("\(path): \(name) is missing or wrong", remedy: "the same without --resume") }
            return Int(value)
        }
        guard document["schema"]?.string == Self.schema else { throw .badData("\(path) is not the state of an import", remedy: "the same without --resume") }
        self.dataset = document["dataset"]?.string ?? ""
        self.file = Fingerprint(size: try number("size"), modified: Int64(try number("modified")), prefix: UInt32(clamping: try number("prefix")))
        line = try number("line")
        read = try number("read")
        written = try number("written")
        rejected = try number("rejected")
        index = UInt64(try number("index"))
        rejectsBytes = try number("rejects_bytes")
        guard self.dataset.utf8.elementsEqual(dataset.utf8) else {
            throw .badData("the import to resume went into \(self.dataset), not into \(dataset)", remedy: "the same without --resume")
        }
        guard self.file == file else {
            throw .badData("the file is not the one whose import was interrupted: it has changed since", remedy: "the same without --resume")
        }
    }

    /// What is no longer needed goes.
    static func remove(_ path: String) { unlink(path) }
}

extension ImportState.Fingerprint {
    private static let prefixBytes = 1 << 16

    /// Of the file as it is; nil if the path names no regular file, whose import cannot be resumed.
    init?(of path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        var bytes = [UInt8](repeating: 0, count: Self.prefixBytes)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count >= 0 else { return nil }
        size = Int(status.st_size)
        modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
        prefix = CRC32C.of(Array(bytes[..<count]))
    }
}
