import CKhoCounters
import Glibc
import Harness

/// This program, started by itself in valgrind, whose callgrind counts instructions.
enum ValgrindRun {
    private static let variable = "KHO_COUNTS_FILES"

    /// What callgrind's files are called before their numbers; nil outside valgrind.
    static var files: String? { kho_in_valgrind() == 0 ? nil : getenv(variable).map { String(cString: $0) } }

    /// Runs the program in valgrind and prints what it prints. Its exit code; 127 if there is no valgrind.
    static func run() throws -> Int32 {
        var path = [CChar](repeating: 0, count: 4_096)
        let length = readlink("/proc/self/exe", &path, path.count - 1)
        guard length > 0 else { throw CountsError("this program cannot be found: errno \(errno)") }
        let program = String(decoding: path[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let folder = try TemporaryFolder(prefix: "kho-counts")
        let files = folder.path + "/count"
        // Valgrind 3.19 stops at what Swift's compiler notes for debuggers.
        let plain = folder.path + "/kho-counts"
        var result = try ChildProcess.run("/usr/bin/env", ["strip", "-g", "-o", plain, program])
        if result.status == 0 {
            result = try ChildProcess.run(
                "/usr/bin/env",
                ["valgrind", "--quiet", "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=\(files)", plain, "--instructions"],
                environment: [variable: files], timeoutMilliseconds: 600_000)
        }
        print(result.output, terminator: "")
        if result.status > 1 {
            print(result.errors, terminator: "")
            print("kho-counts: instructions could not be counted\n  try: apt-get install valgrind binutils as root")
        }
        return result.status
    }

    /// The instructions that a file of callgrind's says.
    static func total(in path: String) throws -> UInt64 {
        for line in try Files.text(path).split(separator: "\n") where line.hasPrefix("totals: ") {
            if let total = UInt64(line.dropFirst(8)), total > 0 { return total }
        }
        throw CountsError("\(path) has no totals")
    }
}

struct CountsError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
