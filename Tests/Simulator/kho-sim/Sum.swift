import Simulation

/// The figures of many seeds.
struct Sum {
    var seeds = 0
    var stores = 0
    var events = 0
    var violations = 0
    var counts = World.Counts()

    mutating func add(_ result: Run.Result, usesStore: Bool) {
        seeds += 1
        stores += usesStore ? 1 : 0
        events += result.events
        violations += result.violation == nil ? 0 : 1
        counts += result.counts
    }

    /// For the parent process.
    var encoded: String { ([seeds, stores, events, violations] + counts.all).map { "\($0)" }.joined(separator: " ") }

    /// False if it is not whole: the process that wrote it ended in the middle.
    mutating func add(encoded text: some StringProtocol) -> Bool {
        let numbers = text.split(separator: " ").compactMap { Int($0) }
        guard numbers.count > 4, let more = World.Counts(Array(numbers[4...])) else { return false }
        seeds += numbers[0]
        stores += numbers[1]
        events += numbers[2]
        violations += numbers[3]
        counts += more
        return true
    }

    var text: String {
        "\(seeds) seeds (\(stores) with LMDB), \(events) events, \(counts.writes) writes acknowledged, \(counts.reads) reads (\(counts.leaseReads) by leases, \(counts.untouchedReads) of them beside what is on its way), \(counts.elections) elections, "
            + "\(counts.snapshots) snapshots, \(counts.crashes) crashes: \(violations) violations"
    }
}
