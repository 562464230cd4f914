import Simulation

/// The figures of many seeds.
struct Sum {
    var seeds = 0
    var stores = 0
    var events = 0
    var writes = 0
    var reads = 0
    var leaseReads = 0
    /// Of these, from a snapshot that lacked entries about something else.
    var untouchedReads = 0
    var elections = 0
    var snapshots = 0
    var crashes = 0
    var violations = 0

    mutating func add(_ result: Run.Result, usesStore: Bool) {
        add([1, usesStore ? 1 : 0, result.events, result.counts.writes, result.counts.reads, result.counts.leaseReads, result.counts.elections,
            result.counts.snapshots, result.counts.crashes, result.violation == nil ? 0 : 1, result.counts.untouchedReads])
    }

    private var all: [Int] { [seeds, stores, events, writes, reads, leaseReads, elections, snapshots, crashes, violations, untouchedReads] }

    private mutating func add(_ numbers: [Int]) {
        guard numbers.count == 11 else { return }
        seeds += numbers[0]
        stores += numbers[1]
        events += numbers[2]
        writes += numbers[3]
        reads += numbers[4]
        leaseReads += numbers[5]
        elections += numbers[6]
        snapshots += numbers[7]
        crashes += numbers[8]
        violations += numbers[9]
        untouchedReads += numbers[10]
    }

    /// For the parent process.
    var encoded: String { all.map { "\($0)" }.joined(separator: " ") }
    mutating func add(encoded text: some StringProtocol) { add(text.split(separator: " ").compactMap { Int($0) }) }

    var text: String {
        "\(seeds) seeds (\(stores) with LMDB), \(events) events, \(writes) writes acknowledged, \(reads) reads (\(leaseReads) by leases, \(untouchedReads) of them beside what is on its way), \(elections) elections, "
            + "\(snapshots) snapshots, \(crashes) crashes: \(violations) violations"
    }
}
