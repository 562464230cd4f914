import Foundation

/// Finds out about the machine, the build and its revision.
package enum EnvironmentProbe {
    /// Asks the system; times 33 syncs in `folder`. Takes some tens of milliseconds.
    ///
    /// - Parameters:
    ///   - folder: where the data of the targets lie.
    ///   - checkout: the folder of the sources, for their revision.
    package static func look(folder: String, checkout: String?) -> RunEnvironment {
        #if DEBUG
        let build = "debug", settings = "-Onone"
        #else
        let build = "release", settings = "-O, whole modules"
        #endif
        let isDynamic = text("/proc/self/maps")?.contains("libswiftCore.so") ?? false
        return RunEnvironment(
            processor: processor ?? "unknown", processors: ProcessInfo.processInfo.activeProcessorCount,
            memoryBytes: ProcessInfo.processInfo.physicalMemory, kernel: kernel, diskSyncNanoseconds: diskSync(in: folder), build: build,
            settings: "\(settings); the standard library is linked \(isDynamic ? "dynamically" : "statically")", compiler: compiler, revision: checkout.flatMap(revision) ?? "unknown", loadBefore: load)
    }

    private static var processor: String? {
        let lines = text("/proc/cpuinfo")?.split(separator: "\n") ?? []
        return lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
    }

    private static var kernel: String {
        let words = (text("/proc/version") ?? "").split(separator: " ")
        return words.count > 2 ? "\(words[0]) \(words[2])" : "unknown"
    }

    /// Threads that ran or wanted to, per processor, by `/proc/loadavg` over the last minute.
    package static var load: Double {
        let first = text("/proc/loadavg")?.split(separator: " ").first.flatMap { Double($0) } ?? 0
        return first / Double(max(1, ProcessInfo.processInfo.activeProcessorCount))
    }

    /// The share of all processors' time that was not idle for so long, 0 to 1: says that a machine is busy before the average of a minute does.
    package static func busyShare(forSeconds seconds: Double) async -> Double {
        let before = ticks
        try? await Task.sleep(for: .seconds(seconds))
        let after = ticks
        return after.all > before.all ? (after.busy - before.busy) / (after.all - before.all) : 0
    }

    /// Seconds of all processors since the machine began that were not idle; what the host took away is among them.
    package static var busySeconds: Double { ticks.busy / 100 }

    /// Hundredths of a second, of all processors.
    private static var ticks: (busy: Double, all: Double) {
        let numbers = (text("/proc/stat")?.split(separator: "\n").first?.split(separator: " ").dropFirst() ?? []).compactMap { Double($0) }
        guard numbers.count > 4 else { return (0, 0) }
        let all = numbers.prefix(8).reduce(0, +)
        return (all - numbers[3] - numbers[4], all)
    }

    /// Waits until the share is at most so much for half a second, since what ran before may still be writing; no longer than so many seconds. The share that it came to.
    package static func settle(below share: Double, atMostSeconds seconds: Double) async -> Double {
        let end = ContinuousClock.now + .seconds(seconds)
        while true {
            let busy = await busyShare(forSeconds: 0.5)
            if busy <= share || ContinuousClock.now >= end { return busy }
        }
    }

    private static func revision(of checkout: String) -> String? {
        guard let revision = git(checkout, ["rev-parse", "--short=12", "HEAD"]), let changes = git(checkout, ["status", "--porcelain"]) else { return nil }
        return revision.trimmingCharacters(in: .whitespacesAndNewlines) + (changes.isEmpty ? "" : "+")
    }

    private static func git(_ checkout: String, _ arguments: [String]) -> String? { printed(by: ["git", "-C", checkout] + arguments) }

    /// The first line of `swift --version`.
    private static var compiler: String? { printed(by: ["swift", "--version"])?.split(separator: "\n").first.map(String.init) }

    /// What a program found by PATH prints; nil if there is none, or it ends with an error.
    private static func printed(by command: [String]) -> String? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return process.terminationStatus == 0 ? String(decoding: bytes, as: UTF8.self) : nil
    }

    /// Median of 33: a block of a file that has its blocks already is written again and synced.
    private static func diskSync(in folder: String) -> UInt64? {
        let path = folder + "/kho-bench-sync-\(getpid())"
        let file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { return nil }
        defer {
            close(file)
            unlink(path)
        }
        let block = [UInt8](repeating: 1, count: 4_096)
        for place in 0..<16 { guard pwrite(file, block, block.count, off_t(place * block.count)) == block.count else { return nil } }
        guard fsync(file) == 0 else { return nil }
        var times: [Double] = []
        for place in 0..<33 {
            let begin = DispatchTime.now().uptimeNanoseconds
            guard pwrite(file, block, block.count, off_t(place % 16 * block.count)) == block.count, fdatasync(file) == 0 else { return nil }
            times.append(Double(DispatchTime.now().uptimeNanoseconds - begin))
        }
        return Statistics.median(times).map { UInt64($0) }
    }

    private static func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
}
