import Glibc
import Harness

/// Asks the kernel whose socket it is at the other end of a connection on the loopback interface, so that a proxy knows which node dials
/// without that node's help.
package enum SocketOwner {
    /// The process among `candidates` that holds the connected TCP socket with this local port, whose other end is `remotePort`; nil if none does. Reads
    /// /proc: some milliseconds.
    package static func process(localPort: Int, remotePort: Int, among candidates: [pid_t]) -> pid_t? {
        guard let inode = inode(localPort: localPort, remotePort: remotePort) else { return nil }
        let wanted = "socket:[\(inode)]"
        for pid in candidates {
            let folder = "/proc/\(pid)/fd"
            for name in Files.names(in: folder) where target("\(folder)/\(name)") == wanted { return pid }
        }
        return nil
    }

    /// The number of the connected socket in the kernel's table. The table may have thousands of lines, of connections that have
    /// ended a while ago, so it is searched by the C library.
    private static func inode(localPort: Int, remotePort: Int) -> String? {
        guard var table = try? Files.bytes("/proc/net/tcp") else { return nil }
        table.append(0)
        // local remote st tx:rx tr:when retrnsmt uid timeout inode …, all on 127.0.0.1; state 01 is connected.
        let wanted = "0100007F:\(hex(localPort)) 0100007F:\(hex(remotePort)) 01 "
        let place: Int? = table.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self), let found = strstr(start, wanted) else { return nil }
            return UnsafePointer(found) - start
        }
        guard let place else { return nil }
        let line = table[place...].prefix { $0 != UInt8(ascii: "\n") && $0 != 0 }
        let words = line.split(separator: UInt8(ascii: " "))
        return words.count > 8 ? String(decoding: words[8], as: UTF8.self) : nil
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
