import Core
import Faults
import Harness

/// What administrators do to the members, by the commands that they type, while clients call and other faults come and go.
extension Trouble {
    /// Time for a change while other faults are under way, and for a node that left to be a nuisance to the others before it is ended.
    private static let patienceSeconds = 90
    private static let afterlifeMilliseconds: UInt64 = 1_500
    /// How often a voter's records rot until they are such as it still has: of what its file holds, some is of pages that were freed.
    private static let rotsMax = 3

    /// Begins the change once the one before it is over. What does not come through is a violation.
    func change(_ number: Int, _ occurrence: Schedule.Occurrence) -> Task<Void, Never> {
        inOrder(occurrence.kind.rawValue) {
            switch occurrence.kind {
            case .removeVoter: try await self.removeVoter(occurrence.target)
            case .replaceVoter: try await self.replaceVoter(occurrence.target)
            case .loseVoter: try await self.loseVoter(occurrence.target)
            case .damageVoter: try await self.damageVoter(occurrence.target, bits: max(1, occurrence.amount))
            case .transfer: try await self.transfer()
            case .drain: try await self.drain(occurrence.target, number)
            case .rolling: try await self.roll()
            default: break
            }
        }
    }

    private func inOrder(_ what: String, _ change: @escaping @Director () async throws -> Void) -> Task<Void, Never> {
        let last = changing
        let task = Task { @Director in
            await last?.value
            do { try await change() } catch { watch.found("\(what) did not come through: \(error)") }
        }
        changing = task
        return task
    }

    /// Stops every node in order and starts it again, the next once the one before follows a leader.
    private func roll() async throws {
        note("rolling \(stage.members.joined(separator: ", "))")
        if isSomeRunning(stage.members) { tally.began(.rolling) }
        for name in stage.members {
            reserved.insert(name)
            defer { reserved.remove(name) }
            await stop(name)
            try restart(name)
            try await stage.wait(for: "\(name) to follow after its restart", seconds: Self.patienceSeconds) {
                await self.stage.ask("node.status", [name]).contains { ($0.answer["leader"]?.int ?? 0) > 0 }
            }
        }
    }

    // MARK: Voters come and go

    /// One more voter, then one less.
    private func removeVoter(_ target: Target) async throws {
        guard let new = try await addStorageSpare() else { return note("remove-voter: left out, since no storage node waits for its turn") }
        try await promote(new)
        guard let old = await voter(target, but: new) else { return note("remove-voter: left out, since there is no node for it") }
        note("remove-voter \(old)")
        tally.began(.removeVoter)
        try await remove(old)
        try await retire(old)
    }

    private func replaceVoter(_ target: Target) async throws {
        guard let new = try await addStorageSpare() else { return note("replace-voter: left out, since no storage node waits for its turn") }
        guard let old = await voter(target, but: new) else { return note("replace-voter: left out, since there is no node for it; \(new) stays without a vote") }
        note("replace-voter \(old) by \(new)")
        tally.began(.replaceVoter)
        try await replace(old, by: new)
        try await retire(old)
    }

    private func voter(_ target: Target, but new: String) async -> String? {
        let found = await nodes(target).first
        return found == new ? one(of: stage.voters.filter { $0 != new && !reserved.contains($0) }).first : found
    }

    /// A storage node without data is started and becomes a member without a vote.
    private func addStorageSpare() async throws -> String? {
        guard let node = try stage.startStorageSpare() else { return nil }
        watch.returns(node.name)
        try await add(node)
        note("\(node.name) is a member")
        return node.name
    }

    private func add(_ node: LocalCluster.Node) async throws {
        try await succeed(["member", "add", "--learner", node.adminAddress]) { _ in false }
    }
    private func promote(_ name: String) async throws {
        try await succeed(["member", "promote", name]) { $0.voters.contains(name) }
        note("\(name) votes")
    }
    private func remove(_ name: String) async throws {
        try await succeed(["member", "remove", name, "--yes"]) { !$0.members.contains(name) }
        note("\(name) is taken out")
    }
    private func replace(_ old: String, by new: String) async throws {
        try await succeed(["member", "replace", old, "--by", new, "--yes"]) { !$0.members.contains(old) && $0.voters.contains(new) }
        note("\(old) is replaced by \(new)")
    }

    /// Runs `kho` until it succeeds or what it is for is there all the same, as after an answer that was lost. Then the stage knows the members anew.
    private func succeed(_ arguments: [String], isDone: (Stage) -> Bool) async throws {
        let end = MonotonicTime.now().adding(milliseconds: UInt64(Self.patienceSeconds) * 1_000)
        var isKnown = false, hasSucceeded = false
        var last = ""
        repeat {
            if !hasSucceeded {
                let result = try await stage.kho(arguments)
                if result.status == 70 { watch.found("kho \(arguments.joined(separator: " ")) ended with 70: \(result.errors)") }
                hasSucceeded = result.status == 0
                last = result.errors
            }
            isKnown = await stage.lookUpMembers()
            if isKnown, hasSucceeded || isDone(stage) { return }
            try? await Task.sleep(nanoseconds: 100_000_000)
        } while MonotonicTime.now() < end
        throw ScenarioFailure("kho \(arguments.joined(separator: " ")): \(Self.patienceSeconds) s in vain; \(isKnown ? last : "there is no leader")")
    }

    /// Ends a node that has left, and makes it one that waits for its turn, with nothing of what it had.
    private func retire(_ name: String) async throws {
        watch.leaves(name)
        try? await Task.sleep(nanoseconds: Self.afterlifeMilliseconds * 1_000_000)
        // A fault may have killed it before it left.
        if cluster.isRunning(name) { await stop(name) }
        cluster.kill(name)
        if let node = cluster.node(name) { Files.removeTree(node.dataFolder) }
        stage.isSpare(name)
    }

    // MARK: Voters that lose what they had

    /// Whether every other voter runs, answers and is sound: what this one loses is in a majority of them.
    private func othersAreSound(_ name: String) async -> Bool {
        let others = stage.voters.filter { $0 != name }
        for _ in 0..<300 {
            let answers = await stage.ask("node.status", others)
            if answers.count == others.count, answers.allSatisfy({ ($0.answer["damage"] ?? .null) == .null && ($0.answer["leader"]?.int ?? 0) > 0 }) { return true }
            try? await Task.sleep(nanoseconds: 100_000_000)
        }
        return false
    }

    /// The directory is lost, first but for its identity and then altogether.
    private func loseVoter(_ target: Target) async throws {
        guard let name = await nodes(target).first, let node = cluster.node(name) else { return }
        reserved.insert(name)
        defer { reserved.remove(name) }
        guard await othersAreSound(name) else { return note("lose-voter \(name): left out, since another voter is not sound") }
        note("lose-voter \(name)")
        tally.lostVoters += 1
        tally.began(.loseVoter)
        kill([name])
        for part in ["log", "state"] { Files.removeTree(node.dataFolder + "/" + part) }
        try await refusesToStart(name)
        Files.removeTree(node.dataFolder)
        try stage.start(name)
        try await isRefused(node)
        if tally.lostVoters % 2 == 1, let new = try await addStorageSpare() {
            try await replace(name, by: new)
            try await retire(name)
        } else {
            try await remove(name)
            try await add(node)
            watch.returns(name)
            try await promote(name)
        }
    }

    /// An identity without what belongs to it: the node must not go on as if it had never promised anything.
    private func refusesToStart(_ name: String) async throws {
        try stage.start(name)
        let end = MonotonicTime.now().adding(milliseconds: 20_000)
        while cluster.isRunning(name), MonotonicTime.now() < end { try? await Task.sleep(nanoseconds: 20_000_000) }
        guard !cluster.isRunning(name) else {
            watch.found("\(name) runs with its old identity and without its log and its state")
            return cluster.kill(name)
        }
        let code = cluster.node(name)?.process?.wait() ?? 0
        if code != 74 { watch.found("\(name) ended with \(code) without its log and its state:\n\(watch.lastWords(name))") }
        note("\(name) refuses to start without its log and its state")
    }

    /// With an empty directory it is somebody new, and as such it is not given the voter's place.
    private func isRefused(_ node: LocalCluster.Node) async throws {
        try await stage.wait(for: "\(node.name) to be refused", seconds: Self.patienceSeconds) {
            let result = try await self.stage.kho(["member", "add", "--learner", node.adminAddress])
            if result.status == 0 { self.watch.found("\(node.name) has lost everything, and was given its place again: \(result.output)") }
            return result.status == 0 || result.errors.contains("is a voter")
        }
        note("\(node.name) is refused under its old name")
    }

    /// Records rot while the voter is away. It finds out by itself, or when it is told to look, and rebuilds itself.
    private func damageVoter(_ target: Target, bits: Int) async throws {
        guard let name = await nodes(target).first, let node = cluster.node(name) else { return }
        reserved.insert(name)
        defer { reserved.remove(name) }
        guard await othersAreSound(name) else { return note("damage-voter \(name): left out, since another voter is not sound") }
        hasDamaged = true
        for attempt in 0..<Self.rotsMax {
            guard let isRebuilt = try await rot(node, bits: bits) else { return }
            if attempt == 0 { tally.began(.damageVoter) }
            if isRebuilt { return }
        }
    }

    /// Whether the node has rebuilt itself; nil if it has no text of a record that could rot.
    private func rot(_ node: LocalCluster.Node, bits: Int) async throws -> Bool? {
        let name = node.name
        // In good order, with a last checkpoint: a start goes back to its checkpoint and writes anew what came later, which takes such bits with it.
        await stop(name)
        // Another fault may have started it meanwhile.
        kill([name])
        let rebuilt = lines(node, "rebuilt")
        var flips: [Damage.Flip] = []
        for file in Damage.files(below: node.dataFolder + "/state", suffix: "data.mdb") {
            flips += try Damage.flipBits(in: file, count: bits, runsOf: Register.isTextByte, atLeast: Register.textRunBytes, using: &random)
        }
        note("damage-voter \(name): \(flips.count) bits of its records, the first is \(flips.first.map { "\($0)" } ?? "none")")
        try restart(name)
        guard !flips.isEmpty else { return nil }
        tally.damagedVoters += 1
        var begins = true
        try await stage.wait(for: "\(name) to rebuild itself", seconds: Self.patienceSeconds) {
            let status = await self.stage.ask("node.status", [name]).first?.answer
            if status?["damage"] == .null, self.lines(node, "rebuilt") > rebuilt { return true }
            guard let look = await self.stage.ask("cluster.rescan", [name], begins ? ["begin": true] : .null).first?.answer else { return false }
            begins = look["state"]?.string != "running"
            let isSound = look["state"]?.string == "ended" && (look["datasets"]?.array ?? []).allSatisfy { $0["sound"] == .bool(true) }
            return isSound && status?["damage"] == .null
        }
        let isRebuilt = lines(node, "rebuilt") > rebuilt
        if isRebuilt { tally.rebuiltVoters += 1 }
        note("\(name) \(isRebuilt ? "has rebuilt itself" : "is sound: the bits were of records that are no more")")
        return isRebuilt
    }

    // MARK: Who leads

    private func transfer() async throws {
        try await stage.wait(for: "another leader by kho member transfer-leader", seconds: Self.patienceSeconds) {
            let leader = await self.stage.leader()
            guard let next = self.one(of: self.stage.voters.filter { $0 != leader && !self.watch.isAway($0) }).first else { return false }
            guard try await self.stage.kho(["member", "transfer-leader", next]).status == 0 else { return false }
            self.tally.began(.transfer)
            self.note("transfer from \(leader ?? "nobody") to \(next)")
            return true
        }
    }

    private func drain(_ target: Target, _ number: Int) async throws {
        guard let name = await nodes(target).first else { return }
        drained[number] = name
        note("drain \(name)")
        if try await succeedAt(name, "drain") { tally.began(.drain) }
    }

    /// Ends the drain that this occurrence began.
    func resume(_ number: Int) async {
        guard let name = drained.removeValue(forKey: number) else { return }
        await inOrder("resume") { _ = try await self.succeedAt(name, "resume") }.value
    }

    /// Unless the node is away: its next start has forgotten it anyway. Whether it was done.
    private func succeedAt(_ name: String, _ command: String) async throws -> Bool {
        var isDone = false
        try await stage.wait(for: "kho node \(command) \(name)", seconds: Self.patienceSeconds) {
            if self.watch.isAway(name) || !self.stage.members.contains(name) { return true }
            isDone = try await self.stage.kho(["node", command, name]).status == 0
            return isDone
        }
        return isDone
    }
}
