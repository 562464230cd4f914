import Core
import Dispatch
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Peers

@Suite struct DeliveryTests {
    private static func numbered(_ number: Int, _ count: Int) -> [UInt8] {
        var out = ByteWriter(capacity: 8 + count)
        out.write(UInt64(number))
        out.write(raw: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: count))
        return out.bytes
    }

    @Test func bothLanesDeliverInOrderBothWays() async throws {
        let seed = SystemRandom.uint64()
        var random = SeededRandom(seed: seed)
        try await with(Node(1), Node(2)) { nodes in
            try await connect(nodes[0], nodes[1])
            try await connect(nodes[1], nodes[0])
            var sent: [Recorder.Message] = []
            for number in 0..<3_000 {
                let (from, to) = Bool.random(using: &random) ? (nodes[0], nodes[1]) : (nodes[1], nodes[0])
                let lane: PeerLane = Bool.random(using: &random) ? .consensus : .bulk
                let bytes = Self.numbered(number, Int.random(in: 0...3_000, using: &random))
                #expect(from.network.send(bytes, to: to.id, lane: lane), "seed \(seed)")
                sent.append(.init(from: from.id, lane: lane, bytes: bytes))
            }
            try await until("all have arrived, seed \(seed)") { nodes.reduce(0) { $0 + $1.recorder.messages.count } == sent.count }
            for (from, to) in [(nodes[0], nodes[1]), (nodes[1], nodes[0])] {
                for lane in PeerLane.allCases {
                    let got = to.recorder.messages.filter { $0.lane == lane && $0.from == from.id }
                    #expect(got == sent.filter { $0.lane == lane && $0.from == from.id }, "seed \(seed)")
                }
            }
            let counters = nodes.map(\.network.counters)
            #expect(counters[0].sent + counters[1].sent == 3_000 && counters[0].received + counters[1].received == 3_000)
            #expect(counters[0].sentBytes == counters[1].receivedBytes && counters[0].misbehaved == 0 && counters[0].refused.isEmpty)
        }
    }

    @Test func largeMessagesArriveAsTheyWere() async throws {
        let large = (0..<3).map { SystemRandom.bytes((5 << 20) + $0) }
        try await with(Node(1), Node(2)) { nodes in
            try await connect(nodes[0], nodes[1])
            let sent = [[1], large[0], [], large[1], [2, 3], large[2]] as [[UInt8]]
            for bytes in sent { #expect(nodes[0].network.send(bytes, to: nodes[1].id, lane: .bulk)) }
            try await until("all have arrived") { nodes[1].recorder.messages.count == sent.count }
            let isSame = nodes[1].recorder.messages.map(\.bytes) == sent
            #expect(isSame)
            #expect(nodes[0].network.queuedBytes(to: nodes[1].id, lane: .bulk) == 0)
        }
    }

    @Test func threadsSendAtOnceAndEachKeepsItsOrder() async throws {
        try await with(Node(1), Node(2)) { nodes in
            try await connect(nodes[0], nodes[1])
            let (network, to) = (nodes[0].network, nodes[1].id)
            let refused = await Thread.run {
                let refused = Atomic<Int>(0)
                DispatchQueue.concurrentPerform(iterations: 4) { thread in
                    for number in 0..<2_000
                    where !network.send([UInt8(thread), UInt8(number >> 8), UInt8(number & 255)], to: to, lane: .consensus) {
                        refused.add(1, ordering: .relaxed)
                    }
                }
                return refused.load(ordering: .relaxed)
            }
            #expect(refused == 0)
            try await until("all have arrived") { nodes[1].recorder.messages.count == 8_000 }
            for thread in 0..<4 {
                let numbers = nodes[1].recorder.messages.filter { $0.bytes[0] == thread }.map { Int($0.bytes[1]) << 8 | Int($0.bytes[2]) }
                #expect(numbers == Array(0..<2_000))
            }
        }
    }

    @Test func aMessageThatIsTooLargeOrHasNoWayIsDroppedAndCounted() async throws {
        var limits = Node.limits
        limits.frameBytes = 1_000
        try await with(Node(1, limits: limits), Node(2, limits: limits)) { nodes in
            #expect(!nodes[0].network.send([1], to: nodes[1].id, lane: .consensus))
            try await connect(nodes[0], nodes[1])
            #expect(!nodes[0].network.send([UInt8](repeating: 0, count: 1_001), to: nodes[1].id, lane: .consensus))
            #expect(nodes[0].network.send([UInt8](repeating: 0, count: 1_000), to: nodes[1].id, lane: .consensus))
            #expect(!nodes[0].network.send([1], to: NodeID(9), lane: .consensus))
            #expect(nodes[0].network.counters.dropped == 3 && nodes[0].network.counters.sent == 1)
            try await until("the one has arrived") { nodes[1].recorder.messages.count == 1 }
            #expect(!nodes[0].network.waitForRoom(to: NodeID(9), lane: .bulk, below: 1, timeoutMilliseconds: 1))
        }
    }

    /// The receiver stands still until the sender's queue is full: what `send` took arrives, what it did not take was counted.
    @Test func aFullQueueDropsAndRoomComesBack() async throws {
        var limits = Node.limits
        limits.queueBytes = 1 << 20
        try await with(Node(1, limits: limits), Node(2)) { nodes in
            try await connect(nodes[0], nodes[1])
            let (network, to) = (nodes[0].network, nodes[1].id)
            let recorder = nodes[1].recorder
            let (taken, isFull, hasRoom) = await Thread.run {
                var (taken, isFull) = (0, false)
                recorder.brake.withLock { _ in
                    while !isFull && taken < 10_000 {
                        if network.send(Self.numbered(taken, 64 << 10), to: to, lane: .bulk) {
                            taken += 1
                        } else {
                            // The socket may still take some; only a queue that stays full is full.
                            isFull = !network.waitForRoom(to: to, lane: .bulk, below: 900 << 10, timeoutMilliseconds: 300)
                        }
                    }
                }
                return (taken, isFull, network.waitForRoom(to: to, lane: .bulk, below: 1, timeoutMilliseconds: 30_000))
            }
            #expect(isFull && hasRoom && network.counters.dropped > 0)
            try await until("what was taken has arrived") { recorder.messages.count == taken }
            for (number, message) in recorder.messages.enumerated() {
                #expect(Array(message.bytes[..<8]) == Self.numbered(number, 0))
            }
        }
    }
}

/// Threads of their own for what blocks: the tests' own threads are few, and all tests share them.
enum Thread {
    private static let pool = {
        let pool = NIOThreadPool(numberOfThreads: 4)
        pool.start()
        return pool
    }()

    static func detach(_ body: @escaping @Sendable () -> Void) { pool.submit { _ in body() } }

    static func run<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T {
        await withCheckedContinuation { continuation in detach { continuation.resume(returning: body()) } }
    }
}
