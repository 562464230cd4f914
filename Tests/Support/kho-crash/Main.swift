import Core
import CrashRig
import Glibc

/// The long form of the crash rig: `kho-crash [--points N] [--seed S] [--jobs J] [--cuts C] [--workload NAME] [--quick]`.
///
/// Goes through seeds from S on until at least N points were tried, or one showed a violation; prints the figures of each workload and each violation with what
/// repeats it. Exit code 1 if there is any, 64 if the command line is wrong.
@main struct Main {
    static func main() async {
        guard let options = Options(CommandLine.arguments.dropFirst()) else {
            print("usage: kho-crash [--points N] [--seed S] [--jobs J] [--cuts C] [--workload NAME] [--quick]")
            exit(64)
        }
        let started = MonotonicTime.now()
        var all: [(name: String, figures: Figures)] = options.shares(seed: options.seed).map { ($0.name, Figures()) }
        guard !all.isEmpty else {
            print("no workload has this name")
            exit(64)
        }
        var seed = options.seed
        // Not beyond a violation: where even a life without a fault fails, there is no point to come to.
        while all.reduce(0, { $0 + $1.figures.points }) < options.points, all.allSatisfy({ $0.figures.violations.isEmpty }) {
            for (name, figures) in await run(options.shares(seed: seed), jobs: options.jobs) {
                guard let position = all.firstIndex(where: { $0.name == name }) else { continue }
                all[position].figures += figures
            }
            seed += 1
        }
        var total = Figures()
        for (name, figures) in all {
            print("\(name): \(figures)")
            total += figures
        }
        for violation in total.violations.prefix(50) { print("VIOLATION \(violation)") }
        let seconds = Int(MonotonicTime.now().milliseconds(since: started) / 1_000)
        print("total: \(total); seeds \(options.seed)..<\(seed), \(options.cuts) cuts a point, \(seconds) s")
        exit(total.violations.isEmpty ? 0 : 1)
    }

    private static func run(_ shares: [Share], jobs: Int) async -> [(name: String, figures: Figures)] {
        await withTaskGroup(of: (Int, Figures).self) { group in
            var next = 0
            var results = [Figures](repeating: Figures(), count: shares.count)
            func start() {
                guard next < shares.count else { return }
                let position = next
                let body = shares[position].body
                group.addTask { (position, body()) }
                next += 1
            }
            for _ in 0..<jobs { start() }
            while let (position, figures) = await group.next() {
                results[position] = figures
                start()
            }
            return zip(shares, results).map { ($0.name, $1) }
        }
    }
}

/// A piece of work for one job.
struct Share: Sendable {
    var name: String
    var body: @Sendable () -> Figures
}

struct Options {
    var points = 10_000
    var seed: UInt64 = 1
    var jobs = 2
    var cuts = 4
    var workload: String?
    /// One call by chance of each recovery in place of all.
    var isQuick = false

    init?(_ arguments: ArraySlice<String>) {
        var rest = arguments
        while let name = rest.popFirst() {
            if name == "--quick" {
                isQuick = true
                continue
            }
            guard let value = rest.popFirst() else { return nil }
            switch name {
            case "--points":
                guard let number = Int(value), number > 0 else { return nil }
                points = number
            case "--seed":
                guard let number = UInt64(value) else { return nil }
                seed = number
            case "--jobs":
                guard let number = Int(value), (1...256).contains(number) else { return nil }
                jobs = number
            case "--cuts":
                guard let number = Int(value), (1...1_000).contains(number) else { return nil }
                cuts = number
            case "--workload": workload = value
            default: return nil
            }
        }
    }

    func shares(seed: UInt64) -> [Share] {
        var shares: [Share] = []
        for workload in LogWorkload.all {
            let rig = LogRig(workload, seed: seed, cuts: cuts, isThorough: !isQuick)
            shares.append(Share(name: "log " + workload.name) { rig.run() })
            let damage = DamageRig(workload, seed: seed)
            shares.append(Share(name: "damage " + workload.name) {
                var figures = damage.flips(from: Int(seed % 7), stride: 7)
                figures += damage.flipsAfterPowerCuts(300)
                return figures
            })
        }
        let state = StoreRig(seed: seed, cuts: cuts, isThorough: !isQuick)
        shares.append(Share(name: "state") { state.run() })
        shares.append(Share(name: "full disk") {
            var figures = Figures()
            for share in 0..<20 as Range<UInt64> { figures += FullDiskRig(seed: seed &* 20 &+ share).run() }
            return figures
        })
        return shares.filter { workload == nil || $0.name.utf8.elementsEqual(workload!.utf8) }
    }
}
