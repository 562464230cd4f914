import Checks
import Testing

/// The checks beside the search: reads against the log, sessions, and what is there at the end.
@Suite struct LogAndEndTests {
    @Test func aStaleReadShowsTheStateOfItsIndex() throws {
        func verdict(_ value: UInt64, modified: UInt64?, index: UInt64) throws -> Verdict {
            try Script.verdict {
                $0.put(1, 1...2, index: 10)
                $0.put(2, 3...4, index: 20)
                $0.delete(5...6, index: 30)
                $0.put(3, 7...8, index: 40)
                $0.read(value, 9...10, modified: modified, index: index, stale: true, age: 1000)
            }
        }
        #expect(try verdict(0, modified: nil, index: 9).conclusion == .noViolation)
        #expect(try verdict(1, modified: 10, index: 19).conclusion == .noViolation)
        #expect(try verdict(2, modified: 20, index: 20).conclusion == .noViolation)
        #expect(try verdict(0, modified: nil, index: 30).conclusion == .noViolation)
        #expect(try verdict(3, modified: 40, index: 99).conclusion == .noViolation)
        #expect(try verdict(1, modified: 10, index: 20).kinds == [.notItsIndex])
        #expect(try verdict(2, modified: 20, index: 19).kinds == [.notItsIndex])
        #expect(try verdict(2, modified: 20, index: 30).kinds == [.notItsIndex])
        #expect(try verdict(0, modified: nil, index: 20).kinds == [.notItsIndex])
        #expect(try verdict(0, modified: nil, index: 40).kinds == [.notItsIndex])
        #expect(try verdict(7, modified: nil, index: 40).kinds == [.neverWritten])
        // Without the word of the read, the acknowledgement tells when the value was written.
        #expect(try verdict(1, modified: nil, index: 20).kinds == [.notItsIndex])
    }

    @Test func anUnknownDeleteExcusesAnAbsentRecord() throws {
        func verdict(_ time: ClosedRange<UInt64>) throws -> Verdict {
            try Script.verdict {
                $0.put(1, 1...2, index: 10)
                $0.delete(time, .unknown)
                $0.read(0, 9...10, index: 12, stale: true)
            }
        }
        #expect(try verdict(3...4).conclusion == .noViolation)
        #expect(try verdict(11...12).kinds == [.notItsIndex])
    }

    @Test func aReadIsNoOlderThanItAdmits() throws {
        let second: UInt64 = 1_000_000_000
        func verdict(index: UInt64, age: UInt64, stale: Bool = true) throws -> Verdict {
            try Script.verdict {
                $0.put(1, 1...second, key: "another", index: 50)
                $0.read(0, 2 * second...3 * second, index: index, stale: stale, age: age)
            }
        }
        #expect(try verdict(index: 49, age: 1_000).conclusion == .noViolation)
        #expect(try verdict(index: 49, age: 999).kinds == [.tooOld])
        #expect(try verdict(index: 50, age: 0, stale: false).conclusion == .noViolation)
        // What a linearizable answer's state lacks may be about another key.
        #expect(try verdict(index: 49, age: 0, stale: false).conclusion == .noViolation)
        #expect(try verdict(index: 49, age: .max).conclusion == .noViolation)
    }

    @Test func aLinearizableReadReachesWhatIsKnownOfItsKey() throws {
        func kinds(_ index: UInt64) throws -> [Violation.Kind] {
            try Script.verdict {
                $0.put(1, 1...2, index: 50)
                $0.put(2, 3...4, key: "another", index: 60)
                $0.read(1, 5...6, modified: 50, index: index)
            }.kinds
        }
        #expect(try kinds(50) == [])
        #expect(try kinds(49).contains(.tooOld))
    }

    @Test func whatAReadShowedIsKnown() throws {
        let second: UInt64 = 1_000_000_000
        #expect(
            try Script.verdict {
                $0.put(1, 1...2, key: "another", .unknown)
                $0.read(1, 3...4, key: "another", modified: 50, index: 60)
                $0.read(0, 2 * second...3 * second, index: 49, stale: true, age: 999)
            }.kinds == [.tooOld])
    }

    @Test func aSessionNeverGoesBack() throws {
        func verdict(_ index: UInt64, session: UInt64?) throws -> Verdict {
            try Script.verdict {
                $0.read(0, 1...2, key: "another", index: 20, stale: true, age: 1_000, session: 7)
                $0.read(0, 3...4, index: index, stale: true, age: 1_000, session: session)
            }
        }
        #expect(try verdict(20, session: 7).conclusion == .noViolation)
        #expect(try verdict(19, session: 7).kinds == [.sessionWentBack])
        #expect(try verdict(19, session: 8).conclusion == .noViolation)
        #expect(try verdict(19, session: nil).conclusion == .noViolation)
    }

    @Test func aSessionReadsItsOwnWritesAndWritesInOrder() throws {
        #expect(
            try Script.verdict {
                $0.put(1, 1...2, key: "another", index: 20, session: 7)
                $0.read(0, 3...4, index: 19, stale: true, age: 1_000, session: 7)
            }.kinds == [.sessionWentBack])
        #expect(
            try Script.verdict {
                $0.put(1, 1...2, key: "another", index: 20, session: 7)
                $0.put(2, 3...4, index: 20, session: 7)
            }.kinds == [.sessionWentBack])
        // Pipelined operations have no order among them.
        #expect(
            try Script.verdict {
                $0.put(1, 1...4, key: "another", index: 20, session: 7)
                $0.put(2, 2...3, index: 19, session: 7)
            }.conclusion == .noViolation)
    }

    @Test func acknowledgedWritesAreCountedAtTheEnd() throws {
        let verdict = try Script.verdict {
            $0.put(1, 1...2, index: 10)
            $0.put(2, 3...4, index: 11)
            $0.put(3, 1...2, key: "b", index: 12)
            $0.delete(3...4, key: "b", index: 13)
            $0.put(4, 1...2, key: "c", index: 14)
            $0.put(5, 3...4, key: "c", .unknown)
            $0.read(2, 50...60, modified: 11, final: true)
            $0.read(0, 50...60, key: "b", final: true)
            $0.read(5, 50...60, key: "c", modified: 15, final: true)
        }
        #expect(verdict.conclusion == .noViolation, "\(verdict.text())")
        #expect(verdict.counts.finals == 3)
        #expect(verdict.counts.kept == 2)
        #expect(verdict.counts.superseded == 3)
        #expect(verdict.counts.lost == 0)
    }

    @Test func aLostWriteIsFoundAtTheEnd() throws {
        for index in [nil, 10] as [UInt64?] {
            let verdict = try Script.verdict {
                $0.put(1, 1...2, index: index)
                $0.put(2, 3...4, index: index.map { $0 + 1 })
                $0.read(1, 50...60, final: true)
            }
            #expect(verdict.kinds == [.notLinearizable, .lost])
            #expect(verdict.counts.lost == 1)
        }
        let back = try Script.verdict {
            $0.put(1, 1...2, index: 10)
            $0.delete(3...4, index: 11)
            $0.read(1, 50...60, modified: 10, final: true)
        }
        #expect(back.kinds == [.notLinearizable, .lost])
    }

    @Test func aValueTwiceIsADuplicate() throws {
        #expect(
            try Script.verdict {
                $0.put(1, 1...2, index: 10)
                $0.read(1, 3...4, modified: 12)
            }.kinds == [.duplicated])
        #expect(
            try Script.verdict {
                $0.put(1, 1...2, key: "b", index: 10)
                $0.read(1, 3...4, stale: true)
            }.kinds == [.duplicated])
    }

    @Test func countsTellWhatThereWas() throws {
        let verdict = try Script.verdict {
            $0.put(1, 1...2, client: 1)
            $0.put(2, 3...4, if: .absent, .refused, client: 1)
            $0.put(3, 5...6, .failed, client: 2)
            $0.put(4, 7...8, .unknown, client: 2)
            $0.read(1, 9...10, client: 3)
            $0.read(1, 9...10, stale: true, client: 3)
        }
        let counts = verdict.counts
        #expect(counts.operations == 6 && counts.clients == 3 && counts.keys == 1)
        #expect(counts.reads == 2 && counts.staleReads == 1)
        #expect(counts.writesAcknowledged == 1 && counts.writesRefused == 1 && counts.failed == 1 && counts.unknown == 1)
        #expect(verdict.text().contains("verdict     no violation"))
    }
}
