import Core
import Glibc
import SegmentLog
import SimulatedDisk

/// Ends a log's life at each of its calls in each way, and looks at every disk that this can leave.
package struct LogRig: Sendable {
    let workload: LogWorkload
    let seed: UInt64
    /// Power cuts tried at each point.
    let cuts: Int
    /// Whether every call of a recovery is a point of its own, or one by chance.
    let isThorough: Bool
    let steps: [LogWorkload.Step]
    /// For the proof that the rig notices.
    let lie: SimulatedDisk.Lie

    package init(_ workload: LogWorkload, seed: UInt64, cuts: Int = 4, isThorough: Bool = false, lie: SimulatedDisk.Lie = .none) {
        self.lie = lie
        self.workload = workload
        self.seed = seed
        self.cuts = cuts
        self.isThorough = isThorough
        steps = workload.makeSteps(seed: seed)
    }

    /// The calls of the whole life if nothing happens to it.
    package func callCount() -> Int {
        var life = LogLife(workload, diskSeed: seed, lie: lie)
        _ = life.run(steps)
        return life.disk.calls
    }

    /// Every `stride`th call as a point, from `first` on.
    package func run(from first: Int = 1, stride step: Int = 1) -> Figures {
        var figures = Figures()
        for call in stride(from: first, through: callCount(), by: step) {
            for fault in [SimulatedDisk.Fault.kill, .fail(EIO), .fail(ENOSPC)] { point(call, fault, &figures) }
        }
        return figures
    }

    /// One point: the life until the call, then every image.
    func point(_ call: Int, _ fault: SimulatedDisk.Fault, _ figures: inout Figures) {
        figures.points += 1
        var random = SeededRandom(seed: seed ^ UInt64(call) << 20)
        var life = LogLife(workload, diskSeed: seed, lie: lie)
        life.disk.plan(fault, atCall: call)
        let (error, violation) = life.run(steps)
        let name = "\(workload.name) seed \(seed) call \(call) \(fault) \(life.disk.faulted.map { "\($0.operation) \($0.path)" } ?? "")"
        if let violation { figures.violations.append("\(name): \(violation)") }
        if error == nil, fault == .kill { figures.violations.append("\(name): a process that was killed went on") }

        let stopped = life.disk
        stopped.restart()
        look(stopped.copy(seed: random.next()), life, &figures, &random) { "\(name), restarted" }
        for cut in 0..<cuts {
            let image = stopped.copy(seed: random.next())
            image.cutPower()
            look(image, life, &figures, &random) { "\(name), power cut \(cut)" }
        }
    }

    /// Opens an image, compares, and tries everything that can go on from it.
    private func look(
        _ image: SimulatedDisk, _ life: LogLife, _ figures: inout Figures, _ random: inout SeededRandom, _ name: () -> String
    ) {
        let untouched = image.copy(seed: random.next())
        guard let (log, found) = open(image, life, &figures, name) else { return }
        let openingCalls = image.calls - untouched.calls
        if found.tornTail != nil { figures.tornTails += 1 }
        var model = life.model
        if let objection = model.objection(found) { return figures.violations.append("\(name()): \(objection)") }
        model.adopt(found)

        // What was returned is durable, the erasure too.
        let again = image.copy(seed: random.next())
        again.cutPower()
        expect(again, life, model, &figures) { "\(name()), and again after recovery" }
        goOn(log, image, life, model, &figures, &random, name)
        interrupt(untouched, openingCalls, life, &figures, &random, name)
    }

    /// Other entries of the sizes of those lost, which nothing of those may follow.
    private func goOn(
        _ log: SegmentLog, _ image: SimulatedDisk, _ life: LogLife, _ model: LogModel, _ figures: inout Figures, _ random: inout SeededRandom,
        _ name: () -> String
    ) {
        var model = model
        let lost = life.model.current.entries.drop { $0.index <= model.current.last.index }.prefix(Int.random(in: 1...3, using: &random))
        var sizes = lost.map(\.payload.count)
        if sizes.isEmpty { sizes = [workload.sizes[0]] }
        let term = Term(max(model.hardState.term.rawValue, 1))
        do throws(LogError) {
            if model.hardState.term != term { try log.append([], hardState: HardState(term: term)) }
            model.hardState.term = term
            for size in sizes {
                let entry = LogLife.entry(model.current.last.index.next, term, size, fill: 0xEE_EEEE)
                try log.append([entry])
                model.current.entries.append(entry)
            }
            try log.sync()
            model.synced()
        } catch {
            // A disk that was full may be full still; nothing was acknowledged.
            if case .file(_, _, ENOSPC) = error, workload.capacityBytes < .max { return }
            return figures.violations.append("\(name()): it cannot go on: \(error)")
        }
        image.cutPower()
        expect(image, life, model, &figures) { "\(name()), gone on with" }
    }

    /// A second crash, at the calls of the recovery from the first.
    private func interrupt(
        _ image: SimulatedDisk, _ calls: Int, _ life: LogLife, _ figures: inout Figures, _ random: inout SeededRandom, _ name: () -> String
    ) {
        let numbers = isThorough ? Array(1...calls) : [Int.random(in: 1...calls, using: &random)]
        for number in numbers {
            figures.points += 1
            let disk = image.copy(seed: random.next())
            let fault: SimulatedDisk.Fault = random.next() % 3 == 0 ? .fail(EIO) : .kill
            disk.plan(fault, atCall: disk.calls + number)
            do throws(LogError) {
                _ = try LogLife.open(disk, workload, mayCreate: !life.wasOpened)
            } catch {}
            if random.next() % 4 == 0 { disk.restart() } else { disk.cutPower() }
            func what() -> String { "\(name()), \(fault) at call \(number) of the recovery" }
            guard let (_, found) = open(disk, life, &figures, what) else { continue }
            if let objection = life.model.objection(found) { figures.violations.append("\(what()): \(objection)") }
        }
    }

    private func open(
        _ disk: SimulatedDisk, _ life: LogLife, _ figures: inout Figures, _ name: () -> String
    ) -> (SegmentLog, RecoveredLog)? {
        figures.images += 1
        do throws(LogError) {
            return try LogLife.open(disk, workload, mayCreate: !life.wasOpened)
        } catch {
            figures.refusals += 1
            figures.violations.append("\(name()): refused: \(error)")
            return nil
        }
    }

    /// Exactly this must be there.
    private func expect(_ disk: SimulatedDisk, _ life: LogLife, _ model: LogModel, _ figures: inout Figures, _ name: () -> String) {
        guard let (_, found) = open(disk, life, &figures, name) else { return }
        if found.base != model.current.base || found.entries != model.current.entries || found.hardState != model.hardState {
            figures.violations.append(
                "\(name()): \(found.entries.count) entries after \(found.base.index), \(found.hardState), where "
                    + "\(model.current.entries.count) after \(model.current.base.index), \(model.hardState) were durable")
        }
        if found.tornTail != nil { figures.violations.append("\(name()): a torn tail in what was durable") }
    }
}
