import Foundation

/// Processor time and memory of processes and of their children, from `/proc`.
package struct ProcessMeter: Sendable {
    /// A process that is looked at: what it is called in reports, and its number.
    package struct Subject: Sendable {
        package var name: String
        package var pid: Int32

        package init(name: String, pid: Int32) {
            self.name = name
            self.pid = pid
        }
    }

    private let subjects: [Subject]
    private let before: [Double]

    /// Remembers what each has used so far.
    package init(_ subjects: [Subject]) {
        self.subjects = subjects
        let family = Self.families()
        before = subjects.map { Self.seconds($0.pid, family) }
    }

    /// What they used since, and what memory they hold now; nil if there are none.
    package var usage: ProcessUsage? {
        guard !subjects.isEmpty else { return nil }
        let family = Self.families()
        var usage = ProcessUsage(processorSeconds: 0, residentBytes: 0, anonymousBytes: 0, byProcess: [], anonymousBytesByProcess: [:])
        for (subject, before) in zip(subjects, before) {
            // One that was started again meanwhile begins at nothing.
            let seconds = max(0, Self.seconds(subject.pid, family) - before)
            let (resident, anonymous) = Self.memory(subject.pid, family)
            usage.processorSeconds += seconds
            usage.residentBytes += resident
            usage.anonymousBytes = (usage.anonymousBytes ?? 0) + anonymous
            usage.anonymousBytesByProcess?[subject.name] = anonymous
            let megabytes = anonymous / 1_000_000
            usage.byProcess.append("\(subject.name): \((seconds * 100).rounded() / 100) s, \(megabytes) MB anonymous")
        }
        return usage
    }

    /// Processor seconds of this process so far.
    package static var ownSeconds: Double { seconds(getpid(), [:]) }

    /// The children of each process.
    private static func families() -> [Int32: [Int32]] {
        var all: [Int32: [Int32]] = [:]
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let pid = Int32(name), let fields = stat(pid), let parent = Int32(fields[1]) else { continue }
            all[parent, default: []].append(pid)
        }
        return all
    }

    private static func descendants(_ pid: Int32, _ family: [Int32: [Int32]]) -> [Int32] {
        var all = [pid]
        var place = 0
        while place < all.count {
            all += family[all[place]] ?? []
            place += 1
        }
        return all
    }

    /// The fields of `/proc/PID/stat` behind the name, which may hold blanks: the state is the first.
    private static func stat(_ pid: Int32) -> [Substring]? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8), let end = text.lastIndex(of: ")") else { return nil }
        return text[text.index(after: end)...].split(separator: " ")
    }

    private static func seconds(_ pid: Int32, _ family: [Int32: [Int32]]) -> Double {
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        // Children first: one that ends meanwhile is among its parent's then.
        return descendants(pid, family).reversed().reduce(0) { sum, pid in
            guard let fields = stat(pid), fields.count > 14 else { return sum }
            // Of its own, and of children that have ended, as a server's for each connection do.
            return sum + fields[11...14].reduce(0) { $0 + (Double($1) ?? 0) } / ticks
        }
    }

    private static func memory(_ pid: Int32, _ family: [Int32: [Int32]]) -> (resident: UInt64, anonymous: UInt64) {
        var (resident, anonymous) = (UInt64(0), UInt64(0))
        for pid in descendants(pid, family) {
            guard let text = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8) else { continue }
            func bytes(_ name: String) -> UInt64 {
                let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
                return (line?.split(whereSeparator: { " \t".contains($0) }).dropFirst().first.flatMap { UInt64($0) } ?? 0) * 1_024
            }
            resident += bytes("VmRSS:")
            anonymous += bytes("RssAnon:")
        }
        return (resident, anonymous)
    }
}
