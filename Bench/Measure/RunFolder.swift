import Foundation

/// Writes the folder of a run, of a comparison, or of the access path in one process.
package enum RunFolder {
    /// `summary.json`, `series.csv` and a `.hgrm` for each kind of operation.
    package static func write(_ result: RunResult, histograms: [(kind: String, histogram: LatencyHistogram)], to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try json(result).write(to: URL(fileURLWithPath: folder + "/summary.json"))
        try Data(csv(result.series).utf8).write(to: URL(fileURLWithPath: folder + "/series.csv"))
        for (kind, histogram) in histograms where histogram.samples > 0 {
            try Data(histogram.hgrm.utf8).write(to: URL(fileURLWithPath: folder + "/\(kind).hgrm"))
        }
    }

    /// `comparison.json`.
    package static func write(_ comparison: Comparison, to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try json(comparison).write(to: URL(fileURLWithPath: folder + "/comparison.json"))
    }

    /// `engine.json`.
    package static func write(_ result: EngineResult, to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try json(result).write(to: URL(fileURLWithPath: folder + "/engine.json"))
    }

    private static func json(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }

    /// The series with a header line; an absent figure is an empty cell, an event stands in quotation marks.
    package static func csv(_ series: [SeriesPoint]) -> String {
        var text = "second,operations,errors,p50,p99,max,event\n"
        for point in series {
            let event = point.event.map { "\"" + $0.replacingOccurrences(of: "\"", with: "\"\"") + "\"" } ?? ""
            let cells = [
                String(point.second), String(point.operations), String(point.errors), point.p50.map { String($0) } ?? "",
                point.p99.map { String($0) } ?? "", String(point.max), event,
            ]
            text += cells.joined(separator: ",") + "\n"
        }
        return text
    }
}
