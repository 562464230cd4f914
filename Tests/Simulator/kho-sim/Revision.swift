import Glibc

/// Which revision this is, for reports: what git says, if there is one to ask.
enum Revision {
    static let text: String = {
        guard let stream = popen("git describe --always --dirty 2>/dev/null", "r") else { return "unknown" }
        defer { pclose(stream) }
        var buffer = [CChar](repeating: 0, count: 200)
        guard fgets(&buffer, Int32(buffer.count), stream) != nil else { return "unknown" }
        let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.split(separator: "\n").first.map(String.init) ?? "unknown"
    }()
}
