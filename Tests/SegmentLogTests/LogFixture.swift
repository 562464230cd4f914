import Core
import Glibc
import Testing

@testable import SegmentLog

/// A directory of its own for one log, below TMPDIR or /tmp, removed with its value.
final class LogFixture {
    static let identity = LogIdentity(cluster: ClusterID(high: 1, low: 2), node: NodeID(3), incarnation: Incarnation(0xABCD_EF01_2345_6789))
    static let small = LogOptions(segmentBytes: 64 << 10, reserveBytes: 0, lowSpaceBytes: 0)

    let parent: String
    var directory: String { parent + "/log" }
    var options = LogFixture.small

    init() {
        let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var name = Array((folder + "/kho-log-XXXXXX").utf8CString)
        parent = name.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
    }

    deinit {
        for name in Image.names(directory) { unlink(directory + "/" + name) }
        rmdir(directory)
        for name in Image.names(parent) { unlink(parent + "/" + name) }
        rmdir(parent)
    }

    func open(_ identity: LogIdentity = LogFixture.identity) throws(LogError) -> (SegmentLog, RecoveredLog) {
        try SegmentLog.open(directory: directory, identity: identity, options: options)
    }

    /// The error with which the log is refused; nil if it opens.
    func refusal(_ identity: LogIdentity = LogFixture.identity) -> LogError? {
        do throws(LogError) {
            _ = try open(identity)
            return nil
        } catch { return error }
    }

    /// A log with entries 1...count, synced after every `batch` and closed.
    func filled(_ count: Int, bytes: Int = 400, batch: Int = 5, term: UInt64 = 1) throws -> [LogEntry] {
        let entries = (1...count).map { LogFixture.entry($0, term: term, bytes: bytes) }
        let (log, _) = try open()
        try log.append([], hardState: HardState(term: Term(term), vote: NodeID(1)))
        for start in stride(from: 0, to: count, by: batch) {
            try log.append(Array(entries[start..<min(count, start + batch)]))
            try log.sync()
        }
        return entries
    }

    static func entry(_ index: Int, term: UInt64 = 1, bytes: Int = 400, fill: UInt8? = nil) -> LogEntry {
        LogEntry(
            index: LogIndex(UInt64(index)), term: Term(term), kind: .command, time: LogTime(milliseconds: Int64(index)),
            payload: [UInt8](repeating: fill ?? UInt8(truncatingIfNeeded: index), count: bytes))
    }
}

/// The bytes of every file of a directory: what a disk holds, or could hold after a power cut.
struct Image: Equatable {
    var files: [String: [UInt8]] = [:]

    static func names(_ directory: String) -> [String] {
        guard let handle = opendir(directory) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    init(_ directory: String) throws {
        for name in Self.names(directory) {
            let file = try SystemFile(directory + "/" + name, O_RDONLY)
            files[name] = try file.read(try file.size(), at: 0)
        }
    }

    /// Makes the directory hold exactly this.
    func restore(_ directory: String) throws {
        for name in Self.names(directory) where files[name] == nil { unlink(directory + "/" + name) }
        for (name, bytes) in files {
            let file = try SystemFile(directory + "/" + name, O_RDWR | O_CREAT)
            if try file.read(try file.size(), at: 0) == bytes { continue }
            ftruncate(file.descriptor, off_t(bytes.count))
            try file.write(bytes, at: 0)
        }
    }

    var segments: [String] { files.keys.filter { $0.utf8.starts(with: "segment-".utf8) && $0.utf8.count == 24 }.sorted() }
    var newest: String { segments[segments.count - 1] }
}
