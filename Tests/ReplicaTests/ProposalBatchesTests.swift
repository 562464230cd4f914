import Core
import Raft
import Testing

@testable import Replica

@Suite struct ProposalBatchesTests {
    private func proposal(_ number: UInt64, bytes: Int = 10) -> Proposal {
        Proposal(id: ProposalID(number), payload: [UInt8](repeating: 0, count: bytes))
    }

    private func at(_ microseconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: 1_000_000_000 + microseconds * 1_000) }

    private func numbers(_ batch: [Proposal]) -> [UInt64] { batch.map(\.id.rawValue) }

    @Test func whereFewComeEachGoesAtOnce() {
        var batches = ProposalBatches(pauseMicroseconds: 2_000, siblings: 4)
        #expect(batches.due == nil && batches.take(at: at(0)).isEmpty)
        for number in 1...20 as ClosedRange<UInt64> {
            for sibling in 0..<3 as Range<UInt64> { batches.append(proposal(3 * number + sibling)) }
            #expect(numbers(batches.take(at: at(number))) == [3 * number, 3 * number + 1, 3 * number + 2])
            #expect(batches.due == nil)
        }
    }

    @Test func whereManyComeABatchWaitsForThePauseAfterTheOneBefore() throws {
        var batches = ProposalBatches(pauseMicroseconds: 2_000, siblings: 4)
        for number in 1...4 as ClosedRange<UInt64> { batches.append(proposal(number)) }
        #expect(numbers(batches.take(at: at(0))) == [1, 2, 3, 4])
        batches.append(proposal(5))
        #expect(batches.take(at: at(1)).isEmpty)
        batches.append(proposal(6))
        #expect(batches.take(at: at(1_999)).isEmpty)
        #expect(batches.due == at(2_000))
        #expect(numbers(batches.take(at: at(2_000))) == [5, 6])
        #expect(batches.due == nil)
        // They were few, so the next goes at once.
        batches.append(proposal(7))
        #expect(numbers(batches.take(at: at(2_001))) == [7])
    }

    @Test func whoComesAfterThePauseDoesNotWait() {
        var batches = ProposalBatches(pauseMicroseconds: 2_000, siblings: 1)
        batches.append(proposal(1))
        #expect(numbers(batches.take(at: at(0))) == [1])
        batches.append(proposal(2))
        #expect(numbers(batches.take(at: at(2_500))) == [2])
    }

    @Test func manyBytesDoNotWait() {
        var batches = ProposalBatches(pauseMicroseconds: 2_000, siblings: 1)
        batches.append(proposal(1))
        #expect(batches.take(at: at(0)).count == 1)
        batches.append(proposal(2, bytes: ProposalBatches.bytesMax - 1))
        #expect(batches.take(at: at(1)).isEmpty)
        batches.append(proposal(3, bytes: 1))
        #expect(numbers(batches.take(at: at(1))) == [2, 3])
        // Bytes that have gone count no more.
        batches.append(proposal(4))
        #expect(batches.take(at: at(2)).isEmpty)
    }

    @Test func whatMustGoGoes() {
        var batches = ProposalBatches(pauseMicroseconds: 2_000, siblings: 1)
        batches.append(proposal(1))
        #expect(batches.take(at: at(0)).count == 1)
        batches.append(proposal(2))
        #expect(batches.take(at: at(1)).isEmpty)
        #expect(numbers(batches.take(at: at(1), always: true)) == [2])
    }

    @Test func withoutAPauseNoneWaits() {
        var batches = ProposalBatches(pauseMicroseconds: 0, siblings: 1)
        for number in 1...9 as ClosedRange<UInt64> {
            batches.append(proposal(number))
            #expect(numbers(batches.take(at: at(7))) == [number])
        }
    }

    /// What comes within the pause is answered, in the order of its coming, though nothing comes after it.
    @Test func whatWaitedIsAnswered() throws {
        let cluster = try ReplicaCluster()
        (cluster.batchPauseMicroseconds, cluster.batchSiblings) = (300_000, 1)
        try cluster.startAll()
        let leader = try cluster.leader()
        try cluster.makeWorld(at: leader)
        let answers = Mailbox<(number: Int, ProposalResult)>()
        for number in 0..<12 {
            let command = try cluster.put("k\(number)", at: leader)
            try #require(cluster.replicas[leader]).propose(command.encoded()) { answers.post((number, $0)) }
        }
        var positions: [Int: LogPosition] = [:]
        while positions.count < 12 {
            for (number, result) in try #require(answers.take(atMostNanoseconds: 20_000_000_000)) {
                guard case let .applied(_, position) = result else {
                    Issue.record("\(number): \(result)")
                    return
                }
                positions[number] = position
            }
        }
        let indexes = (0..<12).compactMap { positions[$0]?.index }
        #expect(indexes.count == 12 && indexes == indexes.sorted())
        #expect(cluster.failures.texts.isEmpty)
    }

    /// What another node has forwarded and a leader that stops has not taken yet is refused, so that its sender knows that nothing was done.
    @Test func whatWaitsWhereALeaderStopsIsRefused() throws {
        let cluster = try ReplicaCluster()
        try cluster.startAll()
        let first = try cluster.leader()
        try cluster.makeWorld(at: first)
        cluster.stopAll()
        (cluster.batchPauseMicroseconds, cluster.batchSiblings) = (60_000_000, 1)
        try cluster.startAll()
        let leader = try cluster.leader()
        let follower = try #require(cluster.voters.members.map(\.id).first { $0 != leader })
        let forwarding = try #require(cluster.replicas[follower])
        try cluster.wait("the follower to know its leader") { forwarding.raftStatus.leader == leader }
        let (taken, waiting) = (try cluster.put("k0", at: leader), try cluster.put("k1", at: leader))
        try cluster.apply(taken, at: follower)
        // The first is in the log, and the second waits for the pause's end.
        let answers = Mailbox<ProposalResult>()
        forwarding.propose(waiting.encoded()) { answers.post($0) }
        let replica = try #require(cluster.replicas[leader])
        try cluster.wait("a proposal that waits") {
            let status = Mailbox<ReplicaStatus>()
            replica.status { status.post($0) }
            return status.take(atMostNanoseconds: 5_000_000_000)?.first?.waiting == 1
        }
        replica.stop()
        let answer = try #require(answers.take(atMostNanoseconds: 20_000_000_000)?.first)
        #expect({ if case .refused(.notLeader) = answer { true } else { false } }(), "\(answer)")
    }
}
