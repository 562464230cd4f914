import Console
import Core
import KhoClient

/// Records as lines of an exported file.
struct RecordText: Sendable {
    let format: TransferFormat
    let dataset: DatasetDescription
    /// In the order of the columns.
    let fields: [FieldDefinition]

    /// The line above all others, if the format has one.
    var header: String { format == .csv ? CSVWriter.record([dataset.keyName] + fields.map(\.name)) : "" }

    /// With its line end. A withheld value is `{"withheld":true}` in both formats: null is an empty cell and `null`, and an import refuses it.
    func line(_ record: Record) -> String {
        let rows = RecordRows(dataset: dataset, fields: fields)
        switch format {
        case .csv:
            let cells = fields.map { field -> String? in
                switch record[field.id] ?? .null {
                case .withheld: CSVWriter.withheld
                case .masked: JSONWriter.compact(.masked)
                case let value: value.text
                }
            }
            return CSVWriter.record([RecordRows.text(of: record.key)] + cells)
        case .jsonl:
            guard case let .object(values)? = rows.document(of: record)["fields"] else { return "" }
            return JSONWriter.compact(.object([.init(dataset.keyName, .string(RecordRows.text(of: record.key)))] + values)) + "\n"
        }
    }
}
