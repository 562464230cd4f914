import Configuration
import Core
import Records

/// Rows in aligned columns, as a person reads them.
package struct Table: Sendable {
    /// How a column's values are shown.
    package enum Style: Sendable {
        /// Texts to the left, numbers to the right, as they are.
        case plain
        /// Whole numbers with separators of thousands.
        case count
        /// Bytes, as `2.1 GiB`.
        case bytes
        /// Milliseconds since 1970, as a time in UTC.
        case time
        /// Milliseconds, as `0.3 ms`.
        case milliseconds
    }

    /// Where a column's texts stand.
    package enum Alignment: Sendable { case left, right }

    package struct Column: Sendable {
        package var title: String
        /// The row's member; `a.b` is member b of member a.
        package var member: String
        package var style: Style
        /// nil: to the right where every value is a number.
        package var alignment: Alignment?

        package init(_ title: String, _ member: String, _ style: Style = .plain, alignment: Alignment? = nil) {
            self.title = title
            self.member = member
            self.style = style
            self.alignment = alignment
        }

        /// The row's value for this column; null if it has none.
        package func value(in row: Document) -> Document {
            var value: Document? = row
            for part in member.split(separator: ".") { value = value?[String(part)] }
            return value ?? .null
        }

        func cell(in row: Document) -> String { Table.text(value(in: row), style) }
    }

    package var columns: [Column]
    package var rows: [Document]
    /// An emphasis for a cell, by the column's member and the value.
    package var emphasis: (@Sendable (_ member: String, _ value: Document) -> Emphasis?)?

    package init(columns: [Column], rows: [Document], emphasis: (@Sendable (String, Document) -> Emphasis?)? = nil) {
        self.columns = columns
        self.rows = rows
        self.emphasis = emphasis
    }

    /// A column for each member that a row has, in the order in which they are first met.
    package init(rows: [Document]) {
        var names: [String] = []
        for row in rows { for member in row.members ?? [] where !names.contains(member.name) { names.append(member.name) } }
        self.init(columns: names.map { Column(HumanText.escaped($0).uppercased(), $0) }, rows: rows)
    }

    /// Lines with a line feed each. Colours only if told so.
    package func rendered(colours: Bool = false) -> String {
        var widths: [Int]?
        return page(&widths, colours: colours)
    }

    /// The rows as one page of a long table: the heading stands above the first page only, and a column never gets narrower than on the page
    /// before. `widths` is nil before the first page.
    package func page(_ widths: inout [Int]?, colours: Bool = false) -> String {
        let cells = rows.map { row in columns.map { $0.cell(in: row) } }
        let right = columns.map { column in
            if let alignment = column.alignment { return alignment == .right }
            return column.style != .plain && column.style != .time
                || rows.contains { $0.isNumber(column) } && rows.allSatisfy { $0.isNumber(column) || column.value(in: $0) == .null }
        }
        let isFirst = widths == nil
        let old = widths ?? columns.map { HumanText.width($0.title) }
        let grown = columns.indices.map { i in max(old[i], cells.map { HumanText.width($0[i]) }.max() ?? 0) }
        widths = grown
        var out = ""
        func line(_ texts: [String], _ emphases: (Int) -> Emphasis?) {
            var line = ""
            for (i, text) in texts.enumerated() {
                let gap = String(repeating: " ", count: grown[i] - HumanText.width(text))
                let shown = emphases(i).map { $0.applied(to: text, colours) } ?? text
                if i > 0 { line += "  " }
                line += right[i] ? gap + shown : i == texts.count - 1 ? shown : shown + gap
            }
            while line.last == " " { line.removeLast() }
            out += line + "\n"
        }
        if isFirst { line(columns.map(\.title)) { _ in .heading } }
        for (row, texts) in zip(rows, cells) {
            line(texts) { i in emphasis?(columns[i].member, columns[i].value(in: row)) }
        }
        return out
    }

    /// A value as a person reads it, in one line.
    static func text(_ value: Document, _ style: Style) -> String {
        switch (value, style) {
        case (.null, _): "–"
        case let (.bool(value), _): value ? "yes" : "no"
        case let (.int(number), .count): HumanText.grouped(number)
        case let (.int(number), .bytes): ByteSize.text(Int(number))
        case let (.int(number), .time): TimestampText.write(number)
        case let (.int(number), .milliseconds): "\(number).0 ms"
        case let (.double(number), .milliseconds): tenths(number) + " ms"
        case let (.int(number), _): String(number)
        case let (.double(number), _): "\(number)"
        case let (.string(text), _): HumanText.escaped(text)
        case let (.array(values), _): values.map { text($0, style) }.joined(separator: ", ")
        case (.withheld, _): "‹withheld›"
        case (.masked, _): "‹masked›"
        case (.object, _): HumanText.escaped(JSONWriter.compact(value))
        }
    }

    private static func tenths(_ number: Double) -> String {
        guard number.magnitude < 1e15 else { return "\(number)" }
        let tenths = Int64((number.magnitude * 10).rounded())
        return "\(number < 0 ? "-" : "")\(tenths / 10).\(tenths % 10)"
    }
}

extension Document {
    fileprivate func isNumber(_ column: Table.Column) -> Bool {
        switch column.value(in: self) {
        case .int, .double: true
        default: false
        }
    }
}

extension Document {
    /// What stands for a value that the reader may not see in this record; not the same as null.
    package static let withheld: Document = ["withheld": true]
    /// What stands for a value of which the reader sees only that there is one.
    package static let masked: Document = ["masked": true]
}
