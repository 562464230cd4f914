import Glibc
import Harness

/// Backups of one node, one after the other, by the command that an administrator types.
@Conductor final class BackupCourse {
    private let node: String
    private let cluster: LocalCluster
    private var file: String { cluster.folder + "/backup.kho" }
    private var process: ChildProcess
    private var taken = 0
    private var bytes = 0
    private var failure: (any Error)?
    private var isOver = false

    /// Begins the first one.
    init(of node: String, _ cluster: LocalCluster) throws {
        self.node = node
        self.cluster = cluster
        process = try Self.command(node, cluster)
        Task { await goOn() }
    }

    private static func command(_ node: String, _ cluster: LocalCluster) throws -> ChildProcess {
        let file = cluster.folder + "/backup.kho"
        for path in [file, file + ".err"] { Files.removeTree(path) }
        return try ChildProcess(cluster.kho, ["node", "backup", node, file], environment: cluster.environment(as: "admin"), errors: file + ".err")
    }

    private func goOn() async {
        while true {
            while process.isRunning { try? await Task.sleep(for: .milliseconds(5)) }
            if isOver { return }
            do {
                guard process.wait() == 0 else { throw BenchError("a backup of \(node) failed: \((try? Files.text(file + ".err")) ?? "")") }
                taken += 1
                var status = stat()
                bytes += stat(file, &status) == 0 ? Int(status.st_size) : 0
                process = try Self.command(node, cluster)
            } catch {
                failure = error
                return
            }
        }
    }

    /// Ends the one under way; says what was taken. Throws if one failed.
    func end() throws -> String {
        stop()
        if let failure { throw failure }
        return "backups of \(node) ended: \(taken) whole, \(bytes >> 20) MiB, and one cut short"
    }

    /// Ends the one under way, for a target that stops.
    func stop() {
        isOver = true
        process.destroy()
    }
}
