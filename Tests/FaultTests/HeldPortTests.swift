import Glibc
import Harness
import Testing

@Suite struct HeldPortTests {
    /// A socket with the port that the system gives, or with this one; nil if it may not be had.
    private func bound(to port: Int = 0) -> (descriptor: Int32, port: Int)? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0 }
        }
        guard isBound else {
            close(descriptor)
            return nil
        }
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }

    /// Of some 28,000 ports that the system gives away 200 are held: of 5,000 that are asked for, 35 would be among them.
    @Test func aHeldPortIsGivenToNobodyElse() throws {
        let held = (0..<200).map { _ in HeldPort() }
        defer { held.forEach { $0.release() } }
        let numbers = Set(held.map(\.number))
        #expect(numbers.count == 200)
        for _ in 0..<5_000 {
            let other = try #require(bound())
            #expect(!numbers.contains(other.port))
            close(other.descriptor)
        }
    }

    @Test func aNodeThatAsksForItGetsIt() throws {
        let held = HeldPort()
        defer { held.release() }
        for _ in 0..<2 {
            let node = try #require(bound(to: held.number))
            #expect(listen(node.descriptor, 8) == 0)
            close(node.descriptor)
        }
    }
}
