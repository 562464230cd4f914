import Core
import SegmentLog
import SimulatedDisk

/// Damages what was synced: it must be noticed, or be harmless, and what is refused must be left as it is.
package struct DamageRig: Sendable {
    let workload: LogWorkload
    let seed: UInt64

    package init(_ workload: LogWorkload, seed: UInt64) {
        self.workload = workload
        self.seed = seed
    }

    /// A small log at rest: its last mark has reached the disk.
    private func atRest() -> LogLife? {
        var life = LogLife(workload, diskSeed: seed)
        var steps = workload.makeSteps(seed: seed)
        steps.append(.append([workload.sizes[0]], raisesTerm: true, vote: 1))
        steps.append(.sync)
        let (error, violation) = life.run(steps)
        guard error == nil, violation == nil else { return nil }
        life.disk.syncAll()
        life.disk.restart()
        // With the mark on the disk, everything is proven.
        life.model.current.proven = life.model.current.last.index
        return life
    }

    /// A bit of every `stride`th byte of every file that counts. At rest everything must come back or be refused.
    package func flips(from first: Int = 0, stride step: Int = 1) -> Figures {
        var figures = Figures()
        guard let life = atRest() else { return figures }
        var random = SeededRandom(seed: seed)
        for name in life.disk.list(LogLife.directory) {
            let path = LogLife.directory + "/" + name
            let size = life.disk.contents(path)?.count ?? 0
            for byte in stride(from: first, to: size, by: step) {
                let image = life.disk.copy(seed: random.next())
                let bit = Int(random.next() % 8)
                _ = image.flip(path, byte: byte, bit: bit)
                figures.points += 1
                examine(image, life, &figures) { "\(workload.name) seed \(seed): bit \(bit) of byte \(byte) of \(path)" }
            }
        }
        return figures
    }

    /// Damage to a disk that lost its power as well: a tail is torn, and something synced is rotten.
    package func flipsAfterPowerCuts(_ count: Int) -> Figures {
        var figures = Figures()
        var random = SeededRandom(seed: seed)
        let steps = workload.makeSteps(seed: seed)
        let calls = LogRig(workload, seed: seed).callCount()
        for _ in 0..<count {
            var life = LogLife(workload, diskSeed: seed)
            life.disk.plan(.kill, atCall: Int.random(in: 1...calls, using: &random))
            _ = life.run(steps)
            let image = life.disk
            image.cutPower()
            let names = image.list(LogLife.directory)
            guard life.wasOpened, let name = names.randomElement(using: &random) else { continue }
            let path = LogLife.directory + "/" + name
            guard let size = image.contents(path)?.count, size > 0 else { continue }
            let byte = Int.random(in: 0..<size, using: &random)
            _ = image.flip(path, byte: byte, bit: Int(random.next() % 8))
            figures.points += 1
            examine(image, life, &figures) { "\(workload.name) seed \(seed): byte \(byte) of \(path) after \(String(describing: life.disk.faulted))" }
        }
        return figures
    }

    private func examine(_ image: SimulatedDisk, _ life: LogLife, _ figures: inout Figures, _ name: () -> String) {
        figures.images += 1
        let names = image.list(LogLife.directory).filter { $0.utf8.starts(with: "segment-".utf8) }
        let before = names.map { image.contents(LogLife.directory + "/" + $0) }
        do throws(LogError) {
            let (_, found) = try LogLife.open(image, workload, mayCreate: false)
            if found.tornTail != nil { figures.tornTails += 1 }
            if let objection = life.model.objectionAfterDamage(found) { figures.violations.append("\(name()): \(objection)") }
        } catch {
            figures.refusals += 1
            switch error {
            case .corrupt, .missing: break
            default: figures.violations.append("\(name()): the answer is \(error)")
            }
            let after = names.map { image.contents(LogLife.directory + "/" + $0) }
            if before != after { figures.violations.append("\(name()): it was refused, and changed: \(error)") }
        }
    }
}
