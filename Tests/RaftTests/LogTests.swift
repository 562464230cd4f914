import Core
import Testing

@testable import Raft

@Suite struct LogTests {
    @Test func theLogIsCutSoThatTheRestWeighsNoMoreThanAllowed() {
        var random = SeededRandom(seed: 11)
        for _ in 0..<50 {
            var log = RaftLog(base: LogPosition(index: LogIndex(5), term: Term(1)), time: .zero)
            for i in 0..<UInt64.random(in: 0...40, using: &random) {
                let payload = [UInt8](repeating: 0, count: Int.random(in: 0...300, using: &random))
                log.append(LogEntry(index: LogIndex(6 + i), term: Term(1), kind: .command, time: .zero, payload: payload))
            }
            for bytes in [0, 1, 64, 1_000, 5_000, 1_000_000] {
                let cut = log.index(keeping: bytes)
                #expect(cut >= log.base.index && cut <= log.lastIndex)
                #expect(log.weight(after: cut) <= bytes)
                if cut > log.base.index { #expect(log.weight(after: cut.previous) > bytes, "no more is cut than must be") }
            }
        }
    }
}
