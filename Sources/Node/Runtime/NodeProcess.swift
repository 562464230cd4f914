import CKhoPlatform
import Configuration
import Core
import Glibc
import Logging
import Synchronization

/// A node's life as a process: from its configuration to its exit code.
package enum NodeProcess {
    /// Runs until SIGTERM, SIGINT or a failure; the process's exit code: 0 after a stop that was asked for, 74 if the disk failed, 75 if
    /// the directory is in use, 78 if the configuration is wrong. The last words on standard error say what failed and what to do.
    ///
    /// Call it on the main thread before any other thread is there, since it takes the signals.
    package static func run(configurationPath path: String) -> Int32 {
        let configuration: NodeConfiguration
        do throws(ConfigurationError) { configuration = try NodeConfiguration.load(path) } catch {
            return refuse(error)
        }
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGTERM, SIGINT, SIGUSR1] { sigaddset(&signals, signal) }
        // Every thread made from here on leaves them to this one.
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGPIPE, SIG_IGN)
        // A file that reaches its limit is an error of the call that writes, not the end of the process.
        signal(SIGXFSZ, SIG_IGN)

        let level = Logger.Level(rawValue: configuration.logLevel.rawValue) ?? .info
        let logger = Logger(label: "khod") { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        let end = End()
        let loops = NodeLoops.system()
        let runtime: NodeRuntime
        do throws(NodeError) {
            runtime = try NodeRuntime(configuration, loops: loops, logger: logger) { end.fail($0) }
        } catch { return lastWords(error) }
        Task {
            do throws(NodeError) { try await runtime.start() } catch { end.fail(error) }
        }
        var signal: Int32 = 0
        repeat { sigwait(&signals, &signal) } while signal == SIGUSR1 && end.error == nil
        if let error = end.error { return lastWords(error) }
        logger.notice("stopping")
        let stopped = End()
        Task {
            await runtime.stop()
            stopped.finish()
        }
        while !stopped.isFinished {
            sigwait(&signals, &signal)
            if signal != SIGUSR1 {
                say("khod: a second signal: stopped without a last checkpoint; the next start applies the log again")
                return 0
            }
        }
        if let error = end.error { return lastWords(error) }
        logger.notice("stopped")
        return 0
    }

    /// What the main thread waits for beside signals from outside.
    private final class End: Sendable {
        private let state = Mutex<(error: NodeError?, isFinished: Bool)>((nil, false))

        var error: NodeError? { state.withLock { $0.error } }
        var isFinished: Bool { state.withLock { $0.isFinished } }

        /// The first error counts.
        func fail(_ error: NodeError) {
            state.withLock { if $0.error == nil { $0.error = error } }
            kill(getpid(), SIGUSR1)
        }

        func finish() {
            state.withLock { $0.isFinished = true }
            kill(getpid(), SIGUSR1)
        }
    }

    private static func lastWords(_ error: NodeError) -> Int32 {
        sayError(error.number, "\(error)", remedy: error.remedy)
        return error.exitCode
    }

    /// Says what is wrong with a configuration and what to do; the exit code.
    package static func refuse(_ error: ConfigurationError) -> Int32 {
        let path = error.file
        sayError(
            8101, "\(error)",
            remedy: FileAccess.exists(path) ? "mend \(path), then khod --config \(path) --check" : "khod --config FILE, with the path of this node's configuration")
        return 78
    }

    /// Writes `khod: error KHO-NNNN: …` and the line with the remedy to the standard error.
    package static func sayError(_ number: UInt16, _ text: String, remedy: String) {
        say("khod: error KHO-\(number): \(text)\n  try: \(remedy)")
    }

    private static func say(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in utf8.withMemoryRebound(to: CChar.self) { kho_write_stderr($0.baseAddress, $0.count) } }
    }
}
