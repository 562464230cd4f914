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
    /// Of the log the segments alone, without spares and reserve, which have their size from the beginning; and the state's files.
    package private(set) var leaderSegmentsMax = 0
    package private(set) var leaderStateMax = 0
    /// Nodes whose disk is full, and those of them that have said so.
    private var full = Set<String>(), told = Set<String>()
    /// Clocks that are off at the moment, and whether some voter has said since that they disagree.
    private var movedClocks = 0, hasToldOfClocks = false
    /// Of the leader, over time: for the detail of a report.
    package private(set) var memorySamples: [Int] = []

    init(_ stage: Stage) { self.stage = stage }

    /// It is about to be ended. What ended it before, if anything did, is judged first.
    func leaves(_ name: String) {
        judge(name)
        away.insert(name)
    }
    func returns(_ name: String) {
        away.remove(name)
        reported.remove(name)
    }
    func mayFail(_ name: String, _ may: Bool) { if may { mayFail.insert(name) } else { mayFail.remove(name) } }
    /// From now on the node has to say that its disk is full.
    func diskIsFull(_ name: String) {
        full.insert(name)
        told.remove(name)
    }
    /// Whether it has said so until now: by an alarm, or by ending with 74.
    func endsFullDisk(_ name: String) -> Bool {
        guard full.remove(name) != nil else { return false }
        return told.contains(name) || (!stage.cluster.isRunning(name) && stage.cluster.node(name)?.process?.wait() == 74)
    }
    /// From now on some voter has to say that the clocks disagree.
    func clockIsMoved() {
        movedClocks += 1
    }
    /// Whether one has, then or when another clock was moved.
    func endsMovedClock() -> Bool {
        movedClocks -= 1
        return hasToldOfClocks
    }
    func isFull(_ name: String) -> Bool { full.contains(name) }
    func isAway(_ name: String) -> Bool { away.contains(name) }
    func found(_ text: String) { if violations.count < 24 { violations.append(text) } }

    /// A node that ended because its disk failed, as it may.
    var failed: [String] { stage.members.filter { mayFail.contains($0) && !stage.cluster.isRunning($0) } }

    /// Looks once.
    func look() async {
        for name in stage.members { judge(name) }
        await lookAtDisks()
        if movedClocks > 0, !hasToldOfClocks {
            hasToldOfClocks = await stage.ask("node.status", stage.voters).contains { $0.answer["alarms"]?.array?.contains("CLOCK") == true }
        }
        guard let leader = await stage.leader(), let pid = stage.cluster.pid(leader), let node = stage.cluster.node(leader) else { return }
        if let memory = Usage.memory(of: pid) {
            leaderMemoryMax = max(leaderMemoryMax, memory)
            memorySamples.append(memory)
        }
        leaderLogMax = max(leaderLogMax, Usage.disk(below: node.dataFolder + "/log"))
        leaderSegmentsMax = max(leaderSegmentsMax, Usage.disk(below: node.dataFolder + "/log", prefix: "segment-"))
        leaderStateMax = max(leaderStateMax, Usage.disk(below: node.dataFolder + "/state"))
    }

    /// Asks the nodes with a full disk whether they know.
    private func lookAtDisks() async {
        let asked = full.subtracting(told).sorted()
        guard !asked.isEmpty else { return }
        for (name, answer) in await stage.ask("node.status", asked) where answer["alarms"]?.array?.contains("LOW_SPACE") == true { told.insert(name) }
    }

    /// Of a node that does not run, though it should: with 74 it may have ended where its disk was full or its files were damaged. Once for each end.
    func judge(_ name: String) {
        guard !away.contains(name), !stage.cluster.isRunning(name), let process = stage.cluster.node(name)?.process else { return }
        let code = process.wait()
        guard reported.insert(name).inserted, code != 74 || !mayFail.contains(name) else { return }
        found("\(name) has ended with \(code) and was not killed; the end of its log:\n\(lastWords(name))")
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
