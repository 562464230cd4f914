@testable import BenchMeasure
import Foundation
import Testing

@testable import BenchReport

@Suite struct ResultFolderTests {
    private func encoded(_ value: some Encodable) throws -> Data { try JSONEncoder().encode(value) }

    @Test func runsAndComparisonsSurviveJSON() throws {
        var samples = Samples()
        let run = samples.run(load: Samples.open(5_000), perSecond: 5_000, middle: 3e5, events: [3: "n1 is killed"])
        #expect(try ResultFolder.run(from: encoded(run), path: "summary.json") == run)
        let comparison = samples.comparison(rounds: 1).0
        #expect(try ResultFolder.comparison(from: encoded(comparison), path: "comparison.json") == comparison)
    }

    @Test func anotherFormatIsNamed() throws {
        var samples = Samples()
        var run = samples.run(perSecond: 1_000, middle: 1e6)
        run.format = 7
        let data = try encoded(run)
        #expect(throws: ReportError.otherFormat(path: "x/summary.json", found: 7, readable: 1)) { try ResultFolder.run(from: data, path: "x/summary.json") }
        #expect(ReportError.otherFormat(path: "x", found: 7, readable: 1).description.hasPrefix("x has format 7, but this kho-bench reads format 1"))
        // Even if nothing else of it can be read.
        #expect(throws: ReportError.otherFormat(path: "c", found: 2, readable: 1)) { try ResultFolder.comparison(from: Data(#"{"format": 2}"#.utf8), path: "c") }
    }

    @Test func whatIsNotAResultSaysWhere() throws {
        func message(_ text: String) throws -> String {
            let error = #expect(throws: ReportError.self) { try ResultFolder.run(from: Data(text.utf8), path: "s") }
            return try #require(error).description
        }
        #expect(try message("[]").hasPrefix("s is not a result of kho-bench: "))
        #expect(try message("{}") == "s is not a result of kho-bench: \"format\" is missing")
        #expect(try message(#"{"format": 1}"#).contains(" is missing"))
    }

    @Test func foldersAreReadAndReportsWritten() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("bench-report-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        var samples = Samples()
        let (comparison, runs) = samples.comparison(rounds: 1, workloads: ["failover"])
        for (name, run) in runs {
            let path = folder.appendingPathComponent(name)
            try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
            try encoded(run).write(to: path.appendingPathComponent("summary.json"))
        }
        try encoded(comparison).write(to: folder.appendingPathComponent("comparison.json"))

        let read = try ResultFolder.comparison(at: folder.path)
        #expect(read.0 == comparison && read.runs == runs)
        #expect(try ResultFolder.allRuns(below: folder.path).map(\.beganAt) == runs.values.map(\.beganAt).sorted())

        let report = try ReportWriter.write(for: folder.path)
        #expect(try String(contentsOfFile: report, encoding: .utf8) == ComparisonReport.html(of: comparison, runs: runs))
        let one = try #require(comparison.runs.first?.folder)
        let path = folder.appendingPathComponent(one).appendingPathComponent("report.html").path
        #expect(try String(contentsOfFile: path, encoding: .utf8) == RunReport.html(of: try #require(runs[one])))

        try FileManager.default.removeItem(at: folder.appendingPathComponent(one))
        #expect(try ResultFolder.comparison(at: folder.path).runs.count == runs.count - 1)
    }

    @Test func theEnginesFolderIsReadAndItsReportWritten() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("bench-engine-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        var samples = Samples()
        let engine = samples.engine()
        try RunFolder.write(engine, to: folder.path)
        #expect(try ResultFolder.engine(at: folder.path) == engine)
        let report = try ReportWriter.write(for: folder.path)
        #expect(try String(contentsOfFile: report, encoding: .utf8) == EngineReport.html(of: engine))
    }

    /// What was written before a member came has it not.
    @Test func resultsOfBeforeAreRead() throws {
        var samples = Samples()
        let run = samples.run(perSecond: 1_000, middle: 1e6)
        let text = String(decoding: try encoded(run), as: UTF8.self)
        for member in ["settings", "compiler", "programs", "programsAreOlderThanSources", "ceilingPerSecond", "leasedShare"] { #expect(!text.contains("\"\(member)\"")) }
        #expect(try ResultFolder.run(from: Data(text.utf8), path: "s") == run)
    }

    @Test func missingFoldersAreNamed() {
        let nowhere = "/nonexistent/results"
        #expect(throws: ReportError.unreadable(path: nowhere, reason: "not a folder")) { try ResultFolder.allRuns(below: nowhere) }
        #expect(throws: ReportError.unreadable(path: nowhere + "/summary.json", reason: "there is no such file")) { try ReportWriter.write(for: nowhere) }
    }
}
