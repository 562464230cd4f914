import Core
import Records
import Wire

extension KhoClient {
    /// The datasets of which this principal sees something.
    public func describe(deadline: Duration? = nil) async throws(KhoError) -> [DatasetDescription] {
        var all: [DatasetDescription] = []
        while true {
            let part = try await describe("", DatasetID(0), after: all.last?.id ?? DatasetID(0), deadline)
            all += part.datasets
            // A list that does not get on would never end.
            guard part.more, let last = part.datasets.last, last.id == all.last?.id else { return all }
        }
    }

    /// The dataset of this code as this principal sees it; nil if there is none, or nothing of it is visible.
    public func describe(code: String, deadline: Duration? = nil) async throws(KhoError) -> DatasetDescription? {
        guard !code.isEmpty, code.utf8.count <= Limits.nameBytes else { throw .invalid("a code has 1 to \(Limits.nameBytes) bytes") }
        return try await describe(code, DatasetID(0), after: DatasetID(0), deadline).datasets.first
    }

    /// The same by the dataset's number.
    public func describe(_ dataset: DatasetID, deadline: Duration? = nil) async throws(KhoError) -> DatasetDescription? {
        guard dataset != DatasetID(0) else { throw .invalid("no dataset has the number 0") }
        return try await describe("", dataset, after: DatasetID(0), deadline).datasets.first
    }

    private func describe(
        _ code: String, _ dataset: DatasetID, after: DatasetID, _ deadline: Duration?
    ) async throws(KhoError) -> Description {
        var attempt = Attempt(deadline: self.deadline(deadline), .always)
        let answer = try await requester.call(.describe, &attempt) { handle in
            Describe(preamble: RequestPreamble(handle: handle, dataset: dataset), code: code, after: after).encodedBody
        }
        return try answer.decoded(as: Description.self, .description)
    }

    /// The record of this key; nil if there is none, or this principal may not see it.
    public func get(
        _ key: [UInt8], from dataset: DatasetID, _ options: ReadOptions = ReadOptions()
    ) async throws(KhoError) -> KhoReply<Record?> {
        try Arguments.check(key: key)
        let preamble = try options.preamble(dataset)
        var attempt = Attempt(deadline: deadline(options.deadline), .always)
        let answer = try await requester.call(.get, &attempt) { handle in
            Get(preamble: preamble.with(handle: handle), key: key).encodedBody
        }
        let reply = try answer.decoded(as: RecordReply.self, .record)
        guard let bytes = reply.record else { return KhoReply(value: nil, info: reply.info) }
        return KhoReply(value: try Record.answered(bytes, key: key), info: reply.info)
    }

    /// The records of these keys, in their order; any number of keys. `info` is the last part's; more than `Limits.multigetKeys` keys, or large
    /// records, are read in several parts, each of its own moment.
    public func multiGet(
        _ keys: [[UInt8]], from dataset: DatasetID, _ options: ReadOptions = ReadOptions()
    ) async throws(KhoError) -> KhoReply<[Record?]> {
        for key in keys { try Arguments.check(key: key) }
        guard !keys.isEmpty else { throw .invalid("there must be a key") }
        let preamble = try options.preamble(dataset)
        var attempt = Attempt(deadline: deadline(options.deadline), .always)
        var records: [Record?] = []
        while true {
            let part = Array(keys[records.count..<min(keys.count, records.count + Limits.multigetKeys)])
            let answer = try await requester.call(.multiGet, &attempt) { handle in
                MultiGet(preamble: preamble.with(handle: handle), keys: part).encodedBody
            }
            let reply = try answer.decoded(as: RecordsReply.self, .records)
            guard (1...part.count).contains(reply.records.count) else {
                throw .brokenAnswer("\(reply.records.count) records for \(part.count) keys")
            }
            for (key, bytes) in zip(part, reply.records) {
                if let bytes { records.append(try Record.answered(bytes, key: key)) } else { records.append(nil) }
            }
            if records.count == keys.count { return KhoReply(value: records, info: reply.info) }
        }
    }

    /// The number of the records that are selected and visible. Counted step by step, each of its own moment; the deadline is each step's.
    public func count(
        _ dataset: DatasetID, _ selection: Selection = Selection(), _ options: ReadOptions = ReadOptions()
    ) async throws(KhoError) -> KhoReply<UInt64> {
        try Arguments.check(selection)
        let preamble = try options.preamble(dataset)
        var attempt = Attempt(deadline: deadline(options.deadline), .always)
        var total: UInt64 = 0
        var token: [UInt8] = []
        while true {
            let from = token
            let answer = try await requester.call(.count, &attempt) { handle in
                Count(preamble: preamble.with(handle: handle), selection: selection, token: from).encodedBody
            }
            let reply = try answer.decoded(as: Counted.self, .counted)
            total += reply.records
            guard !reply.token.isEmpty else { return KhoReply(value: total, info: reply.info) }
            token = reply.token
            attempt.succeeded(next: deadline(options.deadline))
        }
    }

    /// The selected records in the order of their keys, read as they are asked for. `limit`: records in all, nil for no limit. Goes on at another node when
    /// the connection is lost; each batch is of its own moment. The deadline is each batch's.
    public func scan(
        _ dataset: DatasetID, _ selection: Selection = Selection(), limit: UInt32? = nil, batchRecords: UInt16 = 0,
        _ options: ReadOptions = ReadOptions()
    ) -> KhoScan {
        KhoScan(client: self, dataset: dataset, selection: selection, limit: limit, batchRecords: batchRecords, options: options)
    }
}
