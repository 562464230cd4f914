import ArgumentParser
import Configuration
import Console
import Core
import KhoClient

/// `kho export`
struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Writes the records that are selected and may be seen to a file.",
        discussion: """
            In the order of their keys, as kho import reads them. In CSV an empty cell is null and "" a text without letters. A value that you may not \
            see in a record is {"withheld":true} in both formats, and is refused by an import.

            To be able to export is to be able to scan: the rights are those of scan, and an agreement that gives export alone gives nothing here.

            Records that change meanwhile may be there as they were before or after. A file's progress is kept in FILE.kho-export: after an \
            interruption, --resume goes on behind the last record in the file.
            """)

    @Argument(help: ArgumentHelp("The dataset's code.", valueName: "dataset"))
    var dataset: String
    @Option(name: .shortAndLong, help: ArgumentHelp("The file; the standard output without it.", valueName: "file"), completion: .file())
    var file: String?
    @Option(
        name: [.customShort("o"), .customLong("output"), .customLong("format")],
        help: "What to write, if the file's name does not say; csv on the standard output. json means jsonl: an object a line.")
    var format: TransferFormat?
    @Option(name: .customLong("where"), help: ArgumentHelp("A condition as in SQL. A withheld value fulfils nothing.", valueName: "filter"))
    var filter = ""
    @Option(help: ArgumentHelp("Only these fields, separated by commas.", valueName: "names"))
    var fields: String?
    @Flag(help: "Go on with an export that was interrupted.")
    var resume = false
    @OptionGroup var transfer: TransferOptions

    mutating func validate() throws {
        guard !resume || file != nil else { throw ValidationError("only an export to a file can be resumed") }
    }

    func run() async throws {
        let format = try file.map { file throws(CommandError) in try TransferOptions.format(self.format, file: file) } ?? self.format ?? .csv
        let client = try await transfer.client()
        defer { client.close() }
        let dataset = try await client.dataset(named: dataset)
        if !filter.isEmpty { try dataset.check(filter: filter) }
        let chosen = try dataset.fields(named: fields)
        let text = RecordText(format: format, dataset: dataset, fields: chosen)
        let question = ExportFile.Question(
            dataset: dataset.code, format: format.rawValue, filter: filter, fields: chosen.map(\.name).joined(separator: ","))
        var output = try ExportFile.open(file, question, resuming: resume)
        if output.lastKey == nil { output.write(header: text.header) }
        let last = output.lastKey
        let selection = Selection(from: last ?? [], filter: filter)
        let old = output.records
        var progress = Progress(ProgressState(title: "export", total: nil, unit: "records"), on: Terminal.current())
        let begun = MonotonicTime.now()
        do throws(KhoError) {
            let ids = fields == nil ? nil : chosen.map(\.id)
            for try await record in client.scan(dataset.id, selection, ReadOptions(fields: ids, deadline: transfer.timeout.duration)) {
                // A range begins with its first key.
                if record.key == last { continue }
                do { try output.write(text.line(record), key: record.key) } catch { throw KhoError.invalid("\(error)") }
                progress.update(output.records - old)
            }
        } catch {
            progress.finish(output.records - old)
            try output.save()
            var failure = CommandError(error)
            if let file, output.lastKey != nil { failure.remedy = "kho export \(dataset.code) -f \(file) --resume, with the same --where and --fields" }
            throw failure
        }
        try output.finish()
        progress.finish(output.records - old)
        let seconds = MonotonicTime.now().milliseconds(since: begun) / 1_000
        let rate = seconds > 0 ? Int(Double(output.records - old) / seconds) : 0
        StandardStreams.writeError("kho: \(HumanText.grouped(output.records)) records\(file.map { " in \($0)" } ?? ""), \(HumanText.grouped(rate))/s\n")
    }
}
