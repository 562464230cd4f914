import Core
import Records
import Store

/// Records, policy and time of the log at every index, so that what a node shows from an older state can be judged as well. Looked up by
/// halving: a look at one record costs a few comparisons.
struct RightsHistory {
    /// What the partner may do with which records, at one index.
    struct Moment {
        let index: LogIndex
        let policyIndex: LogIndex
        let isKnown: Bool
        let rights: Rights
    }

    private var policies: [(index: LogIndex, policyIndex: LogIndex, policy: Policy)] = []
    private var records: [[UInt8]: [(index: LogIndex, record: ModelState.Record?)]] = [:]
    /// At `index - 1`.
    private var times: [Int64] = []

    /// What the entry has made of the model.
    mutating func note(_ entry: LogEntry, _ outcome: CommandOutcome?, _ model: ModelState) {
        times.append(entry.time.milliseconds)
        if policies.last?.policyIndex != model.applied.policyIndex { policies.append((entry.index, model.applied.policyIndex, model.policy)) }
        guard case .written? = outcome, case let .write(write)? = try? Command(decoding: entry.payload) else { return }
        // A number used again is answered from the session; then nothing has changed.
        for operation in write.operations { records[operation.key, default: []].append((entry.index, model.records[operation.key])) }
    }

    func moment(_ index: LogIndex) -> Moment {
        guard let at = Self.last(policies, { $0.index }, index), index.rawValue > 0 else {
            return Moment(index: index, policyIndex: LogIndex(0), isKnown: false, rights: Rights(grants: []))
        }
        return Moment(
            index: index, policyIndex: at.policyIndex, isKnown: at.policy.isActive == true,
            rights: Rights(grants: at.policy.grants(at: times[Int(index.rawValue) - 1])))
    }

    func record(_ key: [UInt8], at index: LogIndex) -> ModelState.Record? { Self.last(records[key] ?? [], { $0.index }, index)?.record }

    /// The last that is of no later index.
    private static func last<T>(_ items: [T], _ place: (T) -> LogIndex, _ index: LogIndex) -> T? {
        var low = 0, high = items.count
        while low < high {
            let middle = (low + high) / 2
            if place(items[middle]) <= index { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? items[low - 1] : nil
    }
}
