import Glibc
import Harness

/// What a process and a folder take up.
package enum Usage {
    /// Bytes of memory that the process holds at this moment, files mapped by it left out; nil if it is gone.
    package static func memory(of pid: pid_t) -> Int? {
        guard let text = try? Files.text("/proc/\(pid)/status") else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix("RssAnon:") {
            return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }.map { $0 * 1_024 }
        }
        return nil
    }

    /// Bytes of disk that the files below the folder take up, or those of them whose names begin so.
    package static func disk(below folder: String, prefix: String = "") -> Int {
        var bytes = 0
        for path in Damage.files(below: folder) where path.split(separator: "/").last?.hasPrefix(prefix) == true {
            var info = stat()
            if lstat(path, &info) == 0 { bytes += Int(info.st_blocks) * 512 }
        }
        return bytes
    }
}
