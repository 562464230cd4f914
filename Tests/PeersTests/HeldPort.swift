import Glibc
import TestSupport

/// A port of the loopback interface that is this test's alone: the system gives it to nobody who asks for any port, and who connects to it while
/// no node listens there is refused. A node that asks for this port gets it, as both allow addresses to be used again.
struct HeldPort {
    let number: Int
    private let descriptor: Int32

    init() throws {
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
        number = Int(UInt16(bigEndian: address.sin_port))
        guard isBound else {
            close(descriptor)
            throw InVain("no free port: errno \(errno)")
        }
    }

    func release() { close(descriptor) }
}
