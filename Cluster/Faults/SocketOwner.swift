import Glibc
import Harness

/// Asks the kernel whose socket it is at the other end of a connection on the loopback interface, so that a proxy knows which node dials
/// without that node's help.
package enum SocketOwner {
    /// The process among `candidates` that holds the connected TCP socket with this local port, whose other end is `remotePort`; nil if none does. Reads
    /// /proc: some milliseconds.
    package static func process(localPort: Int, remotePort: Int, among candidates: [pid_t]) -> pid_t? {
        guard let text = try? Files.text("/proc/net/tcp") else { return nil }
        let local = ":" + hex(localPort), remote = ":" + hex(remotePort)
        var inode: Substring?
        for line in text.split(separator: "\n").dropFirst() {
            // sl local remote st tx:rx tr:when retrnsmt uid timeout inode …
            let words = line.split(separator: " ")
            if words.count > 9, words[1].hasSuffix(local), words[2].hasSuffix(remote) { inode = words[9] }
        }
        guard let inode, inode != "0" else { return nil }
        let wanted = "socket:[\(inode)]"
        for pid in candidates {
            let folder = "/proc/\(pid)/fd"
            for name in Files.names(in: folder) where target("\(folder)/\(name)") == wanted { return pid }
        }
        return nil
    }

    private static func hex(_ port: Int) -> String {
        let text = String(port, radix: 16, uppercase: true)
        return String(repeating: "0", count: 4 - text.utf8.count) + text
    }

    private static func target(_ path: String) -> String {
        var buffer = [CChar](repeating: 0, count: 64)
        let count = readlink(path, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
