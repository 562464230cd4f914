import Catalogue
import Core
import Records

/// The columns of a CSV file: which is the key, which are fields.
package struct CSVMapping: Sendable {
    private enum Column: Sendable {
        case key
        case field(FieldDefinition)
    }

    private let columns: [Column]
    package private(set) var mapping: RecordMapping

    /// Reads the header. A column that the dataset does not have, one given twice, a missing key column or a missing
    /// required column is an error of the whole file.
    package init(header: CSVRecord, file: String, mapping: RecordMapping) throws(InputError) {
        var columns: [Column] = []
        var seen: Set<[UInt8]> = []
        for (place, cell) in header.cells.enumerated() {
            func error(_ message: String) -> InputError { InputError(file: file, line: cell.line, column: cell.column, message) }
            guard let name = header.text(place) else { throw error("the column's name is not UTF-8") }
            guard seen.insert(Array(name.utf8)).inserted else { throw error("column \"\(name)\" is there twice") }
            if name.utf8.elementsEqual(mapping.keyName.utf8) {
                columns.append(.key)
            } else if let field = mapping.schema.field(named: name) {
                columns.append(.field(field))
            } else {
                throw error("the dataset has no field \"\(name)\"\(NearestName.hint(name, among: mapping.names))")
            }
        }
        guard seen.contains(Array(mapping.keyName.utf8)) else {
            throw InputError(file: file, line: header.line, "the key's column \"\(mapping.keyName)\" is missing")
        }
        for field in mapping.schema.fields where field.required && !seen.contains(Array(field.name.utf8)) {
            throw InputError(file: file, line: header.line, "column \"\(field.name)\" is missing, and the field must have a value")
        }
        self.columns = columns
        self.mapping = mapping
    }

    /// Makes a record. An empty cell is null; `""` is a text without letters.
    package mutating func map(_ record: CSVRecord) -> RecordMapping.Outcome {
        var draft = RecordMapping.Draft(line: record.line)
        guard record.cells.count == columns.count else {
            draft.reject(nil, .cells, "the record has \(record.cells.count) cells, and the header \(columns.count)")
            return .rejected(draft.rejects)
        }
        for (place, column) in columns.enumerated() {
            let isNull = record.bytes(place).isEmpty && !record.cells[place].quoted
            let text = isNull ? nil : record.text(place)
            switch column {
            case .key:
                if text == nil, !isNull { draft.reject(mapping.keyName, .notUTF8, "the key is not UTF-8") } else { mapping.takeKey(text, into: &draft) }
            case let .field(field):
                if text == nil, !isNull {
                    draft.reject(field.name, .notUTF8, "the cell is not UTF-8")
                } else if text == CSVWriter.withheld {
                    // Taken for a text, it would replace what the file's writer was not shown.
                    draft.reject(field.name, .withheld, "the value was withheld from who exported the file")
                } else {
                    mapping.take(text, for: field, into: &draft)
                }
            }
        }
        return mapping.finish(draft)
    }
}
