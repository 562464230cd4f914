import Console
import Core
import KhoClient

/// Records that are sent together, and what the lines among them gave that are no records.
struct ImportBatch: Sendable {
    /// Ascending from 0.
    var number: Int
    /// The last line that it speaks of.
    var lastLine = 0
    /// Lines of the file in it, taken or not.
    var read = 0
    var records: [MappedRecord] = []
    var rejects: [Reject] = []
    /// About as many bytes as the records take in a frame.
    var bytes = 0
}

/// What became of a batch.
struct BatchOutcome: Sendable {
    var number: Int
    var lastLine: Int
    var read: Int
    var written = 0
    /// Of the lines that were no records, and of the records that a node refused; in the order of the file.
    var rejects: [Reject]
    /// Of the last write.
    var index = LogIndex(0)
    /// The batch is not settled.
    var failure: KhoError?
}

/// Sends a batch so that everything in it is acknowledged or named as refused.
struct BatchSender: Sendable {
    let client: KhoClient
    let dataset: DatasetDescription
    /// Without an acknowledgement for so long, the batch fails.
    let timeout: Duration

    /// A batch takes effect as a whole or not at all. Where a node refuses one of its records, the rest is sent without it, in halves as long as
    /// more is refused, so that a file in which every record is wrong does not send each of them hundreds of times.
    func send(_ batch: ImportBatch) async -> BatchOutcome {
        var outcome = BatchOutcome(number: batch.number, lastLine: batch.lastLine, read: batch.read, rejects: batch.rejects)
        var rest = batch.records[...]
        var size = max(1, rest.count)
        var refused = 0
        while !rest.isEmpty {
            let part = rest.prefix(size)
            do throws(KhoError) {
                let reply = try await acknowledged(part)
                outcome.index = max(outcome.index, reply.value)
                outcome.written += part.count
                rest = rest.dropFirst(part.count)
                size = min(batch.records.count, size * 2)
            } catch {
                guard let (place, reject) = self.reject(part, error) else {
                    outcome.failure = error
                    return outcome
                }
                if let place {
                    outcome.rejects.append(reject)
                    rest.remove(at: rest.startIndex + place)
                    refused += 1
                }
                // The first one may be alone.
                if refused != 1 || place == nil { size = max(1, size / 2) }
            }
        }
        if !outcome.rejects.isEmpty { outcome.rejects.sort { $0.line < $1.line } }
        return outcome
    }

    private func acknowledged(_ records: ArraySlice<MappedRecord>) async throws(KhoError) -> KhoReply<LogIndex> {
        let operations = records.map { record in
            WriteOperation(
                kind: .put, dataset: dataset.id, key: record.key, fields: record.values.map { WriteOperation.Field($0.0, $0.1) })
        }
        let end = MonotonicTime.now().adding(milliseconds: UInt64(max(0, timeout.components.seconds)) * 1_000)
        while true {
            do throws(KhoError) {
                return try await client.batch(operations, WriteOptions(deadline: timeout))
            } catch {
                // What the client had tried itself until the deadline, or could not: a node that answers nonsense.
                guard error.retry != .never, error != .timedOut, error != .cancelled, MonotonicTime.now() < end else { throw error }
                try? await Task.sleep(nanoseconds: 100_000_000)
            }
        }
    }

    /// The record that the error is about, and why it is not taken. The place is nil if it is one of several, which a smaller batch tells; all is nil
    /// if the error is not about a record.
    private func reject(_ part: ArraySlice<MappedRecord>, _ error: KhoError) -> (place: Int?, Reject)? {
        guard let first = part.first else { return nil }
        func one(_ place: Int, _ column: String?, _ rule: Reject.Rule, _ message: String) -> (Int?, Reject) {
            (place, Reject(line: part[part.startIndex + place].line, column: column, rule: rule, message: message))
        }
        switch error {
        case let .node(error) where [.invalid, .tooLarge, .conflict, .notFound].contains(error.errorClass):
            guard let place = error.operation ?? (part.count == 1 ? 0 : nil), place < part.count else {
                return (nil, Reject(line: first.line, rule: .refused, message: ""))
            }
            let column = error.field.flatMap { dataset.schema.field($0)?.name }
            if let rule = error.rule { return one(place, column, .schema(rule), rule.text) }
            return one(place, column, .refused, "KHO-\(error.number): \(error.english)")
        case let .invalid(text):
            return part.count == 1 ? one(0, nil, .refused, text) : (nil, Reject(line: first.line, rule: .refused, message: ""))
        default: return nil
        }
    }
}
