import Console
import Core
import DemoData
import KhoClient
import Synchronization

/// Kills the leader while somebody writes and somebody reads.
struct DemoFailover {
    let cluster: DemoCluster
    let report: DemoReport
    /// Written one by one meanwhile.
    let more: ArraySlice<BusinessHouseholds.Household>

    /// What a client did meanwhile.
    struct Traffic: Sendable {
        var acknowledged = 0
        var longestMilliseconds = 0.0
        var failure: String?
    }

    /// What the two clients and the killer tell each other.
    private final class Signals: Sendable {
        let isOver = Atomic(false)
        let written = Atomic(0)
    }

    private static let writesBefore = 50
    private static let writesAfter = 150

    /// The name of the leader that was killed, and the records that were acknowledged.
    func run() async throws -> (killed: String, written: Int) {
        let leader = try await cluster.leader()
        let signals = Signals()
        let publisher = try await cluster.client(DemoCatalogue.publisher.identity)
        let tax = try await cluster.client(DemoCatalogue.tax.identity)
        let dataset = try await publisher.dataset(named: DemoCatalogue.households)
        let records = Array(more.map { Self.operation($0, dataset) })
        let key = records[0].key

        return try await report.step("\(leader) is the leader: SIGKILL, while one system writes and another reads") {
            async let writing = Self.traffic(signals, records.count) { place throws(KhoError) in
                try await publisher.put(records[place].key, in: dataset.id, records[place].fields)
                signals.written.add(1, ordering: .relaxed)
            }
            async let reading = Self.traffic(signals, .max) { _ throws(KhoError) in _ = try await tax.get(key, from: dataset.id) }
            try await cluster.wait(for: "writes before the kill") { signals.written.load(ordering: .relaxed) >= Self.writesBefore ? () : nil }
            cluster.local.kill(leader)
            let end = MonotonicTime.now().adding(milliseconds: 15_000)
            let goal = signals.written.load(ordering: .relaxed) + Self.writesAfter
            while signals.written.load(ordering: .relaxed) < min(goal, records.count), MonotonicTime.now() < end { try await Task.sleep(nanoseconds: 5_000_000) }
            signals.isOver.store(true, ordering: .relaxed)
            let (writes, reads) = await (writing, reading)
            for failure in [writes.failure, reads.failure].compactMap({ $0 }) { throw DemoFailure(text: "expected no failure of a client, found: \(failure)") }
            guard writes.acknowledged >= goal else { throw DemoFailure(text: "expected \(goal) writes, found \(writes.acknowledged)") }
            let next = try await cluster.leader()
            return (
                (leader, writes.acknowledged),
                [
                    "\(next) leads now. The longest wait of a write was \(DemoReport.milliseconds(writes.longestMilliseconds)), of a read "
                        + "\(DemoReport.milliseconds(reads.longestMilliseconds)); no call failed.",
                    "\(HumanText.grouped(writes.acknowledged)) writes were acknowledged and \(HumanText.grouped(reads.acknowledged)) reads answered meanwhile.",
                ]
            )
        }
    }

    /// Calls one after the other until it is over.
    private static func traffic(_ signals: Signals, _ most: Int, _ call: (Int) async throws(KhoError) -> Void) async -> Traffic {
        var traffic = Traffic()
        while !signals.isOver.load(ordering: .relaxed), traffic.acknowledged < most {
            let start = MonotonicTime.now()
            do throws(KhoError) { try await call(traffic.acknowledged) } catch {
                traffic.failure = error.description
                return traffic
            }
            traffic.longestMilliseconds = max(traffic.longestMilliseconds, MonotonicTime.now().milliseconds(since: start))
            traffic.acknowledged += 1
        }
        return traffic
    }

    /// The household as a PUT.
    static func operation(_ household: BusinessHouseholds.Household, _ dataset: DatasetDescription) -> WriteOperation {
        var fields: [WriteOperation.Field] = []
        for (name, text) in zip(BusinessHouseholds.columnNames, BusinessHouseholds.columns(of: household)).dropFirst() {
            guard let field = dataset.schema.field(named: name), let text, let value = try? Value(text: text, kind: field.kind) else { continue }
            fields.append(.init(field.id, value))
        }
        return WriteOperation(kind: .put, dataset: dataset.id, key: Array(household.taxCode.utf8), fields: fields)
    }
}
