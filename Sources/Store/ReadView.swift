import Access
import Catalogue
import Core
import Glibc
import LMDB
import Records

/// A snapshot of the state: rights and records of one moment. Lives inside `withReadView` of `StateStore` or `StateReader` and no longer.
package struct ReadView: ~Copyable {
    let reader: Reader
    let databases: Databases
    /// How far the log was applied in this snapshot.
    package let state: AppliedState
    let kept: KeptCatalogue

    /// The catalogue of this snapshot.
    package var catalogue: Catalogue { kept.value }

    /// Looks a record up and calls with what the plan shows of it. Nil if there is none or the plan hides it: the same
    /// answer. About a microsecond.
    ///
    /// - Parameter place: where this record was found, for who looked for several together.
    package func get<T>(
        _ key: RawSpan, at place: RecordPlace = .unknown, through plan: AccessPlan, for action: Actions = .get, _ body: (borrowing MaskedRecord) -> T
    ) throws(StoreError) -> T? {
        Self.check(plan, state.policyIndex)
        guard plan.actions.contains(action) else { return nil }
        return try Self.get(reader.transaction, databases, key, place, through: plan, for: action, body)
    }

    /// The same for a key that is an array.
    package func get<T>(
        _ key: [UInt8], through plan: AccessPlan, for action: Actions = .get, _ body: (borrowing MaskedRecord) -> T
    ) throws(StoreError) -> T? {
        try get(key.span.bytes, through: plan, for: action, body)
    }

    // The transaction is a parameter, so that what is read from it is borrowed for the whole call.
    private static func get<T>(
        _ transaction: borrowing ReadTransaction, _ databases: Databases, _ key: RawSpan, _ place: RecordPlace, through plan: AccessPlan,
        for action: Actions,
        _ body: (borrowing MaskedRecord) -> T
    ) throws(StoreError) -> T? {
        // No key that is longer was ever written.
        guard key.byteCount <= Limits.recordKeyBytes else { return nil }
        do {
            guard let bytes = try transaction.get(databases.records, plan.dataset.rawValue, key, at: place.found) else { return nil }
            let view = try RecordView(bytes)
            try view.verify(key: key)
            guard let record = MaskedRecord(view, key: key, through: plan, for: action) else { return nil }
            return body(record)
        } catch let error as LMDBError { throw .environment(error) } catch { throw .corruptRecord(dataset: plan.dataset) }
    }

    private static func check(_ plan: AccessPlan, _ policyIndex: LogIndex) {
        invariant(plan.policyIndex == policyIndex, "a plan of policy \(plan.policyIndex) meets data of \(policyIndex)")
    }

    /// Where a scan begins: at a key or after it.
    package enum Start: Sendable {
        case at([UInt8])
        case after([UInt8])
    }

    /// How a scan ended.
    package struct ScanEnd: Sendable {
        /// The last key examined, shown or not; nil if none was.
        package var lastKey: [UInt8]?
        /// Nothing is left in the range.
        package var isComplete: Bool
    }

    /// Goes through a dataset's records in the order of their keys and calls with each that the plan shows, until `body` says
    /// false, the range ends, or so many records were examined.
    ///
    /// - Parameters:
    ///   - end: the first key no longer in the range; nil for the end of the dataset.
    ///   - prefix: only keys that begin so.
    package func scan(
        from start: Start, to end: [UInt8]? = nil, prefix: [UInt8] = [], through plan: AccessPlan, for action: Actions = .scan,
        examinedMax: Int, _ body: (_ key: RawSpan, _ record: borrowing MaskedRecord) -> Bool
    ) throws(StoreError) -> ScanEnd {
        Self.check(plan, state.policyIndex)
        guard plan.actions.contains(action) else { return ScanEnd(lastKey: nil, isComplete: true) }
        let dataset = Applier.key(plan.dataset, [])
        let low: [UInt8] =
            switch start {
            case let .at(key): key
            // The next possible key.
            case let .after(key): key + [0]
            }
        let first = dataset + (low.lexicographicallyPrecedes(prefix) ? prefix : low)
        var last: [UInt8]?
        if let end { last = dataset + end }
        return try Self.scan(
            reader.transaction, databases, dataset: dataset, from: first, to: last, prefix: prefix, through: plan, for: action,
            examinedMax: examinedMax, body)
    }

    private static func scan(
        _ transaction: borrowing ReadTransaction, _ databases: Databases, dataset: [UInt8], from first: [UInt8], to last: [UInt8]?,
        prefix: [UInt8], through plan: AccessPlan, for action: Actions, examinedMax: Int,
        _ body: (_ key: RawSpan, _ record: borrowing MaskedRecord) -> Bool
    ) throws(StoreError) -> ScanEnd {
        var lastKey: [UInt8]?
        var examined = 0
        do {
            let cursor = try transaction.cursor(databases.records, readsAhead: true)
            var more = try cursor.seek(first.span.bytes)
            while more {
                let whole = cursor.key
                guard whole.starts(with: dataset), whole.starts(with: prefix, at: 4), last.map({ whole.precedes($0) }) ?? true else {
                    return ScanEnd(lastKey: lastKey, isComplete: true)
                }
                guard examined < examinedMax else { return ScanEnd(lastKey: lastKey, isComplete: false) }
                examined += 1
                let key = whole.extracting(4..<whole.byteCount)
                let view = try RecordView(cursor.value)
                try view.verify(key: key)
                var goOn = true
                if let record = MaskedRecord(view, key: key, through: plan, for: action) { goOn = body(key, record) }
                if !goOn || examined == examinedMax { lastKey = key.withUnsafeBytes { [UInt8]($0) } }
                guard goOn else { return ScanEnd(lastKey: lastKey, isComplete: false) }
                more = try cursor.next()
            }
            return ScanEnd(lastKey: lastKey, isComplete: true)
        } catch let error as LMDBError { throw .environment(error) } catch { throw .corruptRecord(dataset: plan.dataset) }
    }

    /// What administrators are told of a principal's access to a record, without its values.
    package func explain(principal: PrincipalID, dataset: DatasetID, key: [UInt8]?) throws(StoreError) -> Document? {
        guard let who = catalogue.principal(principal), let what = catalogue.dataset(dataset) else { return nil }
        let plan = AccessPlan.compile(for: who, dataset: what, in: catalogue, at: state.time)
        guard let key else { return Explanation.document(of: plan, dataset: what, catalogue: catalogue, record: nil, key: nil) }
        let whole = Applier.key(dataset, key)
        let bytes = try lmdbBorrowing(reader.transaction) { [databases] transaction throws(LMDBError) in
            try transaction.copied(databases.records, whole)
        }
        guard let bytes else { return Explanation.document(of: plan, dataset: what, catalogue: catalogue, record: nil, key: key) }
        do throws(RecordError) {
            let view = try RecordView(bytes.span.bytes)
            try view.verify(key: key.span.bytes)
            return Explanation.document(of: plan, dataset: what, catalogue: catalogue, record: view, key: key)
        } catch { throw .corruptRecord(dataset: dataset) }
    }

    /// What administrators are warned of about an agreement; none if there is no such agreement.
    package func warnings(about agreement: String) -> [String] {
        catalogue.agreement(code: agreement).map { SelfOpening.warnings(about: $0, in: catalogue) } ?? []
    }

    /// Every dataset's number of records and digest, as kept with the data.
    package func figures() throws(StoreError) -> [(dataset: DatasetID, figures: DatasetFigures)] {
        try DatasetFigures.readAll(reader.transaction, databases).map { (dataset: $0.0, figures: $0.1) }
    }

    /// The membership in force as applied.
    package func membership() throws(StoreError) -> Membership {
        try AppliedState.readMembership(reader.transaction, databases)
    }
}

extension RawSpan {
    func starts(with prefix: [UInt8], at offset: Int = 0) -> Bool {
        withUnsafeBytes { bytes in
            guard bytes.count >= offset + prefix.count, !prefix.isEmpty, let base = bytes.baseAddress else { return prefix.isEmpty && bytes.count >= offset }
            return prefix.withUnsafeBytes { memcmp(base + offset, $0.baseAddress!, $0.count) == 0 }
        }
    }

    func precedes(_ other: [UInt8]) -> Bool { withUnsafeBytes { $0.lexicographicallyPrecedes(other) } }
}
