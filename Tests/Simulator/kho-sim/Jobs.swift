import Core
import Glibc
import Simulation

/// Seeds in several processes: one that dies of a broken invariant takes only its own with it, and its seed is known.
struct Jobs {
    let arguments: Arguments
    /// Seeds that a child runs: few, so that the children end together.
    private static let shareSeeds: UInt64 = 20
    /// In so many worlds with real stores everything that only they count is seen.
    private static let storesCountedUpon = 30

    init(_ arguments: Arguments) { self.arguments = arguments }

    private final class Child {
        let pid: pid_t
        let descriptor: Int32
        var text = ""
        let first: UInt64
        let end: UInt64

        init(pid: pid_t, descriptor: Int32, first: UInt64, end: UInt64) {
            self.pid = pid
            self.descriptor = descriptor
            self.first = first
            self.end = end
        }
    }

    /// The exit code.
    func run(_ count: UInt64) throws -> Int32 {
        let begin = MonotonicTime.now()
        var sum = Sum()
        var next = arguments.first
        let (end, isTooFar) = arguments.first.addingReportingOverflow(count)
        guard !isTooFar else { throw UsageError(text: "there are no \(count) seeds from \(arguments.first) on") }
        var children: [Child] = []
        // Stretches that a child left undone when it died.
        var left: [(first: UInt64, end: UInt64)] = []
        while next < end || !left.isEmpty || !children.isEmpty {
            while children.count < arguments.jobs, next < end || !left.isEmpty {
                if let share = left.popLast() {
                    children.append(try spawn(share.first, share.end))
                } else {
                    let stop = next + min(end - next, Self.shareSeeds)
                    children.append(try spawn(next, stop))
                    next = stop
                }
            }
            for child in try wait(&children) {
                let undone = take(child, &sum)
                guard let how = Self.untimelyEnd(of: child, isWhole: undone == nil) else { continue }
                World.removeFolders(of: child.pid)
                let seed = undone ?? child.end - 1
                sum.violations += 1
                say("VIOLATION seed \(seed): the process ended \(how); its last words are above")
                say("  revision \(Revision.text); replay: \(arguments.replay(seed)) --trace")
                guard undone != nil else { continue }
                sum.seeds += 1
                if arguments.usesStore(seed) { sum.stores += 1 }
                if seed + 1 < child.end { left.append((seed + 1, child.end)) }
            }
        }
        let seconds = MonotonicTime.now().milliseconds(since: begin) / 1_000
        say("counted: \(sum.counts)")
        say("\(sum.text), \(Int(Double(sum.events) / max(0.001, seconds))) events/s in \(arguments.jobs) processes, \(Int(seconds)) s, revision \(Revision.text)")
        return judge(sum, count)
    }

    /// The exit code of it all.
    private func judge(_ sum: Sum, _ count: UInt64) -> Int32 {
        var isWhole = sum.seeds == count
        if !isWhole { say("INCOMPLETE: \(sum.seeds) seeds ran, \(count) were asked for") }
        if arguments.demandsAll || arguments.isCountedUpon {
            let missing = sum.counts.missing(withStores: arguments.demandsAll || sum.stores >= Self.storesCountedUpon)
            if !missing.isEmpty {
                say("INCOMPLETE: in \(sum.seeds) seeds there was none of: \(missing.joined(separator: ", "))")
                isWhole = false
            }
        }
        return sum.violations > 0 ? 1 : isWhole ? 0 : 2
    }

    /// How a child ended, if it was not after its last seed and in order.
    private static func untimelyEnd(of child: Child, isWhole: Bool) -> String? {
        var status: Int32 = 0
        while waitpid(child.pid, &status, 0) < 0 { guard errno == EINTR else { return "and cannot be asked how: errno \(errno)" } }
        if status & 0x7F != 0 { return "by signal \(status & 0x7F)" }
        let code = status >> 8 & 0xFF
        return isWhole && code <= 1 ? nil : "with exit code \(code)"
    }

    /// Takes the lines that have come, and gives the children that have ended.
    private func wait(_ children: inout [Child]) throws -> [Child] {
        var polls = children.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        guard poll(&polls, nfds_t(polls.count), -1) >= 0 || errno == EINTR else { throw UsageError(text: "poll: errno \(errno)") }
        var ended: [Child] = []
        for (child, poll) in zip(children, polls) where poll.revents != 0 {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = read(child.descriptor, &buffer, buffer.count)
            if count > 0 {
                child.text += String(decoding: buffer[..<count], as: UTF8.self)
            } else if count == 0 || errno != EINTR {
                close(child.descriptor)
                ended.append(child)
            }
        }
        children.removeAll { child in ended.contains { $0 === child } }
        return ended
    }

    /// The first seed of its share that it gave no sum of; nil if there is none.
    private func take(_ child: Child, _ sum: inout Sum) -> UInt64? {
        var next = child.first
        for line in child.text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 2)
            if words.first == "line", words.count == 3 {
                say("  \(words[2])")
            } else if words.first == "violation", words.count == 3, let seed = UInt64(words[1]) {
                say("VIOLATION seed \(seed): \(words[2])")
                say("  revision \(Revision.text); replay: \(arguments.replay(seed))")
            } else if words.first == "sum", sum.add(encoded: line.dropFirst(4)) {
                next += 1
            }
        }
        return next < child.end ? next : nil
    }

    private func spawn(_ first: UInt64, _ end: UInt64) throws -> Child {
        var pipes: [Int32] = [0, 0]
        guard pipe(&pipes) == 0, fcntl(pipes[0], F_SETFD, FD_CLOEXEC) == 0, fcntl(pipes[1], F_SETFD, FD_CLOEXEC) == 0 else { throw UsageError(text: "no pipe: errno \(errno)") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, pipes[1], 1)
        var words = ["kho-sim", "--share", "--seeds", "\(end - first)", "--first", "\(first)", "--store-permille", "\(arguments.storePermille)"]
        words += arguments.worldWords
        var argv = words.map { strdup($0) } + [nil]
        defer { for word in argv { free(word) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, "/proc/self/exe", &actions, nil, &argv, environ)
        close(pipes[1])
        guard code == 0 else { throw UsageError(text: "no process: errno \(code)") }
        return Child(pid: pid, descriptor: pipes[0], first: first, end: end)
    }
}
