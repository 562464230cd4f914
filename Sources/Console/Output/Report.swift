import Core

/// `-o`.
package enum OutputFormat: String, Sendable, CaseIterable {
    case table, json, yaml, csv
}

/// What a command answers: one document, and how it is laid out for people.
package struct Report: Sendable {
    /// The name and version of the document's form, as `kho.cluster.status/1`. A member that is added keeps the version; one that is
    /// renamed, removed or means something else takes the next.
    package var schema: String
    /// An object.
    package var body: Document
    /// The member of the body whose rows the table and the CSV file show; nil if the body itself is the one row.
    package var rows: String?
    /// The table's columns; every member if empty.
    package var columns: [Table.Column]
    /// What the table and the CSV file show instead of a body that is one row: a flat object.
    package var listed: Document?
    /// A line above the table.
    package var heading: String?
    package var emphasis: (@Sendable (String, Document) -> Emphasis?)?

    package init(
        schema: String, body: Document, rows: String? = nil, columns: [Table.Column] = [], heading: String? = nil,
        emphasis: (@Sendable (String, Document) -> Emphasis?)? = nil
    ) {
        self.schema = schema
        self.body = body
        self.rows = rows
        self.columns = columns
        self.heading = heading
        self.emphasis = emphasis
    }

    /// What goes to the standard output, with a line feed at its end.
    package func rendered(_ format: OutputFormat, on terminal: Terminal = Terminal()) -> String {
        switch format {
        case .json: return JSONWriter.indented(whole) + "\n"
        case .yaml: return YAMLWriter.text(whole)
        case .csv:
            let columns = table.columns
            var out = CSVWriter.record(columns.map(\.member), escaping: terminal.outputIsTerminal)
            for row in table.rows {
                out += CSVWriter.record(columns.map { CSVWriter.cell($0.value(in: row)) }, escaping: terminal.outputIsTerminal)
            }
            return out
        case .table:
            var out = heading.map { Emphasis.heading.applied(to: HumanText.escaped($0), terminal.coloursOutput) + "\n" } ?? ""
            out += rows == nil && columns.isEmpty ? list(colours: terminal.coloursOutput) : table.rendered(colours: terminal.coloursOutput)
            return out
        }
    }

    private var whole: Document { .object([.init("schema", .string(schema))] + (body.members ?? [])) }

    private var table: Table {
        let rows = rows.map { body[$0]?.array ?? [] } ?? [listed ?? body]
        return columns.isEmpty ? Table(rows: rows) : Table(columns: columns, rows: rows, emphasis: emphasis)
    }

    /// A single object: its members below one another.
    private func list(colours: Bool) -> String {
        let members = (listed ?? body).members ?? []
        let width = members.map { HumanText.width(HumanText.escaped($0.name)) }.max() ?? 0
        var out = ""
        for member in members {
            let name = HumanText.escaped(member.name)
            let gap = String(repeating: " ", count: width - HumanText.width(name) + 2)
            let text = Table.text(member.value, .plain)
            out += name + gap + (emphasis?(member.name, member.value).map { $0.applied(to: text, colours) } ?? text) + "\n"
        }
        return out
    }
}
