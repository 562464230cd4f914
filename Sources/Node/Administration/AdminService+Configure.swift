import Core
import Wire

extension AdminService {
    /// Changes what all nodes go by, in the log: `{readMode: "lease" | "read-index"}`. Only the leader can. Answers when the entry is
    /// applied; a lease that was granted before lives on to its end, some tenths of a second.
    func configure(_ body: Document, _ caller: CertificateName) async throws(Failure) -> Document {
        let word = try text(body, "readMode")
        guard let mode = ReadMode(text: word) else { throw Failure(.invalidRequest, path: "readMode", "expected \"read-index\" or \"lease\"") }
        let changed = try await change(caller) { membership throws(Failure) in membership.readMode == mode ? nil : membership.reading(mode) }
        return ["readMode": .string(mode.text), "index": changed["index"] ?? .null]
    }
}

extension ReadMode {
    /// As administrators write it.
    var text: String {
        switch self {
        case .readIndex: "read-index"
        case .lease: "lease"
        }
    }

    /// nil for another word.
    init?(text: String) {
        switch text {
        case "read-index": self = .readIndex
        case "lease": self = .lease
        default: return nil
        }
    }
}
