import BenchMeasure
import Foundation

/// Why a folder of results cannot be read.
package enum ReportError: Error, Equatable, CustomStringConvertible {
    case unreadable(path: String, reason: String)
    /// Not the JSON that it should be.
    case notAResult(path: String, reason: String)
    /// Written by a version of the harness with another shape of the file.
    case otherFormat(path: String, found: Int, readable: Int)
    /// No `summary.json` at or below the folder.
    case noRuns(path: String)
    case unwritable(path: String, reason: String)

    package var description: String {
        switch self {
        case .unreadable(let path, let reason): "\(path) cannot be read: \(reason)"
        case .notAResult(let path, let reason): "\(path) is not a result of kho-bench: \(reason)"
        case .otherFormat(let path, let found, let readable):
            "\(path) has format \(found), but this kho-bench reads format \(readable): use the kho-bench of the revision that wrote it"
        case .noRuns(let path): "there is no summary.json in \(path) nor below it"
        case .unwritable(let path, let reason): "\(path) cannot be written: \(reason)"
        }
    }
}

/// Reads what measurements left behind.
package enum ResultFolder {
    package static let runFile = "summary.json"
    package static let comparisonFile = "comparison.json"
    package static let engineFile = "engine.json"

    /// The run whose folder this is.
    package static func run(at folder: String) throws(ReportError) -> RunResult {
        let path = URL(fileURLWithPath: folder).appendingPathComponent(runFile).path
        return try decode(RunResult.self, format: RunResult.formatNow, try bytes(of: path), path: path)
    }

    /// The comparison whose folder this is, and its runs by their folders. A run whose `summary.json` is missing is left out; one that is there and cannot
    /// be read throws.
    package static func comparison(at folder: String) throws(ReportError) -> (Comparison, runs: [String: RunResult]) {
        let root = URL(fileURLWithPath: folder)
        let path = root.appendingPathComponent(comparisonFile).path
        let comparison = try decode(Comparison.self, format: Comparison.formatNow, try bytes(of: path), path: path)
        var runs: [String: RunResult] = [:]
        for run in comparison.runs where runs[run.folder] == nil {
            let folder = root.appendingPathComponent(run.folder).path
            guard FileManager.default.fileExists(atPath: folder + "/" + runFile) else { continue }
            runs[run.folder] = try Self.run(at: folder)
        }
        return (comparison, runs)
    }

    /// What `kho-bench engine` wrote into this folder.
    package static func engine(at folder: String) throws(ReportError) -> EngineResult {
        let path = URL(fileURLWithPath: folder).appendingPathComponent(engineFile).path
        return try decode(EngineResult.self, format: EngineResult.formatNow, try bytes(of: path), path: path)
    }

    package static func isComparison(_ folder: String) -> Bool { holds(comparisonFile, folder) }
    package static func isEngine(_ folder: String) -> Bool { holds(engineFile, folder) }

    private static func holds(_ file: String, _ folder: String) -> Bool {
        FileManager.default.fileExists(atPath: URL(fileURLWithPath: folder).appendingPathComponent(file).path)
    }

    /// Every run at or below the folder, in the order in which they began: a run's folder, a comparison's, or one that holds several of either.
    package static func allRuns(below folder: String) throws(ReportError) -> [RunResult] {
        var found: [String] = []
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue,
            let paths = FileManager.default.enumerator(atPath: folder) else { throw .unreadable(path: folder, reason: "not a folder") }
        for case let path as String in paths where path == runFile || path.hasSuffix("/" + runFile) { found.append(path) }
        var runs: [RunResult] = []
        for path in found.sorted() {
            let file = URL(fileURLWithPath: folder).appendingPathComponent(path).path
            runs.append(try decode(RunResult.self, format: RunResult.formatNow, try bytes(of: file), path: file))
        }
        guard !runs.isEmpty else { throw .noRuns(path: folder) }
        return runs.sorted { $0.beganAt < $1.beganAt }
    }

    /// Of one file; `path` is for the message alone.
    package static func run(from bytes: Data, path: String) throws(ReportError) -> RunResult {
        try decode(RunResult.self, format: RunResult.formatNow, bytes, path: path)
    }

    package static func comparison(from bytes: Data, path: String) throws(ReportError) -> Comparison {
        try decode(Comparison.self, format: Comparison.formatNow, bytes, path: path)
    }

    private static func bytes(of path: String) throws(ReportError) -> Data {
        do { return try Data(contentsOf: URL(fileURLWithPath: path)) } catch { throw .unreadable(path: path, reason: reason(error)) }
    }

    /// The format is looked at before anything else, so that a file of tomorrow says so instead of naming a member that it lacks.
    private static func decode<Shape: Decodable>(_ shape: Shape.Type, format: Int, _ bytes: Data, path: String) throws(ReportError) -> Shape {
        do {
            let head = try JSONDecoder().decode(Head.self, from: bytes)
            guard head.format == format else { throw ReportError.otherFormat(path: path, found: head.format, readable: format) }
            return try JSONDecoder().decode(shape, from: bytes)
        } catch let error as ReportError {
            throw error
        } catch {
            throw .notAResult(path: path, reason: reason(error))
        }
    }

    private struct Head: Decodable { var format: Int }

    private static func reason(_ error: any Error) -> String {
        func at(_ path: [any CodingKey]) -> String {
            path.isEmpty ? "" : " at " + path.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
        }
        switch error {
        case DecodingError.keyNotFound(let key, let context): return "\"\(key.stringValue)\" is missing" + at(context.codingPath)
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context), DecodingError.dataCorrupted(let context):
            return context.debugDescription + at(context.codingPath)
        case let error as CocoaError where error.code == .fileReadNoSuchFile: return "there is no such file"
        default: return error.localizedDescription
        }
    }
}
