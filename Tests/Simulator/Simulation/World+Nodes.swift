import Access
import Admission
import Core
import Glibc
import Replica
import SegmentLog
import SimulatedDisk
import Store

/// The lives of nodes.
extension World {
    func start(_ node: SimulatedNode) {
        guard node.replica == nil, violation == nil else { return }
        node.life += 1
        node.hasFailed = false
        node.isKilled = false
        node.isStopping = false
        node.hasSpoken = false
        node.pausedUntil = 0
        node.lanes = []
        trace.line("\(moment) \(node.id) starts, life \(node.life)")
        var options = ReplicaOptions(node: node.id)
        options.incarnation = Incarnation(node.incarnation)
        options.electionTicks = settings.electionTicks
        options.heartbeatTicks = settings.heartbeatTicks
        options.tickMilliseconds = WorldSettings.tickMilliseconds
        options.checkpointBytes = settings.checkpointBytes
        options.checkpointMilliseconds = 2_000
        options.retainedLogBytes = settings.retainedBytes
        options.unappliedBytesMax = settings.unappliedBytes
        options.applyEntriesMax = settings.applyEntries
        options.comparisonMilliseconds = settings.comparisonMilliseconds
        options.applyBytesMax = settings.appendBytes
        options.applyPauseMilliseconds = node.isVoterAtFirst ? settings.applyPauseMilliseconds : 0
        (options.batchPauseMicroseconds, options.batchSiblings) = (settings.batchPauseMicroseconds, settings.batchSiblings)
        options.repairMilliseconds = settings.electionNanoseconds / 1_000_000
        options.proposalMilliseconds = settings.electionNanoseconds * 4 / 1_000_000
        options.firstMembership = node.isFounder ? firstMembership : .empty
        options.wantsLease = settings.usesLeases && !node.isVoterAtFirst
        let settings = settings
        options.adjustCore = { core in
            core.appendEntriesMax = settings.appendEntries
            core.appendBytesMax = settings.appendBytes
            core.inflightAppendsMax = settings.inflightAppends
            core.inflightBytesMax = settings.inflightBytes
            core.uncommittedBytesMax = settings.uncommittedBytes
            core.waitingReadsMax = 20
            core.logTimeIdleMilliseconds = settings.logTimeIdleMilliseconds
            core.promiseMilliseconds = settings.promiseMilliseconds
            core.leaseMilliseconds = settings.leaseMilliseconds
        }
        node.seenTerm = Term(0)
        node.seenRole = .follower
        node.fenced = nil
        do {
            let machine = WatchedMachine(try openMachine(node), node: node.id, world: self)
            node.machine = machine
            node.plans = PlanCache()
            node.isMarked = false
            node.seenCommit = machine.applied.position.index
            let (log, recovered) = try openLog(node)
            if recovered.tornTail != nil { counts.tornTails += 1 }
            if hasLostItsLastSync(node, recovered) {
                counts.lostSyncs += 1
                return replaceDamaged(node)
            }
            let watched = WatchedLog(log, recovered: recovered, truth: node.truth, node: node.id, world: self)
            node.log = watched
            if node.isDamaged {
                counts.harmlessFlips += 1
                node.isDamaged = false
            }
            let life = node.life
            let replica = try Replica(
                options: options, machine: machine, log: watched, recovered: recovered, transport: SimulatedTransport(node, world: self),
                host: host(for: node), failed: { [unowned self, unowned node] failure in failed(node, life, failure) },
                repair: { [unowned self, unowned node] event in hear(event, of: node) })
            node.seenMembership = replica.membership
            node.start = PeerStart(number: node.start.number + 1, mark: dice.next())
            node.admission = PeerAdmission(node: node.id, incarnation: Incarnation(node.incarnation), met: node.met)
            node.admission.change(to: replica.membership, at: machine.applied.membershipIndex)
            node.replica = replica
            connect(node)
            replica.start()
        } catch let error as LogError { cannotStart(node, error) } catch ReplicaFailure.log(let error) { cannotStart(node, error) } catch { fail("\(node.id) cannot start: \(error)") }
    }

    /// The connections of a node that has begun are made one after the other, and some late: it may hear of one node long before it hears of another.
    private func connect(_ node: SimulatedNode) {
        guard !isCalm, settings.faults.contains(.partition) else { return }
        for other in nodes where other !== node {
            for (from, to) in [(node.place, other.place), (other.place, node.place)] {
                network.delay(from, to, until: dice.permille(300) ? time + dice.within(0...settings.electionNanoseconds) : 0)
            }
        }
    }

    private func openLog(_ node: SimulatedNode) throws(LogError) -> (any DurableLog, RecoveredLog) {
        guard let files = node.files else {
            if settings.defect == .entriesChangeAtRest, node.place == 0 { node.disk.changeLastEntry() }
            let (log, recovered) = ModelLog.open(node.disk)
            return (log, recovered)
        }
        let options = LogOptions(segmentBytes: LogOptions.segmentBytesMin, reserveBytes: 16 << 10, lowSpaceBytes: 32 << 10, mayCreate: !node.hasLog)
        let (log, recovered) = try SegmentLog.open(
            directory: "/log", identity: LogIdentity(cluster: cluster, node: node.id, incarnation: Incarnation(node.incarnation)), options: options,
            disk: files)
        node.hasLog = true
        return (log, recovered)
    }

    /// A disk that is full or fails, or a log that is damaged: each is said, and none is a fault of Kho.
    private func cannotStart(_ node: SimulatedNode, _ error: LogError) {
        trace.line("\(moment) \(node.id) cannot start: \(error)")
        node.machine = nil
        node.log = nil
        if case let .file(_, _, code) = error, node.wasGiven(code) {
            endDisk(node, power: code == SimulatedDisk.killed && dice.permille(700))
            node.files?.capacityBytes = .max
        } else if node.isDamaged, error.isOfDamage {
            counts.refusedLogs += 1
            return replaceDamaged(node)
        } else {
            return fail("\(node.id) cannot start: \(error)")
        }
        startLater(node)
    }

    private func replaceDamaged(_ node: SimulatedNode) {
        node.machine = nil
        loseDirectory(node)
        startLater(node)
    }

    private func startLater(_ node: SimulatedNode) {
        queue.push(.restart(place: node.place, life: node.life), at: time + dice.within(1_000_000...settings.electionNanoseconds))
    }

    /// The bit that flipped lay in what was synced last, and power was lost before the disk could say so: nobody can tell it from a write that was cut short
    /// (docs/disk-format.md, "The limit"). The node would go on with less than it has acknowledged, so the world counts it as lost.
    private func hasLostItsLastSync(_ node: SimulatedNode, _ recovered: RecoveredLog) -> Bool {
        let last = recovered.entries.last?.index ?? recovered.base.index
        guard node.isDamaged, last < node.truth.durable, last >= node.truth.durableBefore else { return false }
        trace.line("\(moment) \(node.id)'s log ends at \(last), and \(node.truth.durable) was synced last")
        return true
    }

    /// The disk is as empty as a new one. The node has another incarnation from now on.
    func loseDirectory(_ node: SimulatedNode) {
        // Of one that was put back, what was lost before counts: the copy held less.
        if !node.isPutBack { node.lost = node.truth }
        node.isPutBack = false
        node.isCopied = false
        node.backup = nil
        node.start = PeerStart(number: 0, mark: 0)
        node.met = MetStarts()
        node.disk = ModelLogDisk()
        if node.files != nil { node.files = SimulatedDisk(seed: dice.next()) }
        node.hasLog = false
        node.isDamaged = false
        node.isFounder = false
        node.truth = LogTruth()
        node.storage = ModelStorage()
        node.isMarked = false
        if let folder = node.folder { Self.remove(folder) }
        node.incarnation = dice.next() | 1
        trace.line("\(moment) \(node.id) lost its directory; the new one is \(Incarnation(node.incarnation))")
    }

    /// What the end of a process leaves on its disk; with `power`, also what a power cut leaves.
    private func endDisk(_ node: SimulatedNode, power: Bool) {
        if let files = node.files {
            if power { files.cutPower() } else { files.restart() }
        } else {
            node.disk.cutPower(&dice)
        }
    }

    /// Power is cut.
    func crash(_ node: SimulatedNode) {
        guard node.isUp else { return }
        // What a write has done in part is there as it is if the machine goes on.
        let power = dice.permille(node.isKilled ? 400 : 700)
        trace.line("\(moment) \(node.id) \(power ? "loses power" : "is killed")")
        counts.crashes += 1
        leave(node)
        endDisk(node, power: power)
    }

    /// Stops in order.
    func stop(_ node: SimulatedNode) {
        guard let replica = node.replica else { return }
        trace.line("\(moment) \(node.id) stops in order")
        counts.stops += 1
        node.isStopping = true
        replica.stop()
        leave(node)
        endDisk(node, power: node.hasFailed && dice.permille(500))
    }

    /// Nothing of this life happens any more; the others notice in time.
    private func leave(_ node: SimulatedNode) {
        for slot in node.lanes {
            slot.token += 1
            slot.lane.abandon()
        }
        node.lanes = []
        node.isMarked = node.machine?.damage != nil
        node.replica = nil
        node.machine = nil
        node.log = nil
        node.life += 1
        for other in nodes where other !== node && other.isUp && dice.permille(800) {
            queue.push(
                .disconnected(place: other.place, life: other.life, from: node.place), at: time + dice.within(100_000...100_000_000))
        }
        // Mostly within an election timeout; some at once, as a supervisor does it, and some much later.
        let kind = dice.below(10)
        let pause = dice.within(1_000_000...(kind < 2 ? 5_000_000 : kind < 4 ? 8 * settings.electionNanoseconds : settings.electionNanoseconds))
        queue.push(.restart(place: node.place, life: node.life), at: time + pause)
    }

    func restart(_ place: Int, _ life: Int) {
        let node = node(at: place)
        guard node.life == life, !node.isUp else { return }
        start(node)
    }

    func disconnect(_ place: Int, _ life: Int, _ from: Int) {
        let node = node(at: place)
        guard node.life == life else { return }
        node.replica?.disconnected(self.node(at: from).id)
    }

    // MARK: Failed disks

    private func failed(_ node: SimulatedNode, _ life: Int, _ failure: ReplicaFailure) {
        guard node.life == life, settings.defect != .failuresAreNotHeard || node.place > 0 else { return }
        trace.line("\(moment) \(node.id) fails: \(failure)")
        // Only what its own disk was made to do excuses it.
        if case let .log(.file(_, _, code)) = failure, node.wasGiven(code) {} else { fail("\(node.id) fails: \(failure)") }
        node.hasFailed = true
        if node.wasGiven(SimulatedDisk.killed) { return node.isKilled = true }
        queue.push(.stop(place: node.place, life: life), at: time + dice.within(1_000...50_000_000))
    }

    func stopFailed(_ place: Int, _ life: Int) {
        let node = node(at: place)
        guard node.life == life else { return }
        stop(node)
    }

    private func hear(_ event: RepairEvent, of node: SimulatedNode) {
        // Two voters that went astray at one index, or one of two, leave no majority.
        if case let .disputed(index) = event, counts.strays == 0 { fail("\(node.id) finds that nobody's state at \(index) is that of a majority") }
    }

    // MARK: State machines

    private func openMachine(_ node: SimulatedNode) throws -> any StateMachine {
        guard let folder = node.folder else {
            let machine = ModelMachine(node.storage, cluster: cluster, shelf: shelf)
            machine.missesEntries = settings.defect == .missesEntries && node.place == 0
            return machine
        }
        let first = node.isFounder ? firstMembership : .empty
        // A snapshot to each other node, the pins of two checkpoints, and one who reads: none is kept for longer than it is needed.
        return try StateStore(directory: folder, cluster: cluster, options: .init(mapBytes: 64 << 20, readers: nodes.count + 2)) { membership in
            (membership == .empty ? first : membership).members.contains { $0.id != node.id }
        }
    }

    func makeFolders() {
        guard settings.usesStore else { return }
        var template = Array("/tmp/\(Self.folderName(of: getpid()))XXXXXX".utf8CString)
        guard let base = mkdtemp(&template).map({ String(cString: $0) }) else { return fail("no folder can be made in /tmp: errno \(errno)") }
        self.base = base
        for node in nodes { node.folder = "\(base)/\(node.id)" }
    }

    private static func folderName(of process: pid_t) -> String { "kho-sim-\(process)-" }

    /// What a process left that was ended in the middle of a world.
    package static func removeFolders(of process: pid_t) {
        for name in (try? SystemDisk.shared.names(in: "/tmp")) ?? [] where name.hasPrefix(folderName(of: process)) { remove("/tmp/" + name) }
    }

    func removeFolders() {
        guard let base else { return }
        for node in nodes {
            node.replica = nil
            node.machine = nil
        }
        Self.remove(base)
    }

    static func remove(_ path: String) {
        guard let handle = opendir(path) else { return }
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) } }
            if name == "." || name == ".." { continue }
            if unlink(path + "/" + name) != 0 { remove(path + "/" + name) }
        }
        closedir(handle)
        rmdir(path)
    }
}

extension LogError {
    /// Whether it is what a flipped bit may come to.
    fileprivate var isOfDamage: Bool {
        switch self {
        case .corrupt, .missing, .unknownFormat, .foreign: true
        case .file, .locked, .absent: false
        }
    }
}
