import ArgumentParser
import Console
import KhoClient

/// `kho scan`
struct ScanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scan", abstract: "Reads the records that are selected and may be seen, in the order of their keys.",
        discussion: "Prints while it reads, however many there are. Goes on at another node when its node fails.")
    @OptionGroup var records: RecordOptions
    @OptionGroup var selection: SelectionOptions
    @Option(help: ArgumentHelp("At most so many records.", valueName: "number"))
    var limit: UInt32?
    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let client = try await cluster.client()
        defer { client.close() }
        let (rows, options) = try await records.looked(up: client)
        let selection = try selection.selection(in: rows.dataset)
        var pages = RecordPages(rows: rows, format: output.output, terminal: .current())
        StandardStreams.write(pages.begin())
        do throws(KhoError) {
            var records = client.scan(rows.dataset.id, selection, limit: limit, options).makeAsyncIterator()
            while let record = try await records.next() { StandardStreams.write(pages.take(record)) }
        } catch {
            StandardStreams.write(pages.flush())
            throw CommandError(error)
        }
        StandardStreams.write(pages.end())
    }
}

/// Many records as text, page by page, so that memory does not grow with their number. JSON is one document, `{schema, dataset, records: […]}`, with a
/// record a line; the table's heading stands above the first page, and its columns may get wider with later ones.
struct RecordPages {
    let rows: RecordRows
    let format: OutputFormat
    let terminal: Terminal
    private var page: [Document] = []
    private var widths: [Int]?
    private var count = 0

    /// Rows of one page.
    private static let pageRows = 200

    init(rows: RecordRows, format: OutputFormat, terminal: Terminal) {
        self.rows = rows
        self.format = format
        self.terminal = terminal
    }

    private static let schema = "kho.records/1"

    /// What stands before the first record.
    mutating func begin() -> String {
        switch format {
        case .table: ""
        case .csv: CSVWriter.record(rows.columns.map(\.title), escaping: terminal.outputIsTerminal)
        case .json:
            "{\n  \"schema\": \"\(Self.schema)\",\n  \"dataset\": \(JSONWriter.compact(.string(rows.dataset.code))),\n  \"records\": ["
        case .yaml: YAMLWriter.text(["schema": .string(Self.schema), "dataset": .string(rows.dataset.code)])
        }
    }

    /// What is to be printed now.
    mutating func take(_ record: Record) -> String {
        page.append(rows.document(of: record))
        return page.count == Self.pageRows ? flush() : ""
    }

    /// What is not printed yet.
    mutating func flush() -> String {
        defer { page = [] }
        switch format {
        case .table:
            guard !page.isEmpty || widths == nil else { return "" }
            return Table(columns: rows.columns, rows: page, emphasis: RecordRows.emphasis).page(&widths, colours: terminal.coloursOutput)
        case .csv:
            let columns = rows.columns
            return page.map { row in CSVWriter.record(columns.map { CSVWriter.cell($0.value(in: row)) }, escaping: terminal.outputIsTerminal) }.joined()
        case .json:
            return page.map { row in
                count += 1
                return (count == 1 ? "\n    " : ",\n    ") + JSONWriter.compact(row)
            }.joined()
        case .yaml:
            guard !page.isEmpty else { return "" }
            defer { count += page.count }
            let text = YAMLWriter.text(["records": .array(page)])
            return count == 0 ? text : String(text.drop { $0 != "\n" }.dropFirst())
        }
    }

    mutating func end() -> String {
        let rest = flush()
        return switch format {
        case .table, .csv: rest
        case .json: rest + (count == 0 ? "]\n}\n" : "\n  ]\n}\n")
        case .yaml: count == 0 ? "records: []\n" : rest
        }
    }
}
