import Core

/// Compares what the clients were told with what is there in the end, when nothing goes wrong any more.
package struct PresenceCheck {
    package private(set) var violations: [String] = []
    /// Records of acknowledged once-only writes that were looked for.
    package private(set) var acknowledged = 0
    private static let violationsMax = 24

    /// - Parameters:
    ///   - calls: of a whole run.
    ///   - records: every record of the register, by its key.
    package init(_ calls: [Call], _ records: [String: Call.Found]) {
        var batches: [String: (there: Int, missing: Int)] = [:]
        for call in calls {
            guard call.key.hasPrefix("o-"), case let .putIfAbsent(value) = call.action else { continue }
            let record = records[call.key]
            switch call.outcome {
            case let .written(index):
                acknowledged += 1
                if record == nil {
                    found("\(call.key) was acknowledged with index \(index) and is lost")
                } else if record != Call.Found(value: value, modifiedAt: index) {
                    found("\(call.key) was acknowledged as \(value) with index \(index) and is \(record.map { "\($0)" } ?? "")")
                }
            // Nobody else writes this key.
            case .conflict: found("\(call.key) was written once and found itself there: it was applied twice")
            case .refused: if let record { found("\(call.key) was answered as not written and is there: \(record)") }
            case .pending, .unknown: if let record, record.value != value { found("\(call.key) is \(record), and \(value) was written") }
            case .read: break
            }
            let parts = call.key.split(separator: "-")
            guard parts.count == 4 else { continue }
            let batch = parts.dropLast().joined(separator: "-")
            if record == nil { batches[batch, default: (0, 0)].missing += 1 } else { batches[batch, default: (0, 0)].there += 1 }
        }
        for (batch, count) in batches.sorted(by: { $0.key < $1.key }) where count.there > 0 && count.missing > 0 {
            found("of the batch \(batch), \(count.there) records are there and \(count.missing) are not")
        }
        let known = Set(calls.map(\.key))
        for key in records.keys.sorted() where !known.contains(key) { found("\(key) is there, and nobody wrote it") }
    }

    private mutating func found(_ text: String) { if violations.count < Self.violationsMax { violations.append(text) } }
}
