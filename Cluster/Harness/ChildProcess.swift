import Core
import Glibc
import Synchronization

/// What goes wrong with a child process.
package enum HarnessError: Error, CustomStringConvertible {
    case cannotStart(String, errno: Int32)
    case failed(String, status: Int32, output: String)
    case file(String, errno: Int32)
    case timedOut(String)

    package var description: String {
        switch self {
        case let .cannotStart(program, code): "cannot start \(program): \(String(cString: strerror(code)))"
        case let .failed(command, status, output): "\(command) ended with \(status):\n\(output)"
        case let .file(path, code): "\(path): \(String(cString: strerror(code)))"
        case let .timedOut(what): "waited in vain for \(what)"
        }
    }
}

/// A child process with its standard output and error in files. Not shared between threads.
package final class ChildProcess {
    package let pid: pid_t
    package let command: String
    /// Held while a process is started: who gets a descriptor and marks it as not to be inherited in two calls holds it meanwhile.
    package static let inheritance = Mutex(())
    /// The wait status once it has ended.
    private var ended: Int32?

    /// Starts the program with `arguments` (without the program's own name). Output goes to the end of the files; nil means
    /// /dev/null. The child dies with a SIGTERM of its own group only if it is signalled; it does not outlive `stop`.
    package init(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], output: String? = nil,
        errors: String? = nil
    ) throws(HarnessError) {
        command = ([program] + arguments).joined(separator: " ")
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output ?? "/dev/null", O_WRONLY | O_CREAT | O_APPEND, 0o644)
        if let errors, errors == output {
            posix_spawn_file_actions_adddup2(&actions, 1, 2)
        } else {
            posix_spawn_file_actions_addopen(&actions, 2, errors ?? "/dev/null", O_WRONLY | O_CREAT | O_APPEND, 0o644)
        }
        // A group of its own: a Ctrl-C at the terminal is the parent's to handle.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))

        var variables: [String: String] = environment
        for name in ["PATH", "HOME", "LD_LIBRARY_PATH", "LANG", "TMPDIR"] where variables[name] == nil {
            if let value = getenv(name) { variables[name] = String(cString: value) }
        }
        let argv = ([program] + arguments).map { strdup($0) } + [nil]
        let envp = variables.sorted { $0.key < $1.key }.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { (argv + envp).forEach { free($0) } }
        var pid: pid_t = 0
        let code = Self.inheritance.withLock { _ in
            Self.keepDescriptors()
            return posix_spawn(&pid, program, &actions, &attributes, argv, envp)
        }
        guard code == 0 else { throw .cannotStart(program, errno: code) }
        self.pid = pid
    }

    /// Sockets of event loops are not marked as closed on exec: inherited, they would stay open as long as the child runs.
    private static func keepDescriptors() {
        for name in Files.names(in: "/proc/self/fd") {
            if let descriptor = Int32(name), descriptor > 2 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        }
    }

    /// Whether it still runs. Collects its status if not.
    package var isRunning: Bool {
        if ended != nil { return false }
        var status: Int32 = 0
        guard waitpid(pid, &status, WNOHANG) == pid else { return true }
        ended = status
        return false
    }

    package func signal(_ number: Int32) {
        if isRunning { kill(pid, number) }
    }

    /// Whether it leaves this signal to whoever waits for it, as `khod` does with SIGTERM from its first milliseconds on. Before, the signal ends it as it ends any process. Of
    /// any of its threads, as the kernel tells it in `/proc/<pid>/task`: the thread that waits for the signal does not block it while it waits.
    package func blocks(_ number: Int32) -> Bool {
        guard isRunning else { return false }
        return Files.names(in: "/proc/\(pid)/task").contains { thread in
            guard let status = try? Files.text("/proc/\(pid)/task/\(thread)/status"),
                let line = status.split(separator: "\n").first(where: { $0.hasPrefix("SigBlk:") }),
                let mask = UInt64(line.dropFirst(7).drop { $0 == "\t" || $0 == " " }, radix: 16)
            else { return false }
            return mask >> UInt64(number - 1) & 1 == 1
        }
    }

    /// Waits for its end. The exit code, or 128 and the signal's number.
    @discardableResult
    package func wait() -> Int32 {
        if ended == nil {
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
            ended = status
        }
        let status = ended ?? 0
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    }

    /// Waits at most so long; nil if it still runs then.
    package func wait(atMostMilliseconds limit: UInt64) -> Int32? {
        let end = MonotonicTime.now().adding(milliseconds: limit)
        while isRunning {
            if MonotonicTime.now() > end { return nil }
            usleep(2_000)
        }
        return wait()
    }

    /// SIGKILL and the end of it.
    package func destroy() {
        signal(SIGKILL)
        wait()
    }
}

/// What a finished command said.
package struct CommandResult {
    package var status: Int32
    package var output: String
    package var errors: String

    package init(status: Int32, output: String, errors: String) {
        self.status = status
        self.output = output
        self.errors = errors
    }
}

extension ChildProcess {
    /// Runs a command to its end with its output in temporary files.
    package static func run(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], timeoutMilliseconds: UInt64 = 120_000
    ) throws(HarnessError) -> CommandResult {
        let folder = try TemporaryFolder(prefix: "kho-command")
        let process = try ChildProcess(
            program, arguments, environment: environment, output: folder.path + "/out", errors: folder.path + "/err")
        guard let status = process.wait(atMostMilliseconds: timeoutMilliseconds) else {
            process.destroy()
            throw .timedOut(process.command)
        }
        return CommandResult(
            status: status, output: try Files.text(folder.path + "/out"), errors: try Files.text(folder.path + "/err"))
    }
}
