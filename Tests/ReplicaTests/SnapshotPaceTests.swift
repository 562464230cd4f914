import Core
import Store
import Synchronization
import Testing

@testable import Replica

@Suite struct SnapshotPaceTests {
    /// What a sender said, and the clock that it goes by.
    private final class World: Sendable {
        let clock = Atomic<UInt64>(5_000_000_000)
        let chunks = Mutex<[(number: UInt32, bytes: Int)]>([])
        let ended = Mutex<Bool?>(nil)

        var host: ReplicaHost {
            ReplicaHost(
                now: { MonotonicTime(nanoseconds: self.clock.load(ordering: .relaxed)) }, wallMilliseconds: { 0 }, draw: { 0 }, run: { _ in {} }, posted: nil, watch: nil)
        }

        func hear(_ message: ReplicaMessage) {
            guard case let .snapshotChunk(_, chunk) = message else { return }
            chunks.withLock { $0.append((chunk[4..<8].reduce(0) { $0 << 8 | UInt32($1) }, chunk.count)) }
        }

        func sleep(milliseconds: UInt64) { clock.add(milliseconds * 1_000_000, ordering: .relaxed) }
        var sent: [UInt32] { chunks.withLock { $0.map(\.number) } }
        var bytes: Int { chunks.withLock { $0.reduce(0) { $0 + $1.bytes } } }
    }

    /// A sender of some 45 MB, that nobody else runs, at 4 MiB a second. Chunks are of one to two megabytes.
    private func sender(_ world: World, _ cluster: ReplicaCluster) throws -> SnapshotSender {
        try cluster.startAll()
        let leader = try cluster.leader()
        try cluster.makeWorld(at: leader)
        for number in 0..<45 { try cluster.apply(try cluster.put("k\(number)", bytes: 999_000, at: leader), at: leader) }
        return SnapshotSender(
            to: NodeID(9), transfer: 1, isWanted: false, bytesPerSecond: 4 << 20, machine: try #require(cluster.stores[leader]), host: world.host,
            send: { world.hear($0) }, damaged: { Issue.record("\($0)") }, finished: { _, delivered in world.ended.withLock { $0 = delivered } })
    }

    @Test func aWindowGoesAtOnceAndTheRestAtItsRate() throws {
        let world = World()
        let sender = try sender(world, ReplicaCluster())
        var pause = sender.begin()
        let first = world.bytes
        #expect(world.sent.count <= SnapshotSender.window && first >= 7 << 20 && first <= 10 << 20, "\(first) bytes")
        // All is acknowledged at once, again and again: what goes is what the rate allows.
        for second in 1...3 {
            for _ in 0..<10 {
                world.sleep(milliseconds: 100)
                pause = sender.take([.ack(next: UInt32(world.sent.count))])
            }
            #expect(abs(world.bytes - first - second * (4 << 20)) <= 2 << 20, "\(world.bytes - first) bytes in \(second) s")
        }
        #expect(world.sent == Array(0..<UInt32(world.sent.count)), "nothing was sent twice")
        // It wants to be called when the next one may go, not a second later.
        guard case let .until(time) = pause else { return #expect(Bool(false), "\(pause)") }
        #expect(time.nanoseconds - world.clock.load(ordering: .relaxed) <= 500_000_000)
    }

    /// Being called for the next chunk's turn is no silence: what is under way is sent again a second after the last word, and given up after thirty.
    @Test func silenceIsToldFromATurn() throws {
        let world = World()
        let sender = try sender(world, ReplicaCluster())
        _ = sender.begin()
        let first = world.sent.count
        _ = sender.take([.ack(next: UInt32(first))])
        for _ in 0..<9 {
            world.sleep(milliseconds: 100)
            _ = sender.take([])
        }
        let before = world.sent
        #expect(before == Array(0..<UInt32(before.count)), "turns only")
        for _ in 0..<3 {
            world.sleep(milliseconds: 100)
            _ = sender.take([])
        }
        let again = world.sent.dropFirst(before.count)
        #expect(again.contains(UInt32(first)), "\(world.sent)")
        #expect(world.ended.withLock { $0 } == nil)
        for _ in 0..<30 {
            world.sleep(milliseconds: 1_000)
            _ = sender.take([])
        }
        #expect(world.ended.withLock { $0 } == false)
    }
}
