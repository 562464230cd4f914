import Core
import CrashRig
import Glibc

/// The long form of the crash rig: `kho-crash [--points N] [--seed S] [--jobs J] [--cuts C] [--workload NAME] [--quick]`.
///
/// Goes through seeds from S on until at least N points were tried, or one showed a violation; prints the figures of each workload and each violation with what
/// repeats it. Exit code 1 if there is any, 64 if the command line is wrong.
@main struct Main {
    /// What a process of its own is told to do with an image.
    static let judge = "--judge"

    static func main() async {
        if CommandLine.arguments.dropFirst().first == Self.judge { StateDamageRig.judge(Array(CommandLine.arguments.dropFirst(2))) }
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
        let images = isQuick ? 200 : 1_000
        shares.append(Share(name: "damaged state") { StateDamageRig(seed: seed).run(images: images) { Judge.run($0) } })
        shares.append(Share(name: "full disk") {
            var figures = Figures()
            for share in 0..<20 as Range<UInt64> { figures += FullDiskRig(seed: seed &* 20 &+ share).run() }
            return figures
        })
        return shares.filter { workload == nil || $0.name.utf8.elementsEqual(workload!.utf8) }
    }
}

/// Runs this program once more, to judge an image.
enum Judge {
    private static let timeoutMilliseconds: UInt64 = 60_000

    /// The exit code, 128 more than the signal that ended it; nil if it did not end in time.
    static func run(_ arguments: [String]) -> Int32? {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // What the process says when a page ends it is not news, unless somebody asks for one seed.
        for descriptor in [Int32(1), 2] where getenv("KHO_CRASH_TELL") == nil { posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0) }
        let argv = (["kho-crash", Main.judge] + arguments).map { strdup($0) } + [nil]
        defer { for word in argv { free(word) } }
        var pid: pid_t = 0
        guard posix_spawn(&pid, "/proc/self/exe", &actions, nil, argv, environ) == 0 else { return 71 }
        let end = MonotonicTime.now().adding(milliseconds: timeoutMilliseconds)
        var status: Int32 = 0
        while waitpid(pid, &status, WNOHANG) == 0 {
            guard MonotonicTime.now() < end else {
                kill(pid, SIGKILL)
                waitpid(pid, &status, 0)
                return nil
            }
            usleep(500)
        }
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
    }
}
