import Console
import Core
import KhoClient

/// What the nodes hold in the end, read over the query nodes.
package struct LastReading {
    package var contents: [(node: String, records: [String: Call.Found])] = []
    /// Nodes that could not be read, and why.
    package var unread: [String] = []

    package init() {}

    /// Where nobody could be read, nothing of what was acknowledged was looked for.
    package var violations: [String] {
        guard let first = contents.first else { return unread + ["no query node could be read in the end, so nothing was looked for"] }
        return unread + contents.dropFirst().filter { $0.records != first.records }.map { "\($0.node) and \(first.node) hold different records" }
    }
}

extension Run {
    private static let settleSeconds = 90

    func judge(
        _ stage: Stage, _ trouble: Trouble, _ watch: Watch, _ register: Register, _ observations: Observations, _ verdict: inout Verdict
    ) async throws {
        let failed = watch.failed
        let nodes = stage.members.filter { !failed.contains($0) }
        let (equal, differences) = await replicas(stage, nodes)
        var calls = observations.calls
        let readSince = MonotonicTime.now().nanoseconds
        var last = LastReading()
        for name in stage.queryNames.filter({ !failed.contains($0) }) {
            do {
                last.contents.append((name, try await records(stage, name, register, observations)))
            } catch {
                last.unread.append("\(name) cannot be read in the end: \(error)")
            }
        }
        count(calls, &verdict)
        verdict.refusals = observations.refusals
        verdict.evidence = Evidence(calls) { register.textBytes($0) }

        // Without what was there in the end too, so that everything else is judged.
        if let all = last.contents.first?.records { observations.close(all, from: readSince) }
        let history = HistoryJudge(folder + "/history.jsonl", programs: programs)
        verdict.evidence.history = history.counts
        verdict.checks.append(.init(claim: history.claim, violations: history.violations))
        if let all = last.contents.first?.records {
            calls += Self.lastReads(calls, all)
            let presence = PresenceCheck(calls, all)
            verdict.evidence.once = presence.acknowledged
            verdict.checks.append(
                .init(claim: "\(HumanText.grouped(presence.acknowledged)) records written once are there, each once", violations: presence.violations))
        }
        let index = IndexCheck(calls)
        verdict.checks.append(
            .init(claim: "\(HumanText.grouped(index.reads)) reads, stale ones too, show the log at the index that they claim", violations: index.violations))
        verdict.checks.append(.init(claim: "\(nodes.joined(separator: ", ")) are equal at index \(equal.map { String($0) } ?? "–")", violations: differences + last.violations))
        let late = verdict.leaderAfterHeal.filter { $0 > Double(scenario.bounds.leaderWithinMilliseconds) }
        verdict.checks.append(
            .init(
                claim: "a leader within \(scenario.bounds.leaderWithinMilliseconds) ms of each of \(verdict.leaderAfterHeal.count) heals",
                violations: late.map { "it took \(Int($0)) ms" }))
        if let changes = changes(stage, trouble) { verdict.checks.append(changes) }
        for name in stage.members where !stage.cluster.isRunning(name) {
            watch.found("\(name) does not run in the end; it ended with \(stage.cluster.node(name)?.process?.wait() ?? -1):\n\(watch.lastWords(name))")
        }
        watch.searchLogs()
        verdict.checks.append(.init(claim: "no process ended of itself, none broke an invariant", violations: watch.violations))
        verdict.checks.append(.init(claim: "no answer that no fault explains", violations: observations.oddities))
        verdict.checks.append(.init(claim: "the leader's memory, log and state are within their bounds", violations: excess(watch)))
    }

    /// What the partner was shown.
    func judge(_ notes: RightsNotes, _ register: Register, _ verdict: inout Verdict) {
        let changes = notes.changes
        let check = RightsCheck(changes, notes.answers) { register.text($0) }
        verdict.evidence.rightChanges = changes.count { $0.acknowledged < .max && $0.right != .nothing }
        (verdict.evidence.shown, verdict.evidence.scanned, verdict.evidence.counted) = (check.shown, check.scanned, check.counted)
        let shown = "\(HumanText.grouped(check.shown)) records, \(HumanText.grouped(check.scanned)) of scans, and \(HumanText.grouped(check.counted)) counts"
        verdict.checks.append(
            .init(
                claim: "\(HumanText.grouped(check.answers)) answers to a partner, with \(shown), show what the right of that moment allows, and no more; it changed \(changes.count) times",
                violations: check.violations))
    }

    /// What administrators have done must have come about; nil if they did nothing.
    private func changes(_ stage: Stage, _ trouble: Trouble) -> Verdict.Check? {
        guard trouble.changing != nil else { return nil }
        var found: [String] = []
        if stage.voters.count != scenario.storage { found.append("\(stage.voters.joined(separator: ", ")) vote in the end") }
        return .init(claim: "what administrators did came through; \(stage.voters.joined(separator: ", ")) vote", violations: found)
    }

    private func excess(_ watch: Watch) -> [String] {
        var found: [String] = []
        func look(_ what: String, _ bytes: Int, _ bound: Int?) {
            if let bound, bytes > bound { found.append("\(what) \(bytes) bytes, allowed \(bound)") }
        }
        look("memory", watch.leaderMemoryMax, scenario.bounds.leaderMemory)
        look("log", watch.leaderLogMax, scenario.bounds.leaderLog)
        look("log segments", watch.leaderSegmentsMax, scenario.bounds.leaderSegments)
        look("state", watch.leaderStateMax, scenario.bounds.leaderState)
        return found
    }

    private func count(_ calls: [Call], _ verdict: inout Verdict) {
        var asked: [String: Int] = [:], done: [String: Int] = [:]
        for call in calls {
            let kind =
                switch call.action {
                case .read: "reads"
                case .staleRead: "stale reads"
                case .put, .putIfAbsent, .replace: "writes"
                case .delete: "deletes"
                }
            asked[kind, default: 0] += 1
            switch call.outcome {
            case .unknown, .pending: verdict.unknown += 1
            case .refused: verdict.refused += 1
            case .conflict: verdict.conflicts += 1
            case .read, .written: done[kind, default: 0] += 1
            }
        }
        verdict.calls = ["reads", "stale reads", "writes", "deletes"].map { ($0, asked[$0] ?? 0, done[$0] ?? 0) }
    }

    /// Waits until these nodes are at one index; then their figures must be equal. The index, and what differs.
    private func replicas(_ stage: Stage, _ nodes: [String]) async -> (UInt64?, [String]) {
        var index: Int64?
        var differences: [String] = []
        var last: [(node: String, answer: Document)] = []
        let end = MonotonicTime.now().adding(milliseconds: UInt64(Self.settleSeconds) * 1_000)
        while index == nil, MonotonicTime.now() < end {
            last = await stage.ask("cluster.figures", nodes)
            let indexes = Set(last.map { $0.answer["appliedIndex"]?.int ?? -1 })
            if last.count == nodes.count, indexes.count == 1 { index = indexes.first } else { try? await Task.sleep(nanoseconds: 50_000_000) }
        }
        guard index != nil else {
            let seen = last.map { "\($0.node) \($0.answer["appliedIndex"]?.int ?? -1)" }.joined(separator: ", ")
            var text = ["within \(Self.settleSeconds) s the nodes did not come to one index: \(seen)"]
            for (node, answer) in await stage.ask("node.status", stage.members) {
                text.append("\(node): \(answer["raftRole"]?.string ?? "?") in term \(answer["term"]?.int ?? -1), leader \(answer["leader"]?.int ?? -1), last \(answer["lastIndex"]?.int ?? -1), committed \(answer["commitIndex"]?.int ?? -1)")
            }
            return (nil, text)
        }
        for (node, answer) in last.dropFirst() where answer["datasets"] != last[0].answer["datasets"] {
            differences.append("\(node) and \(last[0].node) differ: \(answer["datasets"] ?? .null) and \(last[0].answer["datasets"] ?? .null)")
        }
        return (index.flatMap { UInt64(exactly: $0) }, differences)
    }

    /// Every record of the register as this query node has it, but the probe's.
    private func records(
        _ stage: Stage, _ name: String, _ register: Register, _ observations: Observations
    ) async throws -> [String: Call.Found] {
        let client = try stage.client(of: name, deadline: .seconds(30))
        defer { client.close() }
        var all: [String: Call.Found] = [:]
        for try await record in client.scan(register.dataset) {
            let key = String(decoding: record.key, as: UTF8.self)
            guard key != "probe" else { continue }
            guard let value = register.value(of: record), let modified = record.modifiedAt else {
                observations.odd("in the end there is a record \(key) that is not whole")
                continue
            }
            all[key] = Call.Found(value: value, modifiedAt: modified.rawValue)
        }
        return all
    }

    /// The records at the end as reads of every key, so that the other checks judge them too.
    private static func lastReads(_ calls: [Call], _ records: [String: Call.Found]) -> [Call] {
        let now = MonotonicTime.now().nanoseconds
        return Set(calls.map(\.key)).sorted().map { key in
            Call(client: 0, key: key, action: .read, called: now, returned: now, outcome: .read(records[key], index: .max))
        }
    }
}
