import Console
import Core
import Faults
import Harness
import KhoClient
import Synchronization

/// One run of a scenario: a cluster is made, clients call, faults come and go, everything heals, and what was seen is judged.
@Director package struct Run {
    let scenario: Scenario
    let seconds: Int
    let seed: UInt64
    let folder: String
    let programs: String
    /// Called with a line of progress now and then.
    let tell: @Sendable (String) -> Void

    private static let settleSeconds = 90

    /// - Parameters:
    ///   - seconds: how long clients call; nil for what the scenario says.
    ///   - folder: an empty folder; the owner's.
    ///   - programs: the folder of `kho` and `khod`.
    package init(
        _ scenario: Scenario, seconds: Int?, seed: UInt64, folder: String, programs: String, tell: @escaping @Sendable (String) -> Void
    ) {
        self.scenario = scenario
        self.seconds = seconds ?? scenario.seconds
        self.seed = seed
        self.folder = folder
        self.programs = programs
        self.tell = tell
    }

    /// Runs to the end. Throws `ScenarioFailure`, `HarnessError`, `FaultError` or `KhoError` where the run itself could not be made; what Kho did wrong is in the verdict.
    package func run() async throws -> Verdict {
        let schedule = Schedule(scenario, seconds: seconds, seed: seed)
        let stage = try Stage(scenario, Set(schedule.occurrences.map(\.kind)), folder: folder, programs: programs)
        defer { stage.tearDown() }
        try await stage.form()
        tell("\(scenario.name): the cluster stands; \(seconds) s of load and \(schedule.occurrences.count) faults; seed \(seed)")

        let observations = try Observations(path: folder + "/history.jsonl")
        let first = try stage.client(startingAt: 0, deadline: .seconds(20))
        defer { first.close() }
        guard let description = try await first.describe(code: Register.code),
            let register = Register(description, textBytesMax: scenario.workload.valueBytesMax)
        else { throw ScenarioFailure("the dataset \(Register.code) is not there") }
        let traffic = Traffic(scenario.workload, register, observations)
        let start = MonotonicTime.now()
        let watch = Watch(stage)
        let trouble = Trouble(stage, watch, seed: seed, start: start)
        var verdict = Verdict(scenario: scenario.name, seed: seed, seconds: seconds, storage: scenario.storage, query: scenario.query)
        verdict.about = scenario.about
        verdict.network = stage.networkName
        verdict.disks = stage.disks.values.first?.kind.rawValue

        let clients = try (1...scenario.workload.clients).map { try stage.client(startingAt: $0, deadline: Client.deadline($0)) }
        defer { for client in clients { client.close() } }
        let notes = RightsNotes()
        let (partner, keeper) = try await rights(stage, first, traffic, notes)
        defer {
            for client in [partner.kho, partner.owner] { client.close() }
            keeper.administrator.close()
        }
        let load = Task {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await partner.read() }
                group.addTask { await partner.write() }
                group.addTask { await keeper.run() }
                for (place, kho) in clients.enumerated() {
                    var client = Client(number: place + 1, kho: kho, traffic: traffic, seed: seed)
                    group.addTask { await client.run() }
                }
            }
        }
        let watching = Task { @Director in
            while !Task.isCancelled {
                await watch.look()
                try? await Task.sleep(nanoseconds: 500_000_000)
            }
        }
        defer { watching.cancel() }
        do {
            try await play(schedule, from: start, stage, trouble, watch, register, &verdict)
        } catch {
            traffic.stop()
            await load.value
            throw error
        }
        traffic.stop()
        await load.value
        try await trouble.endAll()
        watching.cancel()
        await watching.value
        await watch.look()
        tell("\(scenario.name): the load has ended; judging")
        try await judge(stage, trouble, watch, register, observations, &verdict)
        verdict.checks.append(Self.judge(notes, partner.register))
        verdict.faultCount = schedule.occurrences.count
        verdict.faults = trouble.notes
        verdict.leaderMemoryMax = watch.leaderMemoryMax
        verdict.leaderLogMax = watch.leaderLogMax
        return verdict
    }

    /// Whoever reads through an agreement, and who changes it.
    private func rights(_ stage: Stage, _ client: KhoClient, _ traffic: Traffic, _ notes: RightsNotes) async throws -> (Partner, RightsKeeper) {
        guard let description = try await client.describe(code: Register.privateCode),
            let register = Register(description, textBytesMax: scenario.workload.valueBytesMax)
        else { throw ScenarioFailure("the dataset \(Register.privateCode) is not there") }
        let owner = try stage.client(startingAt: 0)
        return (
            Partner(kho: try stage.client(startingAt: 1, as: "partner"), owner: owner, register: register, traffic: traffic, notes: notes, seed: seed),
            RightsKeeper(administrator: try stage.administrator(), owner: owner, register: register, traffic: traffic, notes: notes, seed: seed)
        )
    }

    // MARK: The faults, in time

    private enum Step {
        case begin(Int), end(Int)
    }

    private func play(
        _ schedule: Schedule, from start: MonotonicTime, _ stage: Stage, _ trouble: Trouble, _ watch: Watch, _ register: Register, _ verdict: inout Verdict
    ) async throws {
        var steps: [(at: Int, step: Step)] = []
        for (number, occurrence) in schedule.occurrences.enumerated() {
            steps.append((occurrence.beginsMilliseconds, .begin(number)))
            if let ends = occurrence.endsMilliseconds { steps.append((ends, .end(number))) }
        }
        // Of one moment, ends first, and of those what an administrator does last: it may wait for the others.
        func rank(_ step: Step) -> Int {
            switch step {
            case let .end(number): schedule.occurrences[number].kind.isAdministration ? 1 : 0
            case .begin: 2
            }
        }
        steps.sort { ($0.at, rank($0.step)) < ($1.at, rank($1.step)) }
        let probe = try stage.client(startingAt: 0, deadline: .seconds(30))
        defer { probe.close() }
        let end = start.adding(milliseconds: UInt64(seconds) * 1_000)
        for (at, step) in steps {
            try await Self.sleep(until: start.adding(milliseconds: UInt64(at)))
            switch step {
            case let .begin(number):
                try await trouble.begin(number, schedule.occurrences[number])
            case let .end(number):
                try await trouble.end(number)
                if trouble.isQuiet { try await measure(stage, trouble, probe, register, &verdict) }
            }
        }
        try await Self.sleep(until: end)
    }

    private static func sleep(until moment: MonotonicTime) async throws {
        let left = moment.nanoseconds(since: .now())
        if left > 0 { try await Task.sleep(nanoseconds: left) }
    }

    /// How long until there is a leader that a majority follows, and until a write is acknowledged.
    private func measure(
        _ stage: Stage, _ trouble: Trouble, _ probe: KhoClient, _ register: Register, _ verdict: inout Verdict
    ) async throws {
        let healed = MonotonicTime.now()
        async let written: Double? = Self.timeOfWrite(probe, register, healed)
        let limit = UInt64(max(30_000, scenario.bounds.leaderWithinMilliseconds * 4))
        while await stage.leader() == nil, MonotonicTime.now() < healed.adding(milliseconds: limit) { try await Task.sleep(nanoseconds: 10_000_000) }
        let milliseconds = MonotonicTime.now().milliseconds(since: healed)
        verdict.leaderAfterHeal.append(milliseconds)
        trouble.note("a leader after \(Int(milliseconds)) ms")
        if let milliseconds = await written { verdict.writeAfterHeal.append(milliseconds) }
    }

    private static func timeOfWrite(_ probe: KhoClient, _ register: Register, _ healed: MonotonicTime) async -> Double? {
        do throws(KhoError) {
            try await probe.put(Array("probe".utf8), in: register.dataset, register.fields(0))
            return MonotonicTime.now().milliseconds(since: healed)
        } catch { return nil }
    }

    // MARK: The end

    private func judge(
        _ stage: Stage, _ trouble: Trouble, _ watch: Watch, _ register: Register, _ observations: Observations, _ verdict: inout Verdict
    ) async throws {
        let failed = watch.failed
        let nodes = stage.members.filter { !failed.contains($0) }
        let (equal, differences) = await replicas(stage, nodes)
        var calls = observations.calls
        let readSince = MonotonicTime.now().nanoseconds
        var contents: [(node: String, records: [String: Call.Found])] = []
        var unread: [String] = []
        for (place, name) in stage.queryNames.filter({ !failed.contains($0) }).enumerated() {
            do {
                contents.append((name, try await records(stage, place, register, observations)))
            } catch {
                unread.append("\(name) cannot be read in the end: \(error)")
            }
        }
        count(calls, &verdict)
        verdict.refusals = observations.refusals

        if let all = contents.first?.records {
            observations.close(all, from: readSince)
            let (claim, found) = HistoryJudge.judge(folder + "/history.jsonl", programs: programs)
            verdict.checks.append(.init(claim: claim, violations: found))
            calls += Self.lastReads(calls, all)
            let presence = PresenceCheck(calls, all)
            verdict.checks.append(
                .init(claim: "\(HumanText.grouped(presence.acknowledged)) records written once are there, each once", violations: presence.violations))
        }
        let index = IndexCheck(calls)
        verdict.checks.append(
            .init(claim: "\(HumanText.grouped(index.reads)) reads, stale ones too, show the log at the index that they claim", violations: index.violations))
        for (name, records) in contents.dropFirst() where records != contents[0].records { unread.append("\(name) and \(contents[0].node) hold different records") }
        verdict.checks.append(.init(claim: "\(nodes.joined(separator: ", ")) are equal at index \(equal.map { String($0) } ?? "–")", violations: differences + unread))
        let late = verdict.leaderAfterHeal.filter { $0 > Double(scenario.bounds.leaderWithinMilliseconds) }
        verdict.checks.append(
            .init(
                claim: "a leader within \(scenario.bounds.leaderWithinMilliseconds) ms of every heal",
                violations: late.map { "it took \(Int($0)) ms" }))
        if let changes = changes(stage, trouble) { verdict.checks.append(changes) }
        for name in stage.members where !stage.cluster.isRunning(name) {
            watch.found("\(name) does not run in the end; it ended with \(stage.cluster.node(name)?.process?.wait() ?? -1):\n\(watch.lastWords(name))")
        }
        watch.searchLogs()
        verdict.checks.append(.init(claim: "no process ended of itself, none broke an invariant", violations: watch.violations))
        verdict.checks.append(.init(claim: "no answer that no fault explains", violations: observations.oddities))
        verdict.checks.append(.init(claim: "the leader's memory and log are within their bounds", violations: excess(watch)))
    }

    /// What the partner was shown.
    private static func judge(_ notes: RightsNotes, _ register: Register) -> Verdict.Check {
        let changes = notes.changes
        let check = RightsCheck(changes, notes.answers) { register.text($0) }
        return .init(
            claim: "\(HumanText.grouped(check.answers)) answers to a partner, \(HumanText.grouped(check.shown)) with a record, show what the right of that moment allows, and no more; it changed \(changes.count) times",
            violations: check.violations)
    }

    /// What administrators have done must have come about; nil if they did nothing.
    private func changes(_ stage: Stage, _ trouble: Trouble) -> Verdict.Check? {
        guard trouble.changing != nil else { return nil }
        var found: [String] = []
        if stage.voters.count != scenario.storage { found.append("\(stage.voters.joined(separator: ", ")) vote in the end") }
        if trouble.damagedVoters > 0, trouble.rebuiltVoters == 0 { found.append("no damage was found: this proves nothing") }
        var claim = "\(stage.voters.joined(separator: ", ")) vote"
        if trouble.lostVoters > 0 { claim += "; \(trouble.lostVoters) lost everything and came back" }
        if trouble.damagedVoters > 0 { claim += "; of \(trouble.damagedVoters) damaged, \(trouble.rebuiltVoters) have rebuilt themselves" }
        return .init(claim: claim, violations: found)
    }

    private func excess(_ watch: Watch) -> [String] {
        var found: [String] = []
        if watch.leaderMemoryMax > scenario.bounds.leaderMemory { found.append("memory \(watch.leaderMemoryMax) bytes, allowed \(scenario.bounds.leaderMemory)") }
        if watch.leaderLogMax > scenario.bounds.leaderLog { found.append("log \(watch.leaderLogMax) bytes, allowed \(scenario.bounds.leaderLog)") }
        return found
    }

    private func count(_ calls: [Call], _ verdict: inout Verdict) {
        var counts: [String: Int] = [:]
        for call in calls {
            let kind =
                switch call.action {
                case .read: "reads"
                case .staleRead: "stale reads"
                case .put, .putIfAbsent, .replace: "writes"
                case .delete: "deletes"
                }
            counts[kind, default: 0] += 1
            switch call.outcome {
            case .unknown, .pending: verdict.unknown += 1
            case .refused: verdict.refused += 1
            default: break
            }
        }
        verdict.calls = ["reads", "stale reads", "writes", "deletes"].map { ($0, counts[$0] ?? 0) }
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

    /// Every record of the register, but the probe's.
    private func records(
        _ stage: Stage, _ place: Int, _ register: Register, _ observations: Observations
    ) async throws -> [String: Call.Found] {
        let client = try stage.client(startingAt: place, deadline: .seconds(30))
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
