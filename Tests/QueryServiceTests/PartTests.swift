import Core
import Records
import Testing
import Wire

@testable import QueryService

/// The values that a connection decides with.
@Suite struct PartTests {
    private let preamble = RequestPreamble(handle: 1, dataset: DatasetID(1))

    private func scan(_ stream: UInt32) -> Request {
        Request(stream: stream, principal: PrincipalID(1), body: .scan(Scan(preamble: preamble, selection: Selection())))
    }
    private func step(_ stream: UInt32, isPartial: Bool) -> Request {
        Request(stream: stream, principal: PrincipalID(1), body: .scanStep(isPartial: isPartial, .linearizable))
    }
    private func short(_ stream: UInt32) -> Request {
        Request(stream: stream, principal: PrincipalID(1), body: .openSession)
    }

    @Test func oneConnectionHasAFewLongRequestsWithTheWorker() {
        var queue = RequestQueue()
        for stream in UInt32(1)...10 { queue.add(scan(stream)) }
        var given: [Request] = []
        while let request = queue.next() { given.append(request) }
        #expect(given.map(\.stream) == [1, 2, 3, 4])
        queue.add(short(20))
        #expect(queue.next()?.stream == 20, "short ones do not wait for long ones")
        // A batch that has begun is finished first; a next batch waits its turn.
        queue.add(step(1, isPartial: true))
        queue.done(given[0])
        #expect(queue.next()?.stream == 1)
        queue.add(step(2, isPartial: false))
        queue.done(given[1])
        #expect(queue.next()?.stream == 5)
        // What was put back is the next.
        queue.putBack(given[2])
        #expect(queue.next()?.stream == 3)
        #expect(queue.next() == nil)
        #expect(queue.count == 6)
        var order: [UInt32] = []
        for _ in 0..<6 {
            queue.done(scan(0))
            if let request = queue.next() { order.append(request.stream) }
        }
        #expect(order == [6, 7, 8, 9, 10, 2])
    }

    @Test func patience() {
        func at(_ milliseconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: milliseconds * 1_000_000) }
        func fresh() -> Patience { Patience(milliseconds: 1_000, stallMilliseconds: 5_000, now: at(0)) }
        func isOver(_ patience: inout Patience, _ now: UInt64, isGreeted: Bool = true, received: Int = 0, outgoing: Int = 0) -> Bool {
            patience.isOver(isGreeted: isGreeted, receivedBytes: received, outgoingBytes: outgoing, now: at(now))
        }
        var greeting = fresh()
        #expect(!isOver(&greeting, 1_000, isGreeted: false))
        #expect(isOver(&greeting, 1_001, isGreeted: false))
        #expect(!isOver(&greeting, 99_999))

        var frame = fresh()
        frame.received(tookFrames: false, isBetweenFrames: false, now: at(2_000))
        frame.received(tookFrames: false, isBetweenFrames: false, now: at(2_900))
        #expect(!isOver(&frame, 3_000))
        #expect(isOver(&frame, 3_001), "a byte now and then is no progress")
        #expect(!isOver(&frame, 3_001, received: 64_000), "a large frame has longer")
        #expect(isOver(&frame, 4_001, received: 64_000))
        frame.received(tookFrames: true, isBetweenFrames: false, now: at(3_000))
        #expect(!isOver(&frame, 4_000))
        frame.received(tookFrames: true, isBetweenFrames: true, now: at(4_000))
        #expect(!isOver(&frame, 99_999))

        var stall = fresh()
        stall.received(tookFrames: false, isBetweenFrames: false, now: at(100))
        stall.paused(now: at(1_000))
        #expect(!isOver(&stall, 2_000, outgoing: 500), "the node does not read: the frame cannot go on")
        #expect(!isOver(&stall, 6_999, outgoing: 500))
        #expect(!isOver(&stall, 7_000, outgoing: 400), "a little was taken")
        #expect(!isOver(&stall, 12_000, outgoing: 400))
        #expect(isOver(&stall, 12_001, outgoing: 400))
        stall.resumed(now: at(12_500))
        #expect(!isOver(&stall, 13_500))
        #expect(isOver(&stall, 13_501))
    }

    @Test func aPageTokenKnowsAllFieldsFromNone() {
        let key = [UInt8](repeating: 7, count: 32)
        let token = PageToken(use: .scan, principal: PrincipalID(1), dataset: DatasetID(2), policyIndex: LogIndex(3), position: .after([1]))
        let selection = Selection(prefix: [1], filter: "a = 1")
        let masks: [FieldMask?] = [nil, FieldMask(), FieldMask([FieldID(1)]), FieldMask([FieldID(2)])]
        for mask in masks {
            let sealed = token.sealed(key: key, selection: selection, fields: mask)
            for other in masks { #expect((PageToken(sealed, key: key, selection: selection, fields: other) == token) == (mask == other)) }
        }
    }

    /// It holds the last key examined, which its bearer may not see, nor how long it is.
    @Test func everyPageTokenIsAsLong() {
        let key = [UInt8](repeating: 7, count: 32)
        func sealed(_ position: PageToken.Position) -> [UInt8] {
            PageToken(use: .count, principal: PrincipalID(1), dataset: DatasetID(2), policyIndex: LogIndex(3), position: position)
                .sealed(key: key, selection: Selection(), fields: nil)
        }
        let lengths = [0, 1, 40, Limits.recordKeyBytes].flatMap { count in
            [PageToken.Position.at, PageToken.Position.after].map { sealed($0([UInt8](repeating: 0x61, count: count))).count }
        }
        #expect(Set(lengths) == [556])
        let longest = PageToken.Position.after([UInt8](repeating: 0x61, count: Limits.recordKeyBytes))
        #expect(PageToken(sealed(longest), key: key, selection: Selection(), fields: nil)?.position == longest)
    }
}
