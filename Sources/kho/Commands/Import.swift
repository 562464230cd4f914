import ArgumentParser
import Configuration
import Console
import Core
import KhoClient

/// `kho import`
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Writes the records of a file into a dataset.",
        discussion: """
            CSV needs a header line, JSON lines an object a line; the names are the key's and the fields'. In CSV an empty cell is null \
            and "" a text without letters. Each line replaces the record of its key.

            Of two lines with one key the first counts, and the other is not taken.

            How far it has come is kept in FILE.kho-import: after an interruption, --resume goes on behind the last line that is settled. \
            A file that was changed is another one: where it ends in a mistake, as a quotation mark that is never closed, mend it and begin anew. \
            Exit status 0 if every line was taken, 65 if some were not; all others are written then.
            """)

    @Argument(help: ArgumentHelp("The dataset's code.", valueName: "dataset"))
    var dataset: String
    @Option(name: .shortAndLong, help: ArgumentHelp("The file; - for the standard input.", valueName: "file"), completion: .file())
    var file: String
    @Option(help: "What is in the file, if its name does not say.")
    var format: TransferFormat?
    @Option(help: ArgumentHelp("Where to write the lines that are not taken: line, column, rule (CSV).", valueName: "file"), completion: .file())
    var rejects: String?
    @Option(help: ArgumentHelp("Records that are written together.", valueName: "n"))
    var batch = ImportOptions().batchRecords
    @Option(help: ArgumentHelp("Batches under way at a time.", valueName: "n"))
    var concurrency = ImportOptions().concurrency
    @Flag(help: "Go on with an import that was interrupted.")
    var resume = false
    @Flag(help: "Check the lines and write nothing. Code lists are not looked at.")
    var dryRun = false
    @Flag(help: "Put texts into Unicode normalisation form C instead of refusing them.")
    var normalise = false
    @OptionGroup var transfer: TransferOptions
    @OptionGroup var output: OutputOptions

    mutating func validate() throws {
        guard (1...Limits.batchOperations).contains(batch) else { throw ValidationError("--batch must be from 1 to \(Limits.batchOperations)") }
        guard (1...Limits.sessionAnswers).contains(concurrency) else { throw ValidationError("--concurrency must be from 1 to \(Limits.sessionAnswers)") }
        guard !resume || file != "-" else { throw ValidationError("only the import of a file can be resumed") }
    }

    func run() async throws {
        let format = try TransferOptions.format(format, file: file)
        let fingerprint = ImportState.Fingerprint(of: file)
        let statePath = fingerprint == nil || dryRun ? nil : ImportState.path(for: file)
        let source: ByteSource
        do throws(FileError) { source = try ByteSource(path: file) } catch { throw CommandError.file(error) }
        let client = try await transfer.client()
        defer { client.close() }
        let dataset = try await client.dataset(named: dataset)
        let rows = try format.rows(source, of: dataset, normalises: normalise)

        var state = ImportState(dataset: dataset.code, file: fingerprint ?? .init(size: 0, modified: 0, prefix: 0))
        if resume, let statePath {
            state = try ImportState(statePath, dataset: dataset.code, file: state.file)
            StandardStreams.writeError("kho: going on behind line \(HumanText.grouped(state.line))\n")
        } else if let statePath, FileAccess.exists(statePath) {
            StandardStreams.writeError("kho: an earlier import of this file was interrupted; this one begins anew (--resume goes on)\n")
        }
        var options = ImportOptions(batchRecords: batch, concurrency: concurrency, timeout: transfer.timeout.duration, isDryRun: dryRun)
        options.statePath = statePath
        options.rejectsPath = rejects
        let bar = ImportBar(lines: fingerprint == nil ? nil : LineCount.of(file), from: state.line)
        let summary: ImportSummary
        do throws(ImportFailure) {
            summary = try await Importer(rows, into: dataset, by: client, from: state, options, progress: bar.update).run()
        } catch {
            bar.finish()
            throw interrupted(error, statePath)
        }
        bar.finish()
        report(summary)
        if summary.state.rejected > 0 { throw ExitCode(ExitStatus.badData.rawValue) }
    }

    private func interrupted(_ failure: ImportFailure, _ statePath: String?) -> CommandError {
        var error: CommandError
        switch failure {
        case let .command(failure):
            error = failure
            if let line = failure.line {
                error.details.append("the lines before it are settled; those behind it were not read")
                error.remedy = "mend line \(line) of \(file == "-" ? "the input" : file), then the same command" + (resume ? " without --resume" : "")
                return error
            }
        case let .client(failure):
            error = CommandError(failure)
            if failure.retry == .later || failure == .outcomeUnknown { error.status = .tryAgain }
        }
        guard statePath != nil else { return error }
        error.details.append("what was acknowledged is kept; the lines before are noted")
        error.remedy = "kho import \(dataset) -f \(file) --resume" + (rejects.map { " --rejects \($0)" } ?? "")
        return error
    }

    private func report(_ summary: ImportSummary) {
        let state = summary.state
        if state.rejected > 0 {
            let what = state.rejected == 1 ? "one record was not taken" : "\(HumanText.grouped(state.rejected)) records were not taken"
            StandardStreams.writeError("kho: \(what)" + (rejects.map { "; see \($0)\n" } ?? "\n"))
            for reject in summary.firstRejects {
                let place = reject.column.map { "\(file):\(reject.line): \($0)" } ?? "\(file):\(reject.line)"
                StandardStreams.writeError("  \(HumanText.escaped("\(place): \(reject.message)"))\n")
            }
        }
        var members: [Document.Member] = [
            .init("dataset", .string(state.dataset)), .init("read", .int(Int64(state.read))), .init("written", .int(Int64(state.written))),
            .init("rejected", .int(Int64(state.rejected))), .init("seconds", .double((summary.milliseconds / 10).rounded() / 100)),
            .init("records_per_second", .int(Int64(summary.recordsPerSecond))), .init("last_index", .int(Int64(state.index))),
        ]
        if dryRun { members.append(.init("dry_run", true)) }
        output.print(Report(schema: "kho.import/1", body: .object(members)))
    }
}

/// The progress of an import in lines of its file.
final class ImportBar {
    private var progress: Progress
    private var line: Int
    private let start: Int

    init(lines: Int?, from start: Int) {
        self.start = start
        line = start
        progress = Progress(ProgressState(title: "import", total: lines.map { max(0, $0 - start) }, unit: "lines"), on: Terminal.current())
    }

    func update(_ line: Int) {
        self.line = line
        progress.update(line - start)
    }

    func finish() { progress.finish(line - start) }
}

/// Counts the lines of a file, for what remains of an import.
enum LineCount {
    /// nil if the file cannot be read.
    static func of(_ path: String) -> Int? {
        guard var source = try? ByteSource(path: path) else { return nil }
        var buffer: [UInt8] = []
        var lines = 0
        var last: UInt8 = 0x0A
        repeat {
            guard (try? source.read(into: &buffer)) != nil else { return nil }
            lines += buffer.reduce(0) { $1 == 0x0A ? $0 + 1 : $0 }
            last = buffer.last ?? last
        } while !buffer.isEmpty
        return last == 0x0A ? lines : lines + 1
    }
}
