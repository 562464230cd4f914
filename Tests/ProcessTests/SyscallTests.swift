import Core
import DemoData
import Glibc
import Harness
import TestSupport
import Testing
import Wire

@testable import kho

/// What a batch of pipelined requests costs a query node in calls of the system: one read, one write and one wait for the next, and not one of each for every request.
extension ProcessTests {
    private static let batch = 64
    private static let batches = 40
    private static let warmUp = 8

    /// Sends a batch and waits for all of its answers.
    private func ask(_ client: RawClient, _ handle: UInt32, _ dataset: DatasetID, _ number: Int) async throws {
        let first = UInt32(number * Self.batch + 1)
        var bytes: [UInt8] = []
        for stream in first..<first + UInt32(Self.batch) {
            bytes += try RawClient.frame(Get(preamble: RequestPreamble(handle: handle, dataset: dataset), key: Array("01".utf8)), stream)
        }
        client.send(bytes)
        var others: [String] = []
        for stream in first..<first + UInt32(Self.batch) {
            let answer = try await client.answer(stream)
            if answer.opcode != Opcode.record.rawValue { others.append(answer.error.map { "\($0)" } ?? "opcode \(answer.opcode)") }
        }
        #expect(others.isEmpty, "batch \(number): \(others.first ?? "")")
    }

    /// Lines of strace by thread; what only says how an earlier call ended is none.
    private func calls(_ path: String) throws -> [Substring: [Substring]] {
        var calls: [Substring: [Substring]] = [:]
        for line in try Files.text(path).split(separator: "\n") where !line.contains("resumed>") && line.contains("(") {
            let words = line.split(separator: " ", maxSplits: 1)
            if words.count == 2 { calls[words[0], default: []].append(words[1].drop { $0 == " " }) }
        }
        return calls
    }

    private func count(_ calls: [Substring], of names: [String] = [""], on file: String? = nil) -> Int {
        calls.count { call in (file.map { call.contains($0) } ?? true) && names.contains { call.hasPrefix($0) } }
    }

    @Test(arguments: ["lease", "read-index"]) func aBatchIsReadAndAnsweredAtOnce(mode: String) async throws {
        let world = try await World.ready()
        let query = try #require(world.cluster.queryNodes.first)
        _ = try await world.succeed(["cluster", "configure", "--read-mode", mode], within: 20)
        let client = try await RawClient(query.clientAddress, world.tls(DemoCatalogue.tax.identity))
        let handle = try await client.greet()
        try await Units.imported(world)
        let units = try await world.client(DemoCatalogue.tax.identity).dataset(named: DemoCatalogue.units).id
        for number in 0..<Self.warmUp { try await ask(client, handle, units, number) }

        let path = world.folder + "/syscalls-" + mode
        let pid = try #require(query.process?.pid)
        let strace = try ChildProcess("/usr/bin/strace", ["-f", "-yy", "-qq", "-o", path, "-p", "\(pid)"], errors: path + ".errors")
        try await wait(for: "strace to begin", seconds: 20) {
            (try? Files.text("/proc/\(pid)/status"))?.contains("TracerPid:\t\(strace.pid)") == true
        }
        for number in Self.warmUp..<Self.warmUp + Self.batches { try await ask(client, handle, units, number) }
        strace.signal(SIGINT)
        strace.wait()

        // The loop that answers is the one that has the client's socket.
        let socket = "TCP:[127.0.0.1:\(try #require(query.clientAddress.split(separator: ":").last))->"
        let loop = try #require(try calls(path).values.max { count($0, on: socket) < count($1, on: socket) })
        let batches = Double(Self.batches)
        let reads = Double(count(loop, of: ["read", "readv", "recvfrom", "recvmsg"], on: socket)) / batches
        let writes = Double(count(loop, of: ["write", "writev", "sendto", "sendmsg"], on: socket)) / batches
        // Looks before the loop sleeps (`BusyPolling`): a byte into the loop's pipe, which the next wait finds and a read takes, and a yield.
        let looks = Double(count(loop, of: ["write"], on: "<pipe:")) / batches
        let looking = Double(count(loop, on: "<pipe:") - count(loop, of: ["epoll"], on: "<pipe:") + count(loop, of: ["sched_yield"])) / batches + looks
        // What the loop does by the clock, batches or not: a wait that a timer ends, a read of it, and setting it anew. For a second after an import it is much.
        let timing = Double(2 * count(loop, of: ["read"], on: "[timerfd]") + count(loop, of: ["timerfd_settime"])) / batches
        let all = Double(loop.count) / batches - looking - timing
        print("system calls of a batch of \(Self.batch) GETs, \(mode): \(reads) reads, \(writes) writes, \(all) in all, and \(looking) for \(looks) looks")
        #expect(looking <= 6 * looks, "\(looking) calls for \(looks) looks")
        #expect((0.9...1.2).contains(reads) && (0.9...1.2).contains(writes), "\(reads) reads and \(writes) writes a batch")
        // With a barrier another loop wakes this one.
        #expect(all <= (mode == "lease" ? 3.6 : 9), "\(all) calls a batch: \(Dictionary(grouping: loop) { $0.prefix { $0 != "(" } }.mapValues(\.count))")
        _ = try await world.succeed(["cluster", "configure", "--read-mode", "read-index"], within: 20)
    }
}
