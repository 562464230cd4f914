/// Why a file is no backup that can be used.
package enum BackupError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A file with a key that is not 64 hexadecimal digits.
    case badKey(path: String)
    /// The file does not begin as a backup does.
    case notABackup
    /// It is a backup of a later version.
    case unknownFormat(UInt8)
    /// The first frame does not open: another key, or a head that was changed.
    case wrongKey
    /// A frame, counted from 0, does not open with the file's key, or does not hold what it must.
    case altered(frame: UInt64, what: String)
    /// The file ends, at this byte, before its last frame.
    case cut(at: UInt64)
    /// There are bytes behind the last frame, from this one on.
    case trailing(at: UInt64)
    /// The file cannot be read: the system's words.
    case unreadable(String)

    package var description: String {
        switch self {
        case let .badKey(path): "\(path) holds no key of a backup: expected 64 hexadecimal digits"
        case .notABackup: "it is not a backup: it does not begin as one"
        case let .unknownFormat(format): "its format is \(format), and this version reads format \(BackupFormat.version)"
        case .wrongKey: "it was sealed with another key, or its beginning was changed"
        case let .altered(frame, what): "frame \(frame) was changed: \(what)"
        case let .cut(offset): "it ends at byte \(offset), before its last frame"
        case let .trailing(offset): "there is more behind its last frame, from byte \(offset) on"
        case let .unreadable(reason): "it cannot be read: \(reason)"
        }
    }
}
