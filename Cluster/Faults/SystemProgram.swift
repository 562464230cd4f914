import Glibc
import Harness

/// A program of the system's administrator, which may not be on the PATH of whoever runs a test.
enum SystemProgram {
    /// Where it is; nil if it is not installed.
    static func path(_ name: String) -> String? {
        ["/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"].map { $0 + name }.first { access($0, X_OK) == 0 }
    }

    /// Runs it to its end, within 20 s. Throws `FaultError.command` with what it said if it does not end with 0.
    static func run(_ name: String, _ arguments: [String]) throws(FaultError) {
        let command = ([name] + arguments).joined(separator: " ")
        do throws(HarnessError) {
            let result = try ChildProcess.run(path(name) ?? name, arguments, timeoutMilliseconds: 20_000)
            guard result.status == 0 else { throw HarnessError.failed(command, status: result.status, output: result.errors) }
        } catch { throw .command(command, output: "\(error)") }
    }
}
