import BenchMeasure
import Foundation

/// Makes the `report.html` of folders that hold results.
package enum ReportWriter {
    package static let file = "report.html"

    /// Of a comparison, of the access path in one process, or of a run, whichever the folder is; of a comparison, those of its runs too, for its report leads to them. What is there is replaced.
    ///
    /// - Returns: the path of the folder's own report.
    @discardableResult
    package static func write(for folder: String) throws(ReportError) -> String {
        if ResultFolder.isEngine(folder) { return try write(EngineReport.html(of: ResultFolder.engine(at: folder)), to: folder) }
        guard ResultFolder.isComparison(folder) else { return try write(RunReport.html(of: ResultFolder.run(at: folder)), to: folder) }
        let (comparison, runs) = try ResultFolder.comparison(at: folder)
        for (name, run) in runs { try write(RunReport.html(of: run), to: URL(fileURLWithPath: folder).appendingPathComponent(name).path) }
        return try write(ComparisonReport.html(of: comparison, runs: runs), to: folder)
    }

    @discardableResult
    private static func write(_ html: String, to folder: String) throws(ReportError) -> String {
        let path = URL(fileURLWithPath: folder).appendingPathComponent(file)
        do { try Data(html.utf8).write(to: path, options: .atomic) } catch { throw .unwritable(path: path.path, reason: error.localizedDescription) }
        return path.path
    }
}
