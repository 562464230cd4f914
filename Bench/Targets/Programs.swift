import Glibc
import Harness

/// Where programs of others are.
enum Programs {
    /// The first of this name in PATH or in the other folders; throws with what to install.
    static func find(_ name: String, also folders: [String] = [], package: String) throws(BenchError) -> String {
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        for folder in folders + path.split(separator: ":").map(String.init) where access(folder + "/" + name, X_OK) == 0 { return folder + "/" + name }
        throw BenchError("there is no program \(name)", remedy: "install \(package), or run Bench/compare, which does")
    }

    /// What a program says of its version, in one line.
    static func version(_ program: String, _ arguments: [String]) -> String {
        guard let result = try? ChildProcess.run(program, arguments, timeoutMilliseconds: 10_000) else { return "unknown" }
        return result.output.split(separator: "\n").first.map(String.init) ?? "unknown"
    }
}
