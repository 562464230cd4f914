import Configuration
import Glibc

/// How a command ends. The numbers from 64 on are those of BSD's sysexits.
package enum ExitStatus: Int32, Sendable {
    case success = 0
    case failure = 1
    /// A check was made, and its answer is no.
    case checkFailed = 2
    case usage = 64
    /// What was read is not right.
    case badData = 65
    /// Nobody answers, or no quorum does.
    case unreachable = 69
    /// A fault in Kho.
    case bug = 70
    /// The same command may succeed later.
    case tryAgain = 75
    case noPermission = 77
    case configuration = 78
}

/// Why a command failed: what happened, the details, and what to do next.
package struct CommandError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The stable number; those of the nodes are the protocol's, those of the tool itself begin at 8001.
    package var number: UInt16
    package var message: String
    /// One a line, indented.
    package var details: [String]
    /// A command to try, or what to do.
    package var remedy: String?
    package var status: ExitStatus
    /// The line of the file that it is about; nil if it is about none.
    package var line: Int?

    package init(_ number: UInt16, _ message: String, details: [String] = [], remedy: String? = nil, status: ExitStatus = .failure) {
        self.number = number
        self.message = message
        self.details = details
        self.remedy = remedy
        self.status = status
    }

    /// `kho: error KHO-2003: …` and the lines below it, without a line feed at the end. Nothing in it can act on a terminal.
    package var description: String {
        let digits = String(number)
        let padded = String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
        var lines = ["kho: error KHO-\(padded): \(HumanText.escaped(message))"]
        lines += details.map { "  " + HumanText.escaped($0) }
        if let remedy { lines.append("  try: \(HumanText.escaped(remedy))") }
        return lines.joined(separator: "\n")
    }
}

extension CommandError {
    // The tool's own numbers, from 8001, which no node uses. They never change their meaning.

    /// 8001: the command line is understood, and asks for what cannot be.
    package static func usage(_ message: String, remedy: String? = nil) -> CommandError {
        CommandError(8001, message, remedy: remedy, status: .usage)
    }

    /// 8002: a file or an environment variable that says how to reach the cluster is wrong or missing.
    package static func configuration(_ message: String, details: [String] = [], remedy: String? = nil) -> CommandError {
        CommandError(8002, message, details: details, remedy: remedy, status: .configuration)
    }

    /// 8003: a file cannot be read or written.
    package static func file(_ message: String, remedy: String? = nil) -> CommandError {
        CommandError(8003, message, remedy: remedy, status: .failure)
    }

    /// 8003, with what can be done about it.
    package static func file(_ error: FileError, remedy: String? = nil) -> CommandError {
        .file(error.description, remedy: remedy ?? error.remedy)
    }

    /// 8004: what a file holds is not right.
    package static func badData(_ message: String, details: [String] = [], remedy: String? = nil) -> CommandError {
        CommandError(8004, message, details: details, remedy: remedy, status: .badData)
    }

    /// 8005: a check was made, and its answer is no.
    package static func checkFailed(_ message: String, details: [String] = [], remedy: String? = nil) -> CommandError {
        CommandError(8005, message, details: details, remedy: remedy, status: .checkFailed)
    }

    /// 8006: a certificate or a key could not be made or read.
    package static func certificate(_ message: String, remedy: String? = nil) -> CommandError {
        CommandError(8006, message, remedy: remedy, status: .failure)
    }

    /// 8099: a fault in Kho.
    package static func bug(_ message: String) -> CommandError {
        CommandError(8099, message, remedy: "report it with the command line and the output of kho version", status: .bug)
    }
}

extension FileError {
    /// What a person can do about it.
    fileprivate var remedy: String {
        switch code {
        case ENOENT: "ls -l \(folder), and the right path"
        case EACCES, EPERM, EROFS: "ls -ld \(path), or another path: this user may not \(operation) it"
        case ENOSPC, EDQUOT: "free space on the disk (df -h), then the same again"
        case EISDIR, ENOTDIR: "ls -ld \(path), and the right path"
        default: "check the path and the disk, then the same again"
        }
    }

    private var folder: String {
        guard let end = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return end == path.startIndex ? "/" : String(path[..<end])
    }
}
