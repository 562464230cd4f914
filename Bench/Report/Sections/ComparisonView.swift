import BenchMeasure

/// A comparison put in order: which targets, works and shapes there are, and what the rounds of each say together.
struct ComparisonView {
    let comparison: Comparison
    /// By the run's folder; those that are missing have only the figures of the comparison itself.
    let results: [String: RunResult]
    /// In the order in which they first ran; a target keeps its colour throughout.
    let targets: [Series]
    let workloads: [String]
    private let cells: [Key: Cell]

    private struct Key: Hashable { var workload, target, shape: String }

    /// All rounds of one target under one work and shape.
    struct Cell {
        var target: Series
        var shape: Shape
        /// In the order of the rounds.
        var runs: [Comparison.Run]

        var perSecond: Double { Statistics.median(runs.map(\.perSecond)) ?? 0 }
        var p50: UInt64? { median(\.p50) }
        var p99: UInt64? { median(\.p99) }
        var processorNanoseconds: Double? { Statistics.median(runs.compactMap(\.processorNanoseconds)) }
        var lowest: Double { runs.map(\.perSecond).min() ?? 0 }
        var highest: Double { runs.map(\.perSecond).max() ?? 0 }

        private func median(_ member: KeyPath<Comparison.Run, UInt64?>) -> UInt64? {
            Statistics.median(runs.compactMap { $0[keyPath: member].map { Double($0) } }).flatMap { UInt64(exactly: $0.rounded(.down)) }
        }
    }

    init(_ comparison: Comparison, results: [String: RunResult]) {
        func unique(_ names: [String]) -> [String] {
            var seen: Set<String> = []
            return names.filter { seen.insert($0).inserted }
        }
        self.comparison = comparison
        self.results = results
        workloads = unique(comparison.runs.map(\.workload))
        targets = unique(comparison.runs.map(\.target)).enumerated().map { Series(name: $0.element, position: $0.offset) }
        var cells: [Key: Cell] = [:]
        for run in comparison.runs {
            guard let target = targets.first(where: { $0.name == run.target }) else { continue }
            let key = Key(workload: run.workload, target: run.target, shape: run.shape)
            cells[key, default: Cell(target: target, shape: Shape(run.shape), runs: [])].runs.append(run)
        }
        self.cells = cells.mapValues { cell in
            var sorted = cell
            sorted.runs.sort { $0.round < $1.round }
            return sorted
        }
    }

    /// Of all works.
    var shapes: [Shape] { Set(comparison.runs.map { Shape($0.shape) }).sorted() }

    func shapes(of workload: String) -> [Shape] {
        Set(comparison.runs.filter { $0.workload == workload }.map { Shape($0.shape) }).sorted()
    }

    /// Of those targets that did this, in their order.
    func cells(_ workload: String, _ shape: Shape) -> [Cell] {
        targets.compactMap { cells[Key(workload: workload, target: $0.name, shape: shape.name)] }
    }

    func anyRun(of workload: String) -> RunResult? {
        comparison.runs.lazy.filter { $0.workload == workload }.compactMap { results[$0.folder] }.first
    }

    /// The run that is nearest to the median of its rounds, by p99 of an open load and by throughput of a closed one, whose rate is its own doing.
    func typical(_ cell: Cell) -> (run: Comparison.Run, result: RunResult)? {
        let known = cell.runs.compactMap { run in results[run.folder].map { (run: run, result: $0) } }
        func figure(_ run: Comparison.Run) -> Double { cell.shape.isOpen ? Double(run.p99 ?? .max) : run.perSecond }
        let middle = cell.shape.isOpen ? cell.p99.map { Double($0) } : cell.perSecond
        guard let middle else { return known.first }
        return known.min { abs(figure($0.run) - middle) < abs(figure($1.run) - middle) }
    }

    /// What a target of this name promised, and under which works: a promise may differ with the work.
    func promises(of target: String) -> [(description: TargetDescription, workloads: [String])] {
        var found: [(description: TargetDescription, workloads: [String])] = []
        for run in comparison.runs where run.target == target {
            guard let description = results[run.folder]?.target else { continue }
            guard let place = found.firstIndex(where: { $0.description == description }) else {
                found.append((description, [run.workload]))
                continue
            }
            if !found[place].workloads.contains(run.workload) { found[place].workloads.append(run.workload) }
        }
        return found
    }

    /// "kho, ycsb-a, 64 × 16, round 2".
    static func name(_ run: Comparison.Run) -> String { "\(run.target), \(run.workload), \(Shape(run.shape).short), round \(run.round)" }

    /// Whether this is a run's own warning or failure that the comparison repeats with the run's name before it.
    private func isRepeated(_ warning: String) -> Bool {
        comparison.runs.contains { run in
            let name = "\(run.target), \(run.workload), \(run.shape), round \(run.round): "
            guard let result = results[run.folder], warning.hasPrefix(name) else { return false }
            let rest = warning.dropFirst(name.count)
            return result.warnings.contains { $0 == rest } || result.checks.contains { !$0.passed && rest.hasSuffix("\($0.name): \($0.detail)") }
        }
    }

    /// Warnings of the comparison and of its runs; the same of several runs is said once, with the runs that it is about.
    var warnings: [Markup] {
        var order: [String] = []
        var about: [String: [Comparison.Run]] = [:]
        for run in comparison.runs {
            for warning in results[run.folder]?.warnings ?? [] where !comparison.warnings.contains(warning) {
                if about[warning] == nil { order.append(warning) }
                about[warning, default: []].append(run)
            }
        }
        let missing = comparison.runs.filter { results[$0.folder] == nil }
        var all = comparison.warnings.filter { !isRepeated($0) }.map { "\($0)" as Markup }
        all += order.map { warning in
            let runs = about[warning] ?? []
            if runs.count == comparison.runs.count { return "\(warning) <span class=\"muted\">(all runs)</span>" }
            let named = runs.prefix(3).map(Self.name).joined(separator: "; ")
            let rest = runs.count > 3 ? "; and \(runs.count - 3) more" : ""
            return "\(warning) <span class=\"muted\">(\(runs.count) of \(comparison.runs.count) runs: \(named)\(rest))</span>"
        }
        if !missing.isEmpty {
            all.append("The folders of \(missing.count) of \(comparison.runs.count) runs are missing; of those, only the figures of the comparison are shown.")
        }
        return all
    }

    /// Checks that did not hold, with their runs.
    var failures: [Markup] {
        comparison.runs.flatMap { run in
            (results[run.folder]?.checks ?? []).filter { !$0.passed }.map { "<b>\($0.name)</b>, \(Self.name(run)): \($0.detail)" as Markup }
        }
    }
}
