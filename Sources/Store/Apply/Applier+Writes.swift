import Access
import Catalogue
import Core
import Cryptography
import LMDB
import Records

extension Applier {
    /// What an operation will do, found before anything is written: a batch takes effect as a whole or not at all, and LMDB's
    /// transaction holds other entries' writes too.
    private enum Effect {
        case put([UInt8])
        case delete
        case nothing
    }

    /// Checks the rights as of this entry, the conditions, the schema; then writes.
    func apply(_ write: WriteCommand, at entry: LogEntry, _ transaction: inout WriteTransaction) throws(StoreError) -> CommandOutcome {
        guard let principal = catalogue.principal(write.principal), principal.active else { return .rejected(Rejection(.unauthenticated)) }
        guard !write.operations.isEmpty, write.operations.count <= Limits.batchOperations else {
            return .rejected(Rejection(.invalid, text: "a batch has 1 to \(Limits.batchOperations) operations"))
        }
        var plans = PlanCache()
        var effects: [(key: [UInt8], old: [UInt8]?, effect: Effect)] = []
        effects.reserveCapacity(write.operations.count)
        var keys = Set<[UInt8]>()
        for (place, operation) in write.operations.enumerated() {
            let key = Self.key(operation.dataset, operation.key)
            guard !operation.key.isEmpty, operation.key.count <= Limits.recordKeyBytes, TextRules.isNFC(operation.key) else {
                return .rejected(Rejection(.invalid, operation: place, text: "a key is 1 to \(Limits.recordKeyBytes) bytes of UTF-8 in NFC"))
            }
            guard keys.insert(key).inserted else {
                return .rejected(Rejection(.invalid, operation: place, text: "a key stands twice in a batch"))
            }
            guard let dataset = catalogue.dataset(operation.dataset),
                let plan = plans.plan(principal: write.principal, dataset: operation.dataset, in: catalogue, at: entry.time)
            else { return .rejected(Rejection(.denied, operation: place)) }
            var old: [UInt8]?
            switch try effect(of: operation, on: &old, dataset: dataset, plan: plan, at: entry, transaction) {
            case let .success(effect): effects.append((key, old, effect))
            case let .failure(refused):
                var rejection = refused.rejection
                rejection.operation = place
                return .rejected(rejection)
            }
        }
        for (place, (key, old, effect)) in effects.enumerated() {
            let dataset = write.operations[place].dataset
            switch effect {
            case let .put(record):
                try account(dataset, key, replacing: old, by: record, transaction)
                try put(&transaction, databases.records, key, record)
            case .delete:
                try account(dataset, key, replacing: old, by: nil, transaction)
                try delete(&transaction, databases.records, key)
            case .nothing: break
            }
        }
        return .written(entry.index)
    }

    static func key(_ dataset: DatasetID, _ key: [UInt8]) -> [UInt8] {
        var out = ByteWriter(capacity: 4 + key.count)
        out.write(dataset.rawValue)
        out.write(raw: key)
        return out.bytes
    }

    private struct Refused: Error {
        let rejection: Rejection
        init(_ reason: Rejection.Reason, field: FieldID? = nil, rule: SchemaRule? = nil) {
            rejection = Rejection(reason, field: field, rule: rule)
        }
    }

    /// - Parameter existing: gets the record that is there now, found sound; nil if there is none.
    private func effect(
        of operation: WriteOperation, on existing: inout [UInt8]?, dataset: Dataset, plan: AccessPlan, at entry: LogEntry,
        _ transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Result<Effect, Refused> {
        let kind: AccessPlan.WriteKind =
            switch operation.kind {
            case .put: .put
            case .update: .update(operation.mask)
            case .delete: .delete
            }
        guard plan.allows(kind, of: dataset) else { return .failure(Refused(.denied)) }
        // Whether there is a record, and when it changed, is for those to know who may read all of it.
        #if !KHO_BUG_CONDITION_ON_HIDDEN_RECORD
        // Without it: who may not read a record learns by a condition whether it is there.
        guard operation.condition == .none || (plan.hidesNothing && plan.actions.contains(.get)) else { return .failure(Refused(.denied)) }
        #endif

        existing = try stored(dataset.id, operation.key, transaction)
        switch operation.condition {
        case .none: break
        case .absent: guard existing == nil else { return .failure(Refused(.conflict)) }
        case .present: guard existing != nil else { return .failure(Refused(.conflict)) }
        case let .modifiedAt(index):
            guard let existing, try view(existing, dataset.id, { $0.modifiedAt }) == index else { return .failure(Refused(.conflict)) }
        }
        do throws(SchemaViolation) { try dataset.schema.check(operation.fields.map { ($0.id, $0.value) }, complete: operation.kind == .put) } catch {
            if operation.kind != .delete { return .failure(Refused(.schema, field: error.field, rule: error.rule)) }
        }
        switch operation.kind {
        case .delete: return .success(existing == nil ? .nothing : .delete)
        case .put: break
        case .update:
            // One that the writer is not shown answers as one that is not there.
            guard let existing, try view(existing, dataset.id, { record throws(RecordError) in plan.shows(record) }) else {
                return .failure(Refused(.notFound))
            }
        }
        if let field = try codeNotListed(operation, dataset, at: entry, by: plan.principal, transaction) {
            return .failure(Refused(.schema, field: field, rule: .notInCodeList))
        }
        var kept: [(FieldID, Value)] = []
        if operation.kind == .update, let existing { kept = try view(existing, dataset.id, { view throws(RecordError) in try view.values() }) }
        // By the schema: every field of it, null where there is none, and none that was deleted from it.
        var fields: [(FieldID, Value, ValueKind)] = []
        fields.reserveCapacity(dataset.schema.fields.count)
        for field in dataset.schema.fields {
            let value = operation.value(of: field.id) ?? kept.first { $0.0 == field.id }?.1 ?? .null
            fields.append((field.id, value, field.kind))
        }
        // How large it is follows from the schema (`Schema.recordBytesMax`): a rule on the whole would tell how long hidden values are.
        let record = RecordCodec.encode(
            key: operation.key, schemaVersion: dataset.schema.version, modifiedAt: entry.index, time: Self.time(of: entry), fields: fields)
        return .success(.put(record))
    }

    /// The modification time of what the entry writes.
    static func time(of entry: LogEntry) -> LogTime {
        #if KHO_BUG_OWN_CLOCK_IN_RECORD
        // Bug: a record gets the replica's own time.
        LogTime(milliseconds: Int64(MonotonicTime.now().nanoseconds >> 8))
        #else
        entry.time
        #endif
    }

    /// The first field whose value is no key of its code list, as far as the writer sees the list: a code that is hidden from it is
    /// none, or writes would tell of a dataset that it may not read.
    private func codeNotListed(
        _ operation: WriteOperation, _ dataset: Dataset, at entry: LogEntry, by writer: PrincipalID, _ transaction: borrowing WriteTransaction
    ) throws(StoreError) -> FieldID? {
        for field in operation.fields {
            guard let list = dataset.schema.field(field.id)?.codeList, case let .string(code) = field.value else { continue }
            guard let principal = catalogue.principal(writer), let codes = catalogue.dataset(list),
                let record = try stored(list, Array(code.utf8), transaction)
            else { return field.id }
            // Every registered system sees the records of what is shared without an agreement.
            if codes.sharing != .sharedOnRequest { continue }
            let plan = AccessPlan.compile(for: principal, dataset: codes, in: catalogue, at: entry.time)
            guard try view(record, list, { record throws(RecordError) in plan.shows(record) }) else { return field.id }
        }
        return nil
    }

    /// The record as it was written, or nil if there is none. A record that does not fit its checksum is never built on: an update would seal
    /// what is damaged anew, and replicas would decide differently.
    private func stored(_ dataset: DatasetID, _ key: [UInt8], _ transaction: borrowing WriteTransaction) throws(StoreError) -> [UInt8]? {
        guard let record = try copied(transaction, databases.records, Self.key(dataset, key)) else { return nil }
        do throws(RecordError) { try RecordView(record.span.bytes).verify(key: key.span.bytes) } catch { throw .corruptRecord(dataset: dataset) }
        return record
    }

    /// Looks at a record that was found sound.
    private func view<T>(_ record: [UInt8], _ dataset: DatasetID, _ body: (borrowing RecordView) throws(RecordError) -> T) throws(StoreError) -> T {
        do throws(RecordError) { return try body(try RecordView(record.span.bytes)) } catch { throw .corruptRecord(dataset: dataset) }
    }

    /// Keeps the dataset's figures: takes the old record, which is sound, out of the digest and puts the new one in.
    private func account(
        _ dataset: DatasetID, _ key: [UInt8], replacing old: [UInt8]?, by new: [UInt8]?, _ transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let hash = hash
        func digest(_ record: [UInt8]) -> Digest {
            hash.update(key)
            hash.update(record)
            return hash.finish()
        }
        try adjust(dataset, transaction) { figures in
            if let old {
                figures.records -= 1
                figures.digest = figures.digest &- digest(old)
            }
            if let new {
                figures.records += 1
                figures.digest = figures.digest &+ digest(new)
            }
        }
    }
}
