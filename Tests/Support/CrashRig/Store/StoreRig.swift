import Core
import Glibc
import SimulatedDisk
import Store

/// Ends a store's life at each of its calls in each way, and opens every image that this can leave: it must show exactly a checkpoint, and
/// the log must bring back everything since.
package struct StoreRig: Sendable {
    let seed: UInt64
    /// Power cuts tried at each point.
    let cuts: Int
    /// Whether every call of a recovery is a point of its own, or one by chance.
    let isThorough: Bool

    package init(seed: UInt64, cuts: Int = 3, isThorough: Bool = false) {
        self.seed = seed
        self.cuts = cuts
        self.isThorough = isThorough
    }

    /// Every `stride`th call as a point, from `first` on.
    package func run(from first: Int = 1, through last: Int = .max, stride step: Int = 1) -> Figures {
        var figures = Figures()
        do {
            let history = try StoreHistory(seed: seed, count: 120)
            let snapshot = try history.snapshot(through: 90)
            let whole = StoreLife(history, snapshot, seed: seed)
            try whole.run()
            for call in stride(from: first, through: min(last, whole.disk.shadow.calls), by: step) {
                for fault in [SimulatedDisk.Fault.kill, .fail(EIO), .fail(ENOSPC)] { point(call, fault, history, snapshot, &figures) }
            }
        } catch {
            figures.violations.append("state seed \(seed): a life without a fault failed: \(error)")
        }
        return figures
    }

    private func point(
        _ call: Int, _ fault: SimulatedDisk.Fault, _ history: StoreHistory, _ snapshot: (SnapshotHeader, [[UInt8]]), _ figures: inout Figures
    ) {
        figures.points += 1
        var random = SeededRandom(seed: seed ^ UInt64(call) << 20)
        let life = StoreLife(history, snapshot, seed: seed)
        let shadow = life.disk.shadow
        shadow.plan(fault, atCall: call)
        do {
            try life.run()
            if fault == .kill, !shadow.isKilled { figures.violations.append("state seed \(seed): call \(call) never came") }
        } catch {}
        let name = "state seed \(seed) call \(call) \(fault) \(shadow.faulted.map { "\($0.operation) \($0.path)" } ?? "")"
        // Whether LMDB writes a page again with the bytes that it has cannot be seen from beside; so the cache shows what the disk has.
        shadow.restart(evictingAll: true)
        for cut in 0...cuts {
            let image = shadow.copy(seed: random.next())
            if cut > 0 { image.cutPower() }
            let what = cut == 0 ? "\(name), restarted" : "\(name), power cut \(cut)"
            guard let calls = look(image.copy(seed: random.next()), life, what, &figures) else { continue }
            if cut < 2 { interrupt(image, calls, life, what, &figures, &random) }
        }
    }

    /// Opens the image, compares, replays, and makes a checkpoint that must hold. The calls of opening it; nil if it was refused.
    private func look(_ shadow: SimulatedDisk, _ life: StoreLife, _ name: String, _ figures: inout Figures) -> Int? {
        figures.images += 1
        do {
            let folder = TemporaryFolder()
            try folder.fill(from: shadow)
            let disk = RecordingDisk(root: folder.path, shadow: shadow)
            let before = shadow.calls
            do {
                let store = try life.open(disk)
                let calls = shadow.calls - before
                if let objection = try life.objection(store) {
                    figures.violations.append("\(name): \(objection)")
                    return calls
                }
                try life.replay(store)
                if try StoreHistory.digest(store) != life.history.digests[UInt64(life.history.entries.count)] {
                    figures.violations.append("\(name): after the replay from \(store.checkpointed.index) the state is another one")
                }
                try store.checkpoint()
                disk.absorb()
                shadow.cutPower()
                try expectEnd(shadow, life, name, &figures)
                return calls
            }
        } catch {
            figures.refusals += 1
            figures.violations.append("\(name): refused: \(error)")
            return nil
        }
    }

    /// What was checkpointed last is all there.
    private func expectEnd(_ shadow: SimulatedDisk, _ life: StoreLife, _ name: String, _ figures: inout Figures) throws {
        figures.images += 1
        let folder = TemporaryFolder()
        try folder.fill(from: shadow)
        let store = try life.open(RecordingDisk(root: folder.path, shadow: shadow))
        let end = UInt64(life.history.entries.count)
        if try store.applied.position.index.rawValue != end || StoreHistory.digest(store) != life.history.digests[end] {
            figures.violations.append("\(name): the checkpoint after the replay did not hold: \(store.applied.position)")
        }
    }

    /// A second crash, at the calls of opening.
    private func interrupt(
        _ image: SimulatedDisk, _ calls: Int, _ life: StoreLife, _ name: String, _ figures: inout Figures, _ random: inout SeededRandom
    ) {
        for number in isThorough ? Array(1...calls) : [Int.random(in: 1...calls, using: &random)] {
            figures.points += 1
            let shadow = image.copy(seed: random.next())
            let fault: SimulatedDisk.Fault = random.next() % 3 == 0 ? .fail(EIO) : .kill
            shadow.plan(fault, atCall: shadow.calls + number)
            do {
                let folder = TemporaryFolder()
                try folder.fill(from: shadow)
                let disk = RecordingDisk(root: folder.path, shadow: shadow)
                let store = try life.open(disk)
                withExtendedLifetime(store) { disk.absorb() }
            } catch {}
            if random.next() % 4 == 0 { shadow.restart(evictingAll: true) } else { shadow.cutPower() }
            _ = look(shadow, life, "\(name), \(fault) at call \(number) of opening", &figures)
        }
    }
}
