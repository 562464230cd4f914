import Core
import Glibc

/// A port of the loopback interface that is its holder's alone: the system gives it to nobody who asks for any port, and who connects to it while
/// no node listens there is refused. A node that asks for this very port gets it, as nodes and holder allow addresses to be used again.
package struct HeldPort: Sendable {
    package let number: Int
    private let descriptor: Int32

    package init() {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var yes: Int32 = 1
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let isBound = setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size)) == 0
            && withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0 }
            }
        invariant(isBound, "no free port on the loopback interface: errno \(errno)")
        number = Int(UInt16(bigEndian: address.sin_port))
    }

    package func release() { close(descriptor) }

    /// The numbers of so many ports that are held as long as this process runs: nodes may come, go and come back on them, and no other node, test or
    /// connection has them meanwhile.
    package static func forGood(_ count: Int) -> [Int] { (0..<count).map { _ in HeldPort().number } }
}
