import Configuration
import Console
import Core
import KhoClient

/// How a file is imported.
struct ImportOptions: Sendable {
    /// Records that are written together; fewer where they are large.
    var batchRecords = 512
    /// Batches under way at a time.
    var concurrency = 8
    /// Without an acknowledgement for so long, the import fails.
    var timeout = Duration.seconds(60)
    /// Only the rules are checked that can be without a node; nothing is written.
    var isDryRun = false
    /// Where to keep how far it has come; nil for nowhere.
    var statePath: String?
    /// Where to write the lines that are not taken; nil for nowhere.
    var rejectsPath: String?
}

/// What an import did, those before it that it goes on with included.
struct ImportSummary: Sendable {
    var state: ImportState
    var milliseconds: Double
    /// Records that this run wrote.
    var writtenNow: Int
    /// The first lines that were not taken.
    var firstRejects: [Reject]

    var recordsPerSecond: Double { milliseconds > 0 ? Double(writtenNow) * 1_000 / milliseconds : 0 }
}

/// Why an import ended before the end of the file.
enum ImportFailure: Error {
    case client(KhoError)
    case command(CommandError)
}

/// Imports a file: makes batches of its records, keeps several under way, and settles them in the order of the file. Owned by one task.
final class Importer {
    private let rows: any ImportRows
    private let sender: BatchSender
    private let options: ImportOptions
    private let progress: (Int) -> Void
    private var state: ImportState
    private var rejects: RejectsFile?

    private var nextNumber = 0
    private var isAtEnd = false
    private var failure: ImportFailure?
    /// What is wrong with the file, so that its rest cannot be read.
    private var fault: CommandError?
    /// Settled, but a batch before it is not.
    private var early: [Int: BatchOutcome] = [:]
    private var nextToSettle = 0
    private var writtenNow = 0
    private var firstRejects: [Reject] = []
    private var savedAt = MonotonicTime.now()

    private static let batchBytes = 1 << 20
    private static let saveMilliseconds: UInt64 = 500
    private static let firstRejectsMax = 10

    /// - Parameter state: a new one, or that of an interrupted import of the same file, which is gone on with.
    /// - Parameter progress: is told the last settled line.
    init(
        _ rows: any ImportRows, into dataset: DatasetDescription, by client: KhoClient, from state: ImportState, _ options: ImportOptions,
        progress: @escaping (Int) -> Void = { _ in }
    ) throws(ImportFailure) {
        self.rows = rows
        self.options = options
        self.state = state
        self.progress = progress
        sender = BatchSender(client: client, dataset: dataset, timeout: options.timeout)
        guard let path = options.rejectsPath else { return }
        do throws(FileError) {
            rejects = try state.rejectsBytes > 0 ? RejectsFile(resuming: path, at: state.rejectsBytes) : RejectsFile(path: path)
        } catch { throw .command(.file(error.description)) }
    }

    /// Ends when everything is settled, or nothing can be any more; then the state says how far it came.
    func run() async throws(ImportFailure) -> ImportSummary {
        let begun = MonotonicTime.now()
        let sender = sender
        await withTaskGroup(of: BatchOutcome.self) { group in
            var underWay = 0
            while true {
                while failure == nil, !isAtEnd, underWay < options.concurrency {
                    let batch = nextBatch()
                    guard !batch.records.isEmpty, !options.isDryRun else {
                        take(BatchOutcome(number: batch.number, lastLine: batch.lastLine, read: batch.read, rejects: batch.rejects))
                        continue
                    }
                    underWay += 1
                    group.addTask { await sender.send(batch) }
                }
                guard let outcome = await group.next() else { break }
                underWay -= 1
                take(outcome)
            }
        }
        if let fault, let line = fault.line, rejects != nil {
            do throws(FileError) { try rejects?.write([Reject(line: line, rule: .unreadable, message: fault.message)]) } catch { fail(error) }
        }
        save(force: true)
        // The mended file is another one, so there is nothing to go on with.
        if fault != nil, let path = options.statePath { ImportState.remove(path) }
        if let failure { throw failure }
        if let path = options.statePath { ImportState.remove(path) }
        return ImportSummary(
            state: state, milliseconds: MonotonicTime.now().milliseconds(since: begun), writtenNow: writtenNow, firstRejects: firstRejects)
    }

    // MARK: Reading

    private func nextBatch() -> ImportBatch {
        var batch = ImportBatch(number: nextNumber, lastLine: state.line)
        nextNumber += 1
        batch.records.reserveCapacity(options.batchRecords)
        // Lines without a record count too, so that a file of rejects does not gather in memory.
        while batch.read < options.batchRecords, batch.bytes < Self.batchBytes {
            let row: (line: Int, outcome: RecordMapping.Outcome)?
            do throws(CommandError) { row = try rows.next() } catch {
                failure = .command(error)
                fault = error.line == nil ? nil : error
                break
            }
            guard let row else {
                isAtEnd = true
                break
            }
            guard row.line > state.line else { continue }
            batch.lastLine = row.line
            batch.read += 1
            switch row.outcome {
            case let .rejected(rejects): batch.rejects += rejects
            case let .record(record):
                batch.bytes += record.wireBytes
                batch.records.append(record)
            }
        }
        return batch
    }

    // MARK: Settling

    private func take(_ outcome: BatchOutcome) {
        if let error = outcome.failure {
            if failure == nil { failure = .client(error) }
            return
        }
        early[outcome.number] = outcome
        while let next = early.removeValue(forKey: nextToSettle) {
            nextToSettle += 1
            settle(next)
        }
        progress(state.line)
        save(force: false)
    }

    private func settle(_ outcome: BatchOutcome) {
        state.line = max(state.line, outcome.lastLine)
        state.read += outcome.read
        state.written += outcome.written
        writtenNow += outcome.written
        state.rejected += Set(outcome.rejects.map(\.line)).count
        state.index = max(state.index, outcome.index.rawValue)
        for reject in outcome.rejects where firstRejects.count < Self.firstRejectsMax { firstRejects.append(reject) }
        guard !outcome.rejects.isEmpty, rejects != nil else { return }
        do throws(FileError) { try rejects?.write(outcome.rejects) } catch { fail(error) }
    }

    private func fail(_ error: FileError) {
        if failure == nil { failure = .command(.file(error.description)) }
    }

    /// The rejects first: what the state calls settled must be in their file.
    private func save(force: Bool) {
        let now = MonotonicTime.now()
        guard force || now > savedAt.adding(milliseconds: Self.saveMilliseconds) else { return }
        savedAt = now
        do throws(FileError) { try rejects?.flush() } catch { return fail(error) }
        guard let path = options.statePath, !options.isDryRun else { return }
        state.rejectsBytes = rejects?.bytes ?? 0
        do throws(CommandError) { try state.save(path) } catch { if failure == nil { failure = .command(error) } }
    }
}

extension MappedRecord {
    /// About as many bytes as it takes in a frame.
    fileprivate var wireBytes: Int {
        values.reduce(32 + key.count) { sum, field in
            switch field.1 {
            case let .string(text): sum + 7 + text.utf8.count
            case let .bytes(bytes): sum + 7 + bytes.count
            case let .list(texts): sum + 7 + texts.reduce(0) { $0 + 2 + $1.utf8.count }
            default: sum + 16
            }
        }
    }
}
