import Core

/// Checks every answer against the log: what was acknowledged at which index, and what a reader says it saw at which index.
///
/// This is more than linearizability of each key: the indexes put all keys into one order. A read at index *i* must show each record as the last write up to
/// *i* left it; a linearizable read's *i* must reach every write of its record that was acknowledged before it began (what its state lacks may be about others),
/// a stale read's every write of any record acknowledged so long before; a write's index must exceed that of every write acknowledged before it began.
package struct IndexCheck {
    private struct Change {
        var index: UInt64
        /// nil: deleted.
        var value: Int64?
    }
    private struct History {
        /// Acknowledged, in the order of the log.
        var changes: [Change] = []
        /// Values of which nobody knows, and of those that were seen, where.
        var open: [Int64: UInt64?] = [:]
        var hasOpenDelete = false
        /// Values that surely were not written.
        var refused: Set<Int64> = []
    }

    /// What was found, in words; empty if all is as it must be. At most some dozen.
    package private(set) var violations: [String] = []
    package private(set) var reads = 0
    private static let violationsMax = 24
    private let start: UInt64
    private var histories: [String: History] = [:]

    /// - Parameter calls: of a whole run, in any order.
    package init(_ calls: [Call]) {
        start = calls.map(\.called).min() ?? 0
        for call in calls { note(call) }
        for key in histories.keys { histories[key]?.changes.sort { $0.index < $1.index } }
        for call in calls {
            if case let .read(found, index) = call.outcome { check(call, found, index) }
        }
        checkOrder(calls)
    }

    private mutating func found(_ text: String) { if violations.count < Self.violationsMax { violations.append(text) } }

    private func at(_ moment: UInt64) -> String {
        let tenths = (moment - min(moment, start)) / 100_000
        return "\(tenths / 10_000).\(String(tenths % 10_000 + 10_000).dropFirst()) s"
    }

    private static func written(_ action: Call.Action) -> Int64?? {
        switch action {
        case let .put(value), let .putIfAbsent(value), let .replace(_, value): .some(value)
        case .delete: .some(nil)
        case .read, .staleRead: nil
        }
    }

    private mutating func note(_ call: Call) {
        guard let value = Self.written(call.action) else { return }
        var history = histories[call.key] ?? History()
        switch call.outcome {
        case let .written(index): history.changes.append(Change(index: index, value: value))
        case .pending, .unknown: if let value { history.open[value] = .some(nil) } else { history.hasOpenDelete = true }
        case .conflict, .refused: if let value { history.refused.insert(value) }
        case .read: break
        }
        histories[call.key] = history
    }

    private mutating func check(_ call: Call, _ record: Call.Found?, _ index: UInt64) {
        reads += 1
        let history = histories[call.key] ?? History()
        let who = "client \(call.client) read \(call.key) at index \(index) (\(at(call.called)) to \(at(call.returned)))"
        let last = history.changes.last { $0.index <= index }
        guard let record else {
            if let last, let value = last.value, !history.hasOpenDelete {
                found("\(who) and found nothing, but \(value) was written at \(last.index)")
            }
            return
        }
        let what = "\(who) and found \(record.value) of index \(record.modifiedAt)"
        if record.modifiedAt > index { return found("\(what): from after the index that the answer is of") }
        if let own = history.changes.first(where: { $0.value == record.value }) {
            if own.index != record.modifiedAt { found("\(what), but its write was acknowledged with \(own.index)") }
        } else if let place = history.open[record.value] {
            if let place, place != record.modifiedAt { found("\(what); another read found it at \(place)") }
            histories[call.key]?.open[record.value] = .some(record.modifiedAt)
        } else {
            let why = history.refused.contains(record.value) ? "that write was answered as not done" : "nobody wrote that"
            return found("\(what): \(why)")
        }
        if let last, last.index > record.modifiedAt {
            found("\(what), but at \(last.index) it was \(last.value.map { "replaced by \($0)" } ?? "deleted")")
        }
    }

    /// What was acknowledged earlier has the lower index, and reads reach it.
    private mutating func checkOrder(_ calls: [Call]) {
        let writes = calls.filter { if case .written = $0.outcome { true } else { false } }
        let all = Acknowledged(writes), ofKey = Dictionary(grouping: writes, by: \.key).mapValues { Acknowledged($0) }
        for call in calls {
            switch call.outcome {
            case let .written(index):
                if let last = all.before(call.called), last.index >= index {
                    found("client \(call.client)'s write of \(call.key) (\(at(call.called))) got index \(index), but \(last.key) had been acknowledged with \(last.index)")
                }
            case let .read(_, index):
                var last = ofKey[call.key]?.before(call.called), kind = "read"
                if case let .staleRead(age) = call.action {
                    last = all.before(call.called - min(call.called, UInt64(age) * 1_000_000))
                    kind = "stale read"
                }
                if let last, last.index > index {
                    found("client \(call.client)'s \(kind) of \(call.key) (\(at(call.called))) is of index \(index), but \(last.key) had been acknowledged with \(last.index)")
                }
            default: break
            }
        }
    }
}

/// Acknowledged writes by time.
private struct Acknowledged {
    /// When each was, ascending, and the highest index until then.
    private var moments: [(returned: UInt64, highest: (index: UInt64, key: String))] = []

    init(_ writes: [Call]) {
        for write in writes.sorted(by: { $0.returned < $1.returned }) {
            guard case let .written(index) = write.outcome else { continue }
            let highest = moments.last.map(\.highest).flatMap { $0.index >= index ? $0 : nil } ?? (index, write.key)
            moments.append((write.returned, highest))
        }
    }

    /// The highest index among what was acknowledged before the moment.
    func before(_ moment: UInt64) -> (index: UInt64, key: String)? {
        var low = 0, high = moments.count
        while low < high {
            let middle = (low + high) / 2
            if moments[middle].returned < moment { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? moments[low - 1].highest : nil
    }
}
