import Core
import Faults
import Glibc
import Harness

/// Makes the faults of a schedule happen to a stage, and undoes them.
@Director package final class Trouble {
    /// A fault that is under way.
    struct Active {
        let kind: FaultKind
        let nodes: [String]
        var conditions: [Link: LinkCondition] = [:]
        /// Of what an administrator does.
        var change: Task<Void, Never>?
    }

    let stage: Stage
    let watch: Watch
    var random: SeededRandom
    /// By the occurrence's place in the schedule.
    private var active: [Int: Active] = [:]
    var hasDamaged = false
    /// What an administrator does now, or did last.
    var changing: Task<Void, Never>?
    /// Nodes that a change is about, so that no fault is meant for them alone.
    var reserved = Set<String>()
    /// How often each node was killed.
    private var kills: [String: Int] = [:]
    /// What has come about.
    package internal(set) var tally: FaultTally
    /// Nodes whose files were damaged and that have not been made whole since, and what their audit files held before.
    private var damaged: [String: (found: Int, rebuilt: Int)] = [:]
    /// Nodes whose disk was full a moment ago: whether they end of it.
    private var decisions: [Task<Void, Never>] = []
    /// Of those with damage, the ones that have told of it.
    private var toldOfDamage = Set<String>()
    /// By the occurrence's place in the schedule.
    var drained: [Int: String] = [:]
    /// What was done, for people, one line each.
    package private(set) var notes: [String] = []
    private let start: MonotonicTime

    init(_ stage: Stage, _ watch: Watch, _ schedule: Schedule, seed: UInt64, start: MonotonicTime) {
        self.stage = stage
        self.watch = watch
        self.start = start
        tally = FaultTally(schedule)
        random = SeededRandom(seed: seed ^ 0x5DEE_CE66_D1CE_4E5B)
    }

    var cluster: LocalCluster { stage.cluster }
    func note(_ text: String) {
        let tenths = MonotonicTime.now().nanoseconds(since: start) / 100_000_000
        notes.append("\(tenths / 10).\(tenths % 10) s  \(text)")
    }
    func one(of names: [String]) -> [String] { names.isEmpty ? [] : [names[Int(random.next() % UInt64(names.count))]] }

    /// The nodes that a fault is for, as of now.
    func nodes(_ target: Target) async -> [String] {
        let leader = await stage.leader()
        let voters = stage.voters.filter { !reserved.contains($0) }
        switch target {
        case .leader: if let leader { return [leader] } else { return one(of: voters) }
        case .follower: return one(of: voters.filter { $0 != leader && !watch.isAway($0) })
        case .voter: return one(of: voters)
        case .query: return one(of: stage.queryNames)
        case .any: return one(of: stage.members.filter { !reserved.contains($0) })
        case .all: return stage.members
        }
    }

    // MARK: Beginning

    /// Begins the occurrence with this number.
    func begin(_ number: Int, _ occurrence: Schedule.Occurrence) async throws {
        if occurrence.kind.isAdministration {
            active[number] = Active(kind: occurrence.kind, nodes: [], change: change(number, occurrence))
            return
        }
        let nodes = await nodes(occurrence.target)
        guard let first = nodes.first else { return note("\(occurrence.kind.rawValue): left out, since there is no node for it") }
        note("\(occurrence.kind.rawValue) \(nodes.joined(separator: ", "))")
        var fault = Active(kind: occurrence.kind, nodes: nodes), hasBegun = false
        switch occurrence.kind {
        case .kill:
            hasBegun = isSomeRunning(nodes)
            kill(nodes)
        case .pause:
            hasBegun = isSomeRunning(nodes)
            for name in nodes { signal(name, SIGSTOP) }
        case .stop:
            hasBegun = isSomeRunning(nodes)
            for name in nodes { await stop(name) }
        case .isolate, .mute, .deafen, .badLink, .split, .ring, .slow, .throttle, .halfOpen:
            fault.conditions = await conditions(occurrence, first)
            hasBegun = stage.network != nil && !fault.conditions.isEmpty
        case .reset:
            hasBegun = stage.network is Proxy
            for name in nodes { (stage.network as? Proxy)?.reset(name) }
        case .diskFull: hasBegun = try fill(nodes)
        case .damage: hasBegun = try await damage(first, bits: max(1, occurrence.amount))
        case .clock:
            for name in nodes { try stage.clocks[name]?.set(milliseconds: occurrence.amount) }
            hasBegun = nodes.contains { stage.clocks[$0] != nil }
            if hasBegun {
                tally.movedClocks += 1
                watch.clockIsMoved()
            }
        case .addLearner:
            if let name = try await stage.addSpare() {
                note("\(name) is a member")
                hasBegun = true
            }
        case .removeVoter, .replaceVoter, .loseVoter, .damageVoter, .transfer, .drain, .rolling: break
        }
        active[number] = fault
        try applyConditions()
        if hasBegun { tally.began(occurrence.kind) } else { note("\(occurrence.kind.rawValue): nothing came of it") }
        if occurrence.kind == .halfOpen {
            kill([first])
            watch.returns(first)
            try stage.start(first)
        }
    }

    func isSomeRunning(_ names: [String]) -> Bool { names.contains { cluster.isRunning($0) } }

    func kill(_ names: [String]) {
        for name in names {
            watch.leaves(name)
            kills[name, default: 0] += 1
        }
        // All of them before the first is waited for.
        for name in names { signal(name, SIGKILL) }
        for name in names { cluster.kill(name) }
    }

    func signal(_ name: String, _ number: Int32) { cluster.node(name)?.process?.signal(number) }

    /// SIGTERM, which ends with 0. A node that another fault has paused goes on for it: paused, it would not hear.
    func stop(_ name: String) async {
        // Another fault may have killed it, or kills it before it has ended.
        guard cluster.isRunning(name) else { return }
        let killed = kills[name]
        watch.leaves(name)
        signal(name, SIGCONT)
        await untilItHears(name)
        signal(name, SIGTERM)
        let end = MonotonicTime.now().adding(milliseconds: 20_000)
        while cluster.isRunning(name), MonotonicTime.now() < end { try? await Task.sleep(nanoseconds: 10_000_000) }
        guard !cluster.isRunning(name) else {
            watch.found("\(name) did not end within 20 s of SIGTERM")
            return cluster.kill(name)
        }
        let code = cluster.node(name)?.process?.wait() ?? -1
        if code != 0, kills[name] == killed { watch.found("\(name) ended with \(code) after SIGTERM:\n\(watch.lastWords(name))") }
    }

    /// Another fault may have started it this very moment: before it waits for signals, SIGTERM ends it as any process.
    private func untilItHears(_ name: String) async {
        let end = MonotonicTime.now().adding(milliseconds: 10_000)
        while let process = cluster.node(name)?.process, process.isRunning, !process.blocks(SIGTERM), MonotonicTime.now() < end {
            try? await Task.sleep(nanoseconds: 2_000_000)
        }
    }

    private func conditions(_ occurrence: Schedule.Occurrence, _ node: String) async -> [Link: LinkCondition] {
        let all = stage.members, voters = stage.voters
        let links: [Link]
        switch occurrence.kind {
        case .isolate, .halfOpen: links = Partition.isolate(node, of: all)
        case .mute: links = Partition.mute(node, of: all)
        case .deafen: links = Partition.deafen(node, of: all)
        case .badLink: links = one(of: voters.filter { $0 != node }).flatMap { Partition.between(node, $0) }
        case .split:
            // The target and as many others as make a minority; the query nodes on either side.
            let minority = [node] + voters.filter { $0 != node }.prefix((voters.count - 1) / 2 - 1) + stage.queryNames.prefix(stage.queryNames.count / 2)
            links = Partition.sides([minority, all.filter { !minority.contains($0) }])
        case .ring: links = Partition.ring(voters)
        case .slow, .throttle: links = Partition.isolate(node, of: all)
        default: links = []
        }
        var condition = LinkCondition(isCut: true)
        if occurrence.kind == .slow { condition = LinkCondition(delayMilliseconds: occurrence.amount) }
        if occurrence.kind == .throttle { condition = LinkCondition(bytesPerSecond: occurrence.amount) }
        return Dictionary(links.map { ($0, condition) }, uniquingKeysWith: { a, _ in a })
    }

    /// What all faults together do to the links.
    private func applyConditions() throws {
        guard let network = stage.network else { return }
        var all: [Link: LinkCondition] = [:]
        for number in active.keys.sorted() {
            for (link, condition) in active[number]?.conditions ?? [:] {
                var sum = all[link] ?? LinkCondition()
                sum.isCut = sum.isCut || condition.isCut
                sum.delayMilliseconds = max(sum.delayMilliseconds, condition.delayMilliseconds)
                sum.bytesPerSecond = max(sum.bytesPerSecond, condition.bytesPerSecond)
                all[link] = sum
            }
        }
        try network.set(all)
    }

    private func fill(_ names: [String]) throws -> Bool {
        var isFilled = false
        for name in names {
            guard let disk = stage.disks[name] else { continue }
            watch.mayFail(name, true)
            let bytes = try disk.fill()
            note("\(name): \(bytes) bytes of disk taken away")
            guard bytes > 0 else { continue }
            tally.filledDisks += 1
            watch.diskIsFull(name)
            isFilled = true
        }
        return isFilled
    }

    // MARK: Damage

    /// Bits of some file; each second time of the texts of records, which are sure to be read again. False if there was nothing to damage.
    private func damage(_ name: String, bits: Int) async throws -> Bool {
        guard let node = cluster.node(name) else { return false }
        hasDamaged = true
        kill([name])
        damaged[name] = (lines(node, "damaged"), lines(node, "rebuilt"))
        let folder = node.dataFolder
        var flips: [Damage.Flip] = []
        if tally.damages % 2 == 0 {
            for file in Damage.files(below: folder + "/state", suffix: "data.mdb") {
                flips += try Damage.flipBits(in: file, count: bits, runsOf: Register.isTextByte, atLeast: Register.textRunBytes, using: &random)
            }
        }
        if flips.isEmpty {
            // Neither what says who has them open, nor what only keeps room.
            let leftOut = ["lock", "lock.mdb", "reserve"]
            var files = (Damage.files(below: folder + "/log") + Damage.files(below: folder + "/state")).filter { file in !leftOut.contains { file.hasSuffix("/" + $0) } }
            // Some hold nothing yet, such as spare segments.
            while flips.isEmpty, let file = one(of: files).first {
                flips = try Damage.flipBits(in: file, count: bits, using: &random)
                files.removeAll { $0 == file }
            }
        }
        for flip in flips.prefix(4) { note("\(name): \(flip)\(flips.count > 4 ? ", and more" : "")") }
        if !flips.isEmpty {
            tally.damages += 1
            toldOfDamage.remove(name)
            watch.mayFail(name, true)
        }
        try restart(name)
        await answersOrEnds(name)
        try await rebuildIfRefused(name)
        return !flips.isEmpty
    }

    /// Waits until a node that was started has opened its files or refuses them.
    private func answersOrEnds(_ name: String) async {
        let end = MonotonicTime.now().adding(milliseconds: 20_000)
        while cluster.isRunning(name), await stage.ask("node.status", [name]).isEmpty {
            guard MonotonicTime.now() < end else { return note("\(name) has not answered for 20 s") }
            try? await Task.sleep(nanoseconds: 50_000_000)
        }
    }

    /// Whether nodes whose files were damaged have found it out, by their audit files. One that has rebuilt itself has no excuse any more.
    func lookAtDamaged() {
        for name in damaged.keys.sorted() {
            guard let before = damaged[name], let node = cluster.node(name) else { continue }
            let found = lines(node, "damaged"), rebuilt = lines(node, "rebuilt")
            if found > before.found || rebuilt > before.rebuilt { tellsOfDamage(name) }
            if rebuilt > before.rebuilt { isWhole(name, "has rebuilt itself") }
        }
    }

    private func tellsOfDamage(_ name: String) {
        if toldOfDamage.insert(name).inserted { tally.damagesFound += 1 }
    }

    private func isWhole(_ name: String, _ why: String) {
        guard damaged.removeValue(forKey: name) != nil else { return }
        note("\(name) \(why)")
        watch.mayFail(name, false)
    }

    /// A query node that refuses its damaged files gets an empty directory and is added again, as the guide says.
    private func rebuildIfRefused(_ name: String) async throws {
        guard let node = cluster.node(name), node.role == "query", !cluster.isRunning(name) else { return }
        let code = node.process?.wait() ?? -1
        note("\(name) refuses its files, with \(code): \(watch.lastWords(name).split(separator: "\n").last ?? "")")
        if damaged[name] != nil, code == 74 { tellsOfDamage(name) }
        watch.judge(name)
        try await rebuild(node)
        isWhole(name, "has an empty directory")
    }

    /// Has every node look at its stored records; one that finds damage must rebuild itself. Afterwards none has an excuse.
    func mendDamaged() async throws {
        guard hasDamaged else { return }
        let found = (try? cluster.command(["cluster", "verify"])) == nil
        if found { note("damaged records are found") }
        try await stage.wait(for: "damaged nodes to rebuild themselves", seconds: 60) {
            // What was read may have led one astray.
            try await self.restartEndedQueryNodes()
            let answers = await self.stage.ask("node.status", self.stage.members)
            for (name, answer) in answers where self.damaged[name] != nil && (answer["damage"] ?? .null) != .null { self.tellsOfDamage(name) }
            return answers.count == self.stage.members.count && answers.allSatisfy { ($0.answer["damage"] ?? .null) == .null }
        }
        lookAtDamaged()
        for name in damaged.keys.sorted() where cluster.isRunning(name) { isWhole(name, "is sound: the bits were of nothing that is read") }
    }

    func lines(_ node: LocalCluster.Node, _ event: String) -> Int {
        ((try? Files.text(node.dataFolder + "/audit.jsonl")) ?? "").split(separator: "\n").count { $0.contains("\"event\":\"\(event)\"") }
    }

    private func rebuild(_ node: LocalCluster.Node) async throws {
        let name = node.name
        kill([name])
        Files.removeTree(node.dataFolder)
        try restart(name)
        try await stage.wait(for: "\(name) to be added again", seconds: 60) {
            (try? self.cluster.command(["member", "add", "--learner", node.adminAddress])) != nil
        }
    }

    // MARK: Ending

    /// Starts a node again, unless it has left the cluster meanwhile.
    func restart(_ name: String) throws {
        guard stage.members.contains(name) else { return }
        watch.judge(name)
        try stage.start(name)
        watch.returns(name)
    }

    /// Undoes the fault.
    func end(_ number: Int) async throws {
        guard let fault = active.removeValue(forKey: number) else { return }
        try applyConditions()
        await fault.change?.value
        switch fault.kind {
        case .kill, .stop: for name in fault.nodes { try restart(name) }
        case .pause: for name in fault.nodes { signal(name, SIGCONT) }
        case .clock:
            for name in fault.nodes { try stage.clocks[name]?.set(milliseconds: 0) }
            if watch.endsMovedClock() { tally.isToldOfClocks = true }
        case .drain: await resume(number)
        case .diskFull:
            for name in fault.nodes {
                stage.disks[name]?.empty()
                if watch.endsFullDisk(name) { tally.disksThatTold += 1 }
                if cluster.isRunning(name) {
                    decisions.append(Task { @Director in await self.outlives(name) })
                } else {
                    try restartAfterFullDisk(name)
                }
            }
        default: break
        }
        note("end of \(fault.kind.rawValue)")
    }

    /// A write that met the full disk may end the node when there is room again: it is excused for a while, and started again as its supervisor would. Not if the disk is full once more.
    private func outlives(_ name: String) async {
        let end = MonotonicTime.now().adding(milliseconds: 5_000)
        while cluster.isRunning(name), !watch.isAway(name), !watch.isFull(name), MonotonicTime.now() < end { try? await Task.sleep(nanoseconds: 20_000_000) }
        if watch.isFull(name) { return }
        guard !cluster.isRunning(name), !watch.isAway(name) else { return watch.mayFail(name, false) }
        do { try restartAfterFullDisk(name) } catch { watch.found("\(name) cannot be started: \(error)") }
    }

    private func restartAfterFullDisk(_ name: String) throws {
        note("\(name) had ended: \(watch.lastWords(name).split(separator: "\n").last ?? "")")
        try restart(name)
        watch.mayFail(name, false)
    }

    var isQuiet: Bool { active.isEmpty }

    /// Ends whatever is still under way, and starts what does not run.
    func endAll() async throws {
        for number in active.keys.sorted() { try await end(number) }
        for decision in decisions { await decision.value }
        try await restartEndedQueryNodes()
        for name in stage.members where !cluster.isRunning(name) && !watch.failed.contains(name) { try restart(name) }
        try await mendDamaged()
    }

    /// As the guide says: one that ended is started again, and reads everything before it serves. What ends it once more, it refuses.
    private func restartEndedQueryNodes() async throws {
        for name in stage.queryNames where !cluster.isRunning(name) {
            try restart(name)
            await answersOrEnds(name)
            try await rebuildIfRefused(name)
        }
    }
}
