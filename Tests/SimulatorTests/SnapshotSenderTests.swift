import Core
import Store
import Synchronization
import Testing

@testable import Replica
@testable import Simulation

/// A snapshot's transfer, one step at a time.
@Suite struct SnapshotSenderTests {
    /// What the sender sent, how it ended, and the clock.
    private final class Desk: Sendable {
        let sent = Mutex<[ReplicaMessage]>([])
        let ended = Mutex<Bool?>(nil)
        let milliseconds = Mutex<UInt64>(1)
        let lane = Mutex<(any RunnableLane)?>(nil)

        var host: ReplicaHost {
            ReplicaHost(
                now: { [self] in MonotonicTime(nanoseconds: milliseconds.withLock { $0 } * 1_000_000) }, wallMilliseconds: { 0 }, draw: { 0 },
                run: { [self] lane in
                    self.lane.withLock { $0 = lane }
                    return {}
                }, posted: nil, watch: nil)
        }

        /// Lets the sender work on what was left for it, after so long.
        func work(after pause: UInt64 = 1) {
            milliseconds.withLock { $0 += pause }
            _ = lane.withLock { $0 }?.runBatch(atMost: 100)
        }
    }

    private func begun(
        _ desk: Desk, machine: ModelMachine = ModelMachine(ModelStorage(), cluster: ClusterID(high: 1, low: 1), shelf: SnapshotShelf())
    ) -> SnapshotSender {
        let sender = SnapshotSender(
            to: NodeID(2), transfer: 7, isWanted: false, bytesPerSecond: 64 << 20, machine: machine, host: desk.host, send: { message in desk.sent.withLock { $0.append(message) } },
            damaged: { _ in }, finished: { _, delivered in desk.ended.withLock { $0 = delivered } })
        sender.start()
        _ = desk.lane.withLock { $0 }?.begin()
        return sender
    }

    /// The receiver was killed in the middle: it knows nothing of what it had, and the sender has not kept it. To go on saying what is missing
    /// would take for ever.
    @Test func aReceiverThatForgotWhatItHadGetsAnotherTransfer() {
        let desk = Desk()
        let sender = begun(desk)
        let chunks = desk.sent.withLock { $0.count { if case .snapshotChunk = $0 { true } else { false } } }
        #expect(chunks > 1)
        sender.hear(.ack(next: 1))
        desk.work()
        // Nothing more is heard; the receiver is back and asks for the first.
        desk.work(after: 1_500)
        sender.hear(.ack(next: 0))
        desk.work()
        #expect(desk.ended.withLock { $0 } == false)
    }

    /// A transfer whose image stands in the way of the state ends; the leader begins another one later, with a newer image.
    @Test func anImageThatStandsInTheWayIsGivenUp() {
        let desk = Desk()
        let machine = ModelMachine(ModelStorage(), cluster: ClusterID(high: 1, low: 1), shelf: SnapshotShelf())
        let sender = begun(desk, machine: machine)
        let sent = desk.sent.withLock { $0.count }
        machine.obstacle = "no room"
        sender.hear(.ack(next: 1))
        desk.work()
        #expect(desk.ended.withLock { $0 } == false)
        #expect(desk.sent.withLock { $0.count } == sent)
    }

    /// An acknowledgement that was overtaken by a later one says nothing.
    @Test func anAcknowledgementThatComesLateEndsNothing() {
        let desk = Desk()
        let sender = begun(desk)
        sender.hear(.ack(next: 1))
        desk.work()
        sender.hear(.ack(next: 0))
        desk.work()
        #expect(desk.ended.withLock { $0 } == nil)
        sender.hear(.done(installed: true))
        desk.work()
        #expect(desk.ended.withLock { $0 } == true)
    }
}
