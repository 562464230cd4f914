import Console
import Core
import Dispatch
import Glibc
import Harness
import Synchronization

/// What must go when a command ends, however it ends: processes and a folder.
final class CommandStage: Sendable {
    private struct State {
        var pids: [Int32] = []
        var folder: String?
        /// What a signal from the terminal ends it with.
        var signalStatus: Int32 = 130
    }

    private let state = Mutex(State())

    /// Takes Ctrl-C and its like from now on.
    init() {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            // That the handler holds its source keeps it alive as long as the process.
            source.setEventHandler { [self] in
                _ = source
                StandardStreams.write("\n")
                end(state.withLock { $0.signalStatus })
            }
            source.resume()
        }
    }

    func clears(folder: String) { state.withLock { $0.folder = folder } }
    func clears(process pid: Int32) { state.withLock { $0.pids.append(pid) } }
    /// From now on Ctrl-C is how the command is meant to end.
    func mayBeInterrupted() { state.withLock { $0.signalStatus = 0 } }

    /// Kills the processes, removes the folder, ends the process.
    func end(_ status: Int32) -> Never {
        let (pids, folder) = state.withLock { ($0.pids, $0.folder) }
        for pid in pids { kill(pid, SIGKILL) }
        // A process that still writes would keep its folder from going.
        for pid in pids { waitpid(pid, nil, 0) }
        if let folder { Files.removeTree(folder) }
        exit(status)
    }
}
