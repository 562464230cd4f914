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

    private static let writeSeconds: UInt64 = 30
    /// How many times as long the load may go on until enough is written.
    private static let patience: UInt64 = 5

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

        let observations = try Observations(path: folder + "/history.jsonl", areReadsInOrder: scenario.readMode != .lease)
        let first = try stage.client(startingAt: 0, deadline: .seconds(20))
        defer { first.close() }
        guard let description = try await first.describe(code: Register.code),
            let register = Register(description, scenario.workload)
        else { throw ScenarioFailure("the dataset \(Register.code) is not there") }
        let traffic = Traffic(scenario.workload, register, observations)
        let start = MonotonicTime.now()
        let watch = Watch(stage)
        let trouble = Trouble(stage, watch, schedule, seed: seed, start: start)
        var verdict = Verdict(scenario, schedule, seed: seed, seconds: seconds)
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
                trouble.lookAtDamaged()
                try? await Task.sleep(nanoseconds: 500_000_000)
            }
        }
        defer { watching.cancel() }
        do {
            try await play(schedule, from: start, stage, trouble, watch, register, &verdict)
            // A slow machine takes longer to write what a bounded log is judged by.
            let end = start.adding(milliseconds: UInt64(seconds) * 1_000 * Self.patience)
            while seconds >= scenario.seconds, traffic.writtenBytes < scenario.writtenLeast, MonotonicTime.now() < end { try await Task.sleep(nanoseconds: 100_000_000) }
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
        judge(notes, partner.register, &verdict)
        if let failure = observations.failure { throw ScenarioFailure("the history is not whole: \(failure)") }
        verdict.tally = trouble.tally
        verdict.faults = trouble.notes
        verdict.leaderMemoryMax = watch.leaderMemoryMax
        verdict.leaderLogMax = watch.leaderLogMax
        verdict.leaderSegmentsMax = watch.leaderSegmentsMax
        verdict.leaderStateMax = watch.leaderStateMax
        verdict.judgeProof(scenario, schedule)
        return verdict
    }

    /// Whoever reads through an agreement, and who changes it.
    private func rights(_ stage: Stage, _ client: KhoClient, _ traffic: Traffic, _ notes: RightsNotes) async throws -> (Partner, RightsKeeper) {
        guard let description = try await client.describe(code: Register.privateCode),
            let register = Register(description, scenario.workload)
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
        var before = CatchUp.Look([])
        for (at, step) in steps {
            try await Self.sleep(until: start.adding(milliseconds: UInt64(at)))
            switch step {
            case let .begin(number):
                if trouble.isQuiet, scenario.bounds.caughtUpWithinMilliseconds != nil { before = await CatchUp.look(stage) }
                try await trouble.begin(number, schedule.occurrences[number])
            case let .end(number):
                try await trouble.end(number)
                if trouble.isQuiet { try await measure(stage, trouble, probe, register, since: before, &verdict) }
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
        _ stage: Stage, _ trouble: Trouble, _ probe: KhoClient, _ register: Register, since before: CatchUp.Look, _ verdict: inout Verdict
    ) async throws {
        let healed = MonotonicTime.now()
        async let written: Double? = Self.timeOfWrite(probe, register, healed)
        let catchUpLimit = scenario.bounds.caughtUpWithinMilliseconds
        async let caughtUp: CatchUp? = Self.catchUp(stage, healed, since: before, catchUpLimit)
        let limit = UInt64(max(30_000, scenario.bounds.leaderWithinMilliseconds * 4))
        while await stage.leader() == nil, MonotonicTime.now() < healed.adding(milliseconds: limit) { try await Task.sleep(nanoseconds: 10_000_000) }
        let milliseconds = MonotonicTime.now().milliseconds(since: healed)
        verdict.leaderAfterHeal.append(milliseconds)
        trouble.note("a leader after \(Int(milliseconds)) ms")
        if let milliseconds = await written {
            verdict.writeAfterHeal.append(milliseconds)
        } else {
            verdict.healsWithoutWrite += 1
            trouble.note("no write within \(Self.writeSeconds) s")
        }
        if let caughtUp = await caughtUp {
            verdict.catchUps.append(caughtUp)
            let how = caughtUp.milliseconds.map { "after \(Int($0)) ms" } ?? "not within \(catchUpLimit ?? 0) ms"
            trouble.note("all voters follow: \(how), states sent: \(caughtUp.snapshots)")
        }
    }

    private static func catchUp(_ stage: Stage, _ healed: MonotonicTime, since before: CatchUp.Look, _ limit: Int?) async -> CatchUp? {
        guard let limit else { return nil }
        return await CatchUp.watch(stage, from: healed, since: before, milliseconds: limit)
    }

    /// nil if no write was acknowledged in all that time, by whatever node and however often it was tried.
    private static func timeOfWrite(_ probe: KhoClient, _ register: Register, _ healed: MonotonicTime) async -> Double? {
        let end = healed.adding(milliseconds: writeSeconds * 1_000)
        while MonotonicTime.now() < end {
            if (try? await probe.put(Array("probe".utf8), in: register.dataset, register.fields(0))) != nil { return MonotonicTime.now().milliseconds(since: healed) }
            try? await Task.sleep(nanoseconds: 100_000_000)
        }
        return nil
    }
}
