import Configuration
import Core
import Glibc
import Testing

@testable import Node

/// The audit file as a file: whole lines, in order, whatever stopped the process before.
@Suite struct AuditFileTests {
    /// A file of its own, removed at the end.
    private func withFile(_ before: String?, _ body: (String) async throws -> Void) async throws {
        let path = "/tmp/kho-audit-\(SystemRandom.uint64())"
        defer { unlink(path) }
        if let before { try FileAccess.create(path, Array(before.utf8), mode: 0o600) }
        try await body(path)
    }

    private func lines(_ path: String) throws -> [String] {
        let text = try FileAccess.text(path)
        #expect(text.hasSuffix("\n"))
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }

    @Test func aDurableLineIsThereWhenItIsAnswered() async throws {
        try await withFile(nil) { path in
            let audit = try AuditFile(path: path, node: "n1")
            audit.write("first", [("a", 1)])
            await audit.writeDurably("second", [("b", "x\n\u{202E}\"")])
            let found = try lines(path)
            #expect(found.count == 2)
            #expect(found[0].hasPrefix("{\"time\":\"20") && found[0].hasSuffix("\"node\":\"n1\",\"event\":\"first\",\"a\":1}"))
            #expect(found[1].hasSuffix("\"event\":\"second\",\"b\":\"x\\u000a\\u202e\\\"\"}"))
            var status = stat()
            #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        }
    }

    @Test func whatIsThereStaysAndATornLineIsEnded() async throws {
        for (before, kept) in [("{\"a\":1}\n", ["{\"a\":1}"]), ("{\"a\":1}\n{\"b\":", ["{\"a\":1}", "{\"b\":"]), ("", [])] {
            try await withFile(before) { path in
                let audit = try AuditFile(path: path, node: "n1")
                await audit.writeDurably("next", [])
                let found = try lines(path)
                #expect(Array(found.dropLast()) == kept)
                #expect(found.last?.hasSuffix("\"event\":\"next\"}") == true)
            }
        }
    }

    /// A line of which a part was written is taken out again, and the lost ones are counted when there is room. The limit of a file's size stands
    /// for a full disk; it is the process's, so it is high enough for everything else that the tests write at that time.
    @Test func aFullDiskCostsWholeLinesAndTheyAreCounted() async throws {
        signal(SIGXFSZ, SIG_IGN)
        var old = rlimit()
        #expect(getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &old) == 0)
        let room = 64 << 30
        try await withFile("") { path in
            // A hole up to a little before the limit.
            try #require(truncate(path, off_t(room - 100)) == 0)
            var limit = old
            limit.rlim_cur = rlim_t(room)
            try #require(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
            let audit = try AuditFile(path: path, node: "n1")
            // A line of some 60 bytes fits once, behind the line feed that ends the hole.
            for number in 0..<3 { await audit.writeDurably("e\(number)", []) }
            #expect(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &old) == 0)
            await audit.writeDurably("last", [])
            let file = open(path, O_RDONLY | O_CLOEXEC)
            defer { close(file) }
            var tail = [UInt8](repeating: 0, count: 4_096)
            let count = pread(file, &tail, tail.count, off_t(room - 99))
            let found = String(decoding: tail.prefix(max(0, count)), as: UTF8.self).split(separator: "\n").map(String.init)
            #expect(found.count == 3, "\(found)")
            #expect(found.first?.contains("\"event\":\"e0\"") == true, "\(found)")
            #expect(found.contains { $0.contains("\"event\":\"last\"") })
            #expect(found.contains { $0.contains("\"event\":\"linesLost\",\"lines\":2") }, "\(found)")
            #expect(found.allSatisfy { $0.hasPrefix("{\"time\":") && $0.hasSuffix("}") })
        }
    }
}
