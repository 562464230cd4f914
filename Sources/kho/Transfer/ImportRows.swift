import Configuration
import Console
import Core
import KhoClient

/// The forms of a file of records.
enum TransferFormat: String, CaseIterable, Sendable {
    case csv, jsonl

    /// By the file's name.
    static func guessed(_ path: String) -> TransferFormat? {
        if path.hasSuffix(".csv") { return .csv }
        return path.hasSuffix(".jsonl") || path.hasSuffix(".ndjson") ? .jsonl : nil
    }
}

/// The records of a file, one after the other, with the line that each begins in.
protocol ImportRows: AnyObject {
    /// The next record or why it is none; nil at the end. Throws where the file cannot be read any further.
    func next() throws(CommandError) -> (line: Int, outcome: RecordMapping.Outcome)?
}

final class CSVRows: ImportRows {
    private var reader: CSVReader
    private var mapping: CSVMapping

    /// Reads the header.
    init(_ source: consuming ByteSource, mapping: RecordMapping) throws(CommandError) {
        reader = CSVReader(source)
        guard let header = try reader.next() else { throw .badData("\(reader.name): the header line is missing") }
        do throws(InputError) {
            self.mapping = try CSVMapping(header: header, file: reader.name, mapping: mapping)
        } catch { throw error.commandError }
    }

    func next() throws(CommandError) -> (line: Int, outcome: RecordMapping.Outcome)? {
        guard let record = try reader.next() else { return nil }
        return (record.line, mapping.map(record))
    }
}

final class JSONRows: ImportRows {
    private var reader: JSONLinesReader
    private var mapping: RecordMapping

    init(_ source: consuming ByteSource, mapping: RecordMapping) {
        reader = JSONLinesReader(source)
        self.mapping = mapping
    }

    func next() throws(CommandError) -> (line: Int, outcome: RecordMapping.Outcome)? {
        guard let line = try reader.next() else { return nil }
        return (line.number, mapping.map(line))
    }
}

extension TransferFormat {
    /// Opens the source for records of this dataset.
    func rows(_ source: consuming ByteSource, of dataset: DatasetDescription, normalises: Bool = false) throws(CommandError) -> any ImportRows {
        let mapping = RecordMapping(schema: dataset.schema, keyName: dataset.keyName, normalises: normalises)
        switch self {
        case .csv: return try CSVRows(source, mapping: mapping)
        case .jsonl: return JSONRows(source, mapping: mapping)
        }
    }
}
