import Glibc
import Harness
import Testing

/// A child has its standard streams, and nothing of what its parent has open.
@Suite struct ChildProcessTests {
    @Test func aChildInheritsNoDescriptor() throws {
        // No flag to close it on exec, as a socket of an event loop has none.
        let descriptor = fcntl(2, F_DUPFD, 700)
        try #require(descriptor >= 700)
        defer { close(descriptor) }
        let result = try ChildProcess.run("/bin/ls", ["/proc/self/fd"])
        #expect(result.status == 0, "\(result.errors)")
        let open = result.output.split(separator: "\n")
        #expect(open.contains("2") && !open.contains("\(descriptor)"), "\(open)")
    }
}
