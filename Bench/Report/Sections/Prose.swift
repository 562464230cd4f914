import BenchMeasure

/// What was measured, in sentences.
enum Prose {
    /// "100,000 records of 400 bytes".
    static func data(_ workload: WorkloadDescription) -> String {
        "\(Numbers.count(workload.records, "record")) of \(Numbers.count(workload.valueBytes, "byte"))"
    }

    static func load(_ load: LoadDescription) -> String {
        switch load.model {
        case .closed:
            let connections = Numbers.count(load.connections, "connection")
            let each = load.connections == 1 ? "" : " on each"
            let depth = load.depth == 1 ? "one request at a time" : "up to \(Numbers.whole(load.depth)) requests under way"
            return """
                a closed load: \(connections) with \(depth)\(each), the next sent when an answer has come, so that a slow answer also holds back what would \
                follow
                """
        case .open:
            let spacing = switch load.arrivals {
            case .poisson: ", at random moments as of independent callers (Poisson arrivals)"
            case .constant: ", evenly spaced"
            case nil: ""
            }
            return """
                an open load: \(Numbers.optional(load.ratePerSecond, Numbers.figure)) requests a second\(spacing), sent when they are due over \
                \(Numbers.count(load.connections, "connection")) whether answers come or not; response time counts from when a request was due, so that a stall is \
                seen
                """
        }
    }

    static func lead(of run: RunResult) -> Markup {
        let operations = run.operations
        let answered = operations.map { "\(Numbers.whole($0.count)) \($0.kind) (\(Numbers.figure($0.perSecond)) a second)" }
        let errors = operations.reduce(0) { $0 &+ $1.errors }
        let warmUp = run.seconds.warmUp > 0 ? ", after \(Numbers.seconds(run.seconds.warmUp)) of warm-up whose figures were thrown away" : ""
        let ended = errors == 0 ? "none ended in an error" : Numbers.count(Int(clamping: errors), "ended in an error", "ended in errors")
        return """
            <p class="lead"><b>\(run.target.name)</b>\(run.target.version.isEmpty ? "" : " (\(run.target.version))") did the work <b>\(run.workload.name)</b> \
            on \(data(run.workload)), for \(Numbers.seconds(run.seconds.measure))\(warmUp). It was given \(load(run.load)). \
            It answered \(answered.isEmpty ? "nothing" : Numbers.list(answered)); \(ended).\(latencies(operations))</p>
            """
    }

    private static func latencies(_ operations: [OperationResult]) -> String {
        operations.compactMap { operation in
            guard let half = operation.reported.p50 else { return nil }
            let nearly = operation.reported.p99.map { " and 99\u{A0}% within \(Numbers.duration(nanoseconds: $0))" } ?? ""
            return " Half of the \(operation.kind) operations were answered within \(Numbers.duration(nanoseconds: half))\(nearly)."
        }.joined()
    }

    static func lead(of view: ComparisonView) -> Markup {
        let rounds = view.comparison.rounds
        let targets = view.targets.map { "<b>\($0.name)</b>" as Markup }
        let names = targets.count < 2 ? targets.joined("") : targets.dropLast().map { $0 }.joined(", ") + " and " + targets[targets.count - 1]
        let closed = view.shapes.filter { !$0.isOpen }
        let open = view.shapes.filter(\.isOpen)
        var loads: [String] = []
        if !closed.isEmpty {
            let names = Numbers.list(closed.map(\.short))
            loads.append("closed loads of \(names) (connections × requests under way on each; the next is sent when an answer has come)")
        }
        if !open.isEmpty {
            let rates = Numbers.list(open.map { Numbers.optional($0.perSecond, Numbers.figure) })
            loads.append("open loads of \(rates) requests a second (sent when they are due, whether answers come or not; latency counts from then)")
        }
        let turns = targets.count > 1
            ? "were measured on the same machine, in turns, so that what disturbs the machine disturbs all of them" : "was measured again and again on one machine"
        return """
            <p class="lead">\(names) \(turns): \(Numbers.word(rounds)) \(rounds == 1 ? "round" : "rounds"), \
            \(Numbers.count(view.comparison.runs.count, "run")) in all. The work was \(work(of: view)), \
            under \(loads.isEmpty ? "loads without a description" : loads.joined(separator: "; and "))\(stages(view)). Figures are medians of \
            the rounds; each round stands beside them as a dot or in a range.</p>
            """
    }

    /// "a (1,000 records of 400 bytes) and b (…)", or what their data are once, if they are the same.
    private static func work(of view: ComparisonView) -> String {
        let works = view.workloads.map { name in (name, view.anyRun(of: name).map { data($0.workload) }) }
        let kinds = Set(works.compactMap(\.1))
        guard works.count > 1, kinds.count == 1, let data = kinds.first else { return Numbers.list(works.map { $0.1 == nil ? $0.0 : "\($0.0) (\($0.1 ?? ""))" }) }
        return "\(Numbers.list(works.map(\.0))) on \(data)"
    }

    private static func stages(_ view: ComparisonView) -> String {
        let runs = view.comparison.runs.compactMap { view.results[$0.folder] }
        func text(_ values: [Double]) -> String? {
            guard let least = values.min(), let most = values.max(), most > 0 else { return nil }
            return most - least < 0.05 * most ? Numbers.seconds(most) : "\(Numbers.seconds(least)) to \(Numbers.seconds(most))"
        }
        guard let measure = text(runs.map(\.seconds.measure)) else { return "" }
        let warmUp = text(runs.map(\.seconds.warmUp)).map { " after \($0) of warm-up" } ?? ""
        return ". Each run was measured for \(measure)\(warmUp)"
    }

    static func when(_ beganAt: Int64, _ environment: RunEnvironment) -> Markup {
        """
        <p class="when">\(Numbers.moment(secondsSince1970: beganAt)) · \(environment.processor), \(Numbers.count(environment.processors, "processor")), \
        \(Numbers.bytes(environment.memoryBytes)) · revision \(environment.revision), \(environment.build) build</p>
        """
    }
}

extension OperationResult {
    /// What counts for the caller: from when the request was due, of open loads; from when it was sent, of closed ones.
    var reported: Latencies { response ?? service }
}
