import Access
import Catalogue
import Core
import Cryptography
import Glibc
import LMDB
import Records

/// Writes as most are, from the entry's bytes to the records' bytes: what an import or a partner's system sends. Some microseconds a record are saved, on
/// every replica.
///
/// Only what takes effect goes this way. A put that anything speaks against is looked at again in the general way, which says what; so is whatever is not
/// plain. What both ways can do they do alike (Tests/StoreTests/PlainTests).
extension Applier {
    /// What a put will do, found before anything is written.
    private struct PlainEffect {
        let put: PlainPut
        /// Where its record lies in `records`.
        let record: Range<Int>
        let dataset: DatasetID
        /// That of the record which it replaces.
        let old: Digest?
    }

    /// Applies the write if nothing speaks against it; otherwise nil, and nothing is changed.
    func apply(_ write: PlainWrite, at entry: LogEntry, _ transaction: inout WriteTransaction) throws(StoreError) -> CommandOutcome? {
        guard let principal = catalogue.principal(write.header.principal), principal.active else { return nil }
        guard !write.puts.isEmpty, write.puts.count <= Limits.batchOperations else { return nil }
        let bytes = entry.payload.span.bytes
        guard Self.areDistinct(write.puts, in: bytes) else { return nil }
        var records: [UInt8] = []
        swap(&records, &self.records)
        defer {
            records.removeAll(keepingCapacity: true)
            swap(&records, &self.records)
        }
        var effects: [PlainEffect] = []
        effects.reserveCapacity(write.puts.count)
        var dataset: Dataset?
        for put in write.puts {
            if dataset?.id != put.dataset {
                guard let found = catalogue.dataset(put.dataset),
                    let plan = plans.plan(principal: principal.id, dataset: put.dataset, in: catalogue, at: entry.time), plan.allows(.put, of: found)
                else { return nil }
                dataset = found
            }
            guard let dataset, let effect = try effect(of: put, on: dataset, in: bytes, at: entry, &records, transaction) else { return nil }
            effects.append(effect)
        }
        for effect in effects { try take(effect, in: bytes, records.span.bytes.extracting(effect.record), &transaction) }
        return .written(entry.index)
    }

    /// Whether no key stands twice: mostly they ascend, as in an import.
    private static func areDistinct(_ puts: [PlainPut], in bytes: RawSpan) -> Bool {
        func order(_ a: PlainPut, _ b: PlainPut) -> Int {
            if a.dataset != b.dataset { return a.dataset < b.dataset ? -1 : 1 }
            return bytes.extracting(a.key).order(bytes.extracting(b.key))
        }
        func ascend(_ puts: [PlainPut]) -> Bool {
            for place in puts.indices.dropFirst() where order(puts[place - 1], puts[place]) >= 0 { return false }
            return true
        }
        return ascend(puts) || ascend(puts.sorted { order($0, $1) < 0 })
    }

    /// Nil if something speaks against the put; its record is appended to `records`.
    private func effect(
        of put: PlainPut, on dataset: Dataset, in bytes: RawSpan, at entry: LogEntry, _ records: inout [UInt8], _ transaction: borrowing WriteTransaction
    ) throws(StoreError) -> PlainEffect? {
        let key = RecordKey(dataset.id, bytes.extracting(put.key))
        var old: Digest?
        if let existing = try found(key, transaction) {
            try Self.expectSound(existing, key, dataset.id)
            old = digest(key.bytes, existing)
        }
        let start = records.count
        let isAllowed = dataset.schema.append(recordOf: put, in: bytes, modifiedAt: entry.index, time: Self.time(of: entry), to: &records)
        guard isAllowed, try codesAreListed(in: records.span.bytes.extracting(start..<records.count), dataset, transaction) else { return nil }
        return PlainEffect(put: put, record: start..<records.count, dataset: dataset.id, old: old)
    }

    /// Whether every code is a key of its list, of those that everybody sees.
    private func codesAreListed(in record: RawSpan, _ dataset: Dataset, _ transaction: borrowing WriteTransaction) throws(StoreError) -> Bool {
        guard !dataset.schema.codeLists.isEmpty else { return true }
        let view: RecordView
        do throws(RecordError) { view = try RecordView(record) } catch { return false }
        for (field, list) in dataset.schema.codeLists {
            guard let slot = view.slot(of: field), slot.length >= 0 else { continue }
            let code = view.content(slot)
            guard slot.kind == .string, (1...Limits.recordKeyBytes).contains(code.byteCount), let codes = catalogue.dataset(list),
                codes.sharing != .sharedOnRequest
            else { return false }
            let key = RecordKey(list, code)
            guard let listed = try found(key, transaction) else { return false }
            try Self.expectSound(listed, key, list)
        }
        return true
    }

    /// Writes the record and keeps the dataset's figures.
    private func take(_ effect: PlainEffect, in bytes: RawSpan, _ record: RawSpan, _ transaction: inout WriteTransaction) throws(StoreError) {
        let key = RecordKey(effect.dataset, bytes.extracting(effect.put.key))
        let new = digest(key.bytes, record)
        try adjust(effect.dataset, transaction) { figures in
            if let old = effect.old { figures.digest = figures.digest &- old } else { figures.records += 1 }
            figures.digest = figures.digest &+ new
        }
        do throws(LMDBError) { try transaction.set(databases.records, key.bytes, record) } catch { throw .environment(error) }
    }

    private func digest(_ key: RawSpan, _ record: RawSpan) -> Digest {
        hash.update(key)
        hash.update(record)
        return hash.finish()
    }

    @_lifetime(borrow transaction)
    private func found(_ key: borrowing RecordKey, _ transaction: borrowing WriteTransaction) throws(StoreError) -> RawSpan? {
        do throws(LMDBError) { return try transaction.find(databases.records, key.bytes) } catch { throw .environment(error) }
    }

    private static func expectSound(_ record: RawSpan, _ key: borrowing RecordKey, _ dataset: DatasetID) throws(StoreError) {
        do throws(RecordError) { try RecordView(record).verify(key: key.bytes.extracting(4..<key.bytes.byteCount)) } catch {
            throw .corruptRecord(dataset: dataset)
        }
    }
}

extension RawSpan {
    /// Below zero, zero or above it: the order of the bytes.
    fileprivate func order(_ other: RawSpan) -> Int {
        withUnsafeBytes { a in
            other.withUnsafeBytes { b in
                let order = memcmp(a.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!, b.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!, min(a.count, b.count))
                return order != 0 ? Int(order) : a.count - b.count
            }
        }
    }
}
