import Core

/// Rows as CSV (RFC 4180): a header, comma, CR LF. An empty cell is null; a text without letters is `""`.
package enum CSVWriter {
    /// The cell of a value that the reader may not see in this record; not the same as null. An import refuses it.
    package static let withheld = #"{"withheld":true}"#

    /// One record with its line end. `escaping` writes what a terminal would act on as escapes, for output that is looked at.
    package static func record(_ cells: [String?], escaping: Bool = false) -> String {
        cells.map { cell in
            guard let cell else { return "" }
            return quoted(escaping ? HumanText.escaped(cell) : cell)
        }.joined(separator: ",") + "\r\n"
    }

    /// The cell of a document's value: texts and numbers as they are, lists and objects as JSON.
    package static func cell(_ value: Document) -> String? {
        switch value {
        case .null: nil
        case let .string(text): text
        default: JSONWriter.compact(value)
        }
    }

    private static func quoted(_ text: String) -> String {
        let special = text.isEmpty || text.utf8.first == UInt8(ascii: " ") || text.utf8.last == UInt8(ascii: " ")
            || text.utf8.contains { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") || $0 == 0x0A || $0 == 0x0D }
        return special ? "\"" + text.replacing("\"", with: "\"\"") + "\"" : text
    }
}
