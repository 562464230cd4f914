import BenchMeasure

/// What became of the operations of one kind, on one thread; those of several are merged.
package struct KindRecorder: Sendable {
    package var answers: UInt64 = 0
    /// Records in them: of an import, more than answers.
    package var records: UInt64 = 0
    package var absent: UInt64 = 0
    package var errors: UInt64 = 0
    package var denied: UInt64 = 0
    package var service = LatencyHistogram()
    /// Of open loads.
    package var response: LatencyHistogram?
    package var errorSamples: [String] = []
    static let errorSamplesMax = 10

    package init(isOpen: Bool) { if isOpen { response = LatencyHistogram() } }

    /// An answer that took so long, of a load that is not made of connections.
    package mutating func took(_ nanoseconds: UInt64, records: UInt64 = 1, isAbsent: Bool = false) {
        answers += 1
        self.records += records
        if isAbsent { absent += 1 }
        service.record(nanoseconds)
    }

    package mutating func add(_ other: KindRecorder) {
        answers += other.answers
        records += other.records
        absent += other.absent
        errors += other.errors
        denied += other.denied
        service.add(other.service)
        if let more = other.response { response?.add(more) }
        for text in other.errorSamples where errorSamples.count < Self.errorSamplesMax && !errorSamples.contains(text) { errorSamples.append(text) }
    }
}

/// The writes of a thread as far as a check needs them: of each record, when the last acknowledged write of it was sent. A record's final stamp must not be
/// older than that by more than the longest write took, or an acknowledged write was lost. Of imports, which write each record once, the acknowledged batches.
package struct WriteLedger: Sendable {
    package private(set) var sent: [UInt64: UInt64] = [:]
    package private(set) var longest: UInt64 = 0
    package private(set) var batches: [Operation] = []
    /// More are not remembered: enough to check a sample.
    package static let recordsMax = 200_000, batchesMax = 200_000

    mutating func acknowledged(_ record: UInt64, sentAt: UInt64, now: UInt64) {
        longest = max(longest, now - sentAt)
        if let known = sent[record] {
            if known < sentAt { sent[record] = sentAt }
        } else if sent.count < Self.recordsMax {
            sent[record] = sentAt
        }
    }

    mutating func acknowledged(_ batch: Operation) { if batches.count < Self.batchesMax { batches.append(batch) } }

    mutating func add(_ other: WriteLedger) {
        batches += other.batches
        longest = max(longest, other.longest)
        sent.merge(other.sent) { max($0, $1) }
    }
}
