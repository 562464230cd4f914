import Core
import Faults
import Glibc
import Harness

/// Watches the processes of a stage: that none ends of itself, that none breaks an invariant, and what the leader takes up.
@Director package final class Watch {
    private let stage: Stage
    /// Nodes that are meant not to run.
    private var away = Set<String>()
    /// Nodes that may end with 74, since their disk is full or damaged.
    private var mayFail = Set<String>()
    private var reported = Set<String>()
    package private(set) var violations: [String] = []
    package private(set) var leaderMemoryMax = 0
    package private(set) var leaderLogMax = 0
    /// Of the leader, over time: for the detail of a report.
    package private(set) var memorySamples: [Int] = []

    init(_ stage: Stage) { self.stage = stage }

    func leaves(_ name: String) { away.insert(name) }
    func returns(_ name: String) {
        away.remove(name)
        reported.remove(name)
    }
    func mayFail(_ name: String, _ may: Bool) { if may { mayFail.insert(name) } else { mayFail.remove(name) } }
    func isAway(_ name: String) -> Bool { away.contains(name) }
    func found(_ text: String) { if violations.count < 24 { violations.append(text) } }

    /// A node that ended because its disk failed, as it may.
    var failed: [String] { stage.members.filter { mayFail.contains($0) && !stage.cluster.isRunning($0) } }

    /// Looks once.
    func look() async {
        for name in stage.members where !away.contains(name) && !stage.cluster.isRunning(name) && !reported.contains(name) {
            reported.insert(name)
            let code = stage.cluster.node(name)?.process?.wait() ?? -1
            if mayFail.contains(name), code == 74 { continue }
            found("\(name) has ended with \(code) and was not killed; the end of its log:\n\(lastWords(name))")
        }
        guard let leader = await stage.leader(), let pid = stage.cluster.pid(leader), let node = stage.cluster.node(leader) else { return }
        if let memory = Usage.memory(of: pid) {
            leaderMemoryMax = max(leaderMemoryMax, memory)
            memorySamples.append(memory)
        }
        leaderLogMax = max(leaderLogMax, Usage.disk(below: node.dataFolder + "/log"))
    }

    /// Looks for the marks of a trap in every node's log.
    func searchLogs() {
        let marks = ["Fatal error", "invariant broken", "Illegal instruction", "Crash:", "Segmentation", "Thread ", "panicked"]
        for node in stage.cluster.nodes {
            guard let text = try? Files.text(node.logFile) else { continue }
            for line in text.split(separator: "\n") where marks.contains(where: { line.contains($0) }) {
                found("\(node.name)'s log says: \(line.prefix(300))")
                break
            }
        }
    }

    func lastWords(_ name: String) -> String {
        let lines = (stage.cluster.node(name).flatMap { try? Files.text($0.logFile) } ?? "").split(separator: "\n")
        return lines.suffix(5).map { "      " + $0 }.joined(separator: "\n")
    }
}
