import Core
import Testing

@testable import Replica

@Suite struct SnapshotReceiverTests {
    /// While the disk stands still a sender sends what is under way again and again: what waits stays within its bound, and with the disk it goes on.
    @Test func whatWaitsToBeWrittenHasABound() throws {
        let cluster = try ReplicaCluster()
        try cluster.startAll()
        let store = try #require(cluster.stores[try cluster.leader()])
        let receiver = SnapshotReceiver(
            machine: store, host: .system, calls: .init(send: { _, _ in }, received: { _, end in end(false) }, failed: { Issue.record("\($0)") }))
        let chunk = ReplicaMessage.snapshotChunk(transfer: 1, chunk: [UInt8](repeating: 0, count: 1 << 10))
        func hear(_ count: Int) { for _ in 0..<count { receiver.hear(chunk, from: NodeID(2)) } }
        // Its lane has not begun.
        hear(SnapshotReceiver.waitingMax)
        #expect(receiver.waitingNow == SnapshotReceiver.waitingMax)
        hear(100)
        #expect(receiver.waitingNow == SnapshotReceiver.waitingMax)
        receiver.start()
        try cluster.wait("all to be taken") { receiver.waitingNow == 0 }
        hear(SnapshotReceiver.waitingMax / 2)
        try cluster.wait("these too") { receiver.waitingNow == 0 }
        receiver.stop()
    }
}
