/// Why a history cannot be judged.
package enum ChecksError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file cannot be opened, read or written.
    case file(path: String, errno: Int32)
    /// The line, counted from 1, is none of a history, or contradicts one before it.
    case line(path: String, line: Int, String)
    /// The operations contradict each other in a way that no system can be blamed for.
    case history(String)

    package var description: String {
        switch self {
        case let .file(path, errno): "\(path): errno \(errno)"
        case let .line(path, line, what): "\(path):\(line): \(what)"
        case let .history(what): what
        }
    }
}
