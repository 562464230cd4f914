import Checks
import Testing

/// Histories whose verdict is known: those that the literature and the trouble of other systems have taught.
@Suite struct OrderTests {
    // MARK: Good

    @Test func nothingAtAllIsLinearizable() throws { #expect(try Script.verdict { _ in }.conclusion == .noViolation) }

    @Test func oneAfterTheOther() throws {
        let verdict = try Script.verdict {
            $0.read(0, 1...2)
            $0.put(1, 3...4)
            $0.read(1, 5...6)
            $0.update(2, 7...8)
            $0.read(2, 9...10)
            $0.delete(11...12)
            $0.read(0, 13...14)
        }
        #expect(verdict.conclusion == .noViolation, "\(verdict.text())")
    }

    @Test func aReadDuringAWriteMaySeeEither() throws {
        for seen: UInt64 in [1, 2] {
            #expect(
                try Script.verdict {
                    $0.put(1, 1...2)
                    $0.put(2, 3...10)
                    $0.read(seen, 4...5)
                }.conclusion == .noViolation)
        }
    }

    /// Two query nodes that answer by leases, one of which has not applied yet what is about other keys.
    @Test func aLaterReadMayClaimALowerIndexThanAnEarlierOne() throws {
        func verdict(later: UInt64) throws -> Verdict {
            try Script.verdict {
                $0.put(1, 1...2, index: 10)
                $0.read(1, 3...4, modified: 10, index: 15)
                $0.read(1, 5...6, modified: 10, index: later)
            }
        }
        #expect(try verdict(later: 13).conclusion == .noViolation)
        #expect(try verdict(later: 10).conclusion == .noViolation)
        #expect(try verdict(later: 9).conclusion == .violation)
        // What was read at an index holds there: no write comes to stand before it afterwards.
        func verdict(write: UInt64) throws -> Verdict {
            try Script.verdict {
                $0.put(1, 1...2, index: 10)
                $0.read(1, 3...4, modified: 10, index: 15)
                $0.put(2, 5...6, index: write)
            }
        }
        #expect(try verdict(write: 16).conclusion == .noViolation)
        #expect(try verdict(write: 14).conclusion == .violation)
    }

    @Test func anUnknownWriteMayTakeEffectMuchLaterOrNever() throws {
        #expect(
            try Script.verdict {
                $0.put(1, 1...2)
                $0.put(2, 3...4, .unknown)
                $0.read(1, 10...11)
                $0.put(3, 12...13)
                $0.read(2, 14...15)
            }.conclusion == .noViolation)
        #expect(
            try Script.verdict {
                $0.put(1, 1...2)
                $0.put(2, 3...4, .unknown)
                $0.read(1, 10...11)
            }.conclusion == .noViolation)
    }

    @Test func anUnknownDeleteAndAnUnknownPutIfAbsentMayMakeEachOtherPossible() throws {
        #expect(
            try Script.verdict {
                $0.put(1, 1...2)
                $0.put(2, 3...4, if: .absent, .unknown)
                $0.delete(5...6, .unknown)
                $0.read(2, 10...11)
            }.conclusion == .noViolation)
    }

    @Test func aRefusalSaysThatTheConditionDidNotHold() throws {
        #expect(
            try Script.verdict {
                $0.put(1, 1...2, .unknown)
                $0.put(2, 3...4, if: .absent, .refused)
                $0.read(1, 5...6)
            }.conclusion == .noViolation)
    }

    @Test func writesOnTheSameIndexConditionOnceEach() throws {
        #expect(
            try Script.verdict {
                $0.put(1, 1...2, index: 5)
                $0.put(2, 3...9, if: .modifiedAt(5), index: 7)
                $0.put(3, 3...9, if: .modifiedAt(5), .refused)
                $0.read(2, 10...11, modified: 7, index: 8)
            }.conclusion == .noViolation)
    }

    @Test func operationsThatTouchInTimeAreConcurrent() throws {
        #expect(
            try Script.verdict {
                $0.put(1, 1...5)
                $0.read(0, 5...6)
            }.conclusion == .noViolation)
    }

    // MARK: Bad

    @Test func aStaleReadAfterAnAcknowledgement() throws {
        #expect(
            try Script.verdict {
                $0.put(1, 1...2)
                $0.put(2, 3...4)
                $0.read(1, 5...6)
            }.kinds == [.notLinearizable])
    }

    @Test func anAcknowledgedWriteThatNobodySees() throws {
        #expect(
            try Script.verdict {
                $0.put(1, 1...2)
                $0.read(0, 3...4)
            }.kinds == [.notLinearizable])
    }

    @Test func aLostUpdate() throws {
        #expect(
            try Script.verdict {
                $0.put(1, 1...2, index: 5)
                $0.put(2, 3...9, if: .modifiedAt(5), index: 7)
                $0.put(3, 4...8, if: .modifiedAt(5), index: 8)
            }.kinds == [.notLinearizable])
        #expect(
            try Script.verdict {
                $0.put(2, 3...9, if: .absent)
                $0.put(3, 4...8, if: .absent)
            }.kinds == [.notLinearizable])
    }

    @Test func aValueThatNobodyWrote() throws {
        #expect(
            try Script.verdict {
                $0.put(1, 1...2)
                $0.read(9, 3...4)
            }.kinds == [.notLinearizable, .neverWritten])
    }

    @Test func aWriteThatSurelyFailedIsSeen() throws {
        for outcome in [Operation.Outcome.failed, .refused] {
            #expect(
                try Script.verdict {
                    $0.put(1, 1...2, if: outcome == .refused ? .present : .none, outcome)
                    $0.read(1, 3...4)
                }.kinds == [.notLinearizable, .neverWritten])
        }
    }

    @Test func aValueFromTheFuture() throws {
        #expect(
            try Script.verdict {
                $0.read(1, 1...2)
                $0.put(1, 3...4)
            }.kinds == [.notLinearizable, .neverWritten])
    }

    @Test func flipFlopDuringAnUnknownWrite() throws {
        // New, old, new: a write takes effect once.
        #expect(
            try Script.verdict {
                $0.put(1, 1...2)
                $0.put(2, 3...4, .unknown)
                $0.read(2, 5...6)
                $0.read(1, 7...8)
            }.kinds == [.notLinearizable])
    }

    @Test func concurrentReadersThatDisagreeAboutTheOrder() throws {
        #expect(
            try Script.verdict {
                $0.put(1, 1...20)
                $0.put(2, 1...20)
                $0.read(1, 2...3, client: 8)
                $0.read(2, 4...5, client: 8)
                $0.read(2, 2...3, client: 9)
                $0.read(1, 4...5, client: 9)
            }.kinds == [.notLinearizable])
    }

    @Test func resurrectionAfterADelete() throws {
        #expect(
            try Script.verdict {
                $0.put(1, 1...2)
                $0.delete(3...4)
                $0.read(1, 5...6)
            }.kinds == [.notLinearizable])
    }

    @Test func anUpdateOfNothing() throws {
        #expect(try Script.verdict { $0.update(1, 1...2) }.kinds == [.notLinearizable])
        #expect(
            try Script.verdict {
                $0.put(1, 1...2)
                $0.update(2, 3...4, .refused)
            }.kinds == [.notLinearizable])
    }

    @Test func anUnknownDeleteTakesEffectOnceOnly() throws {
        func script(deletes: Int) throws -> Verdict {
            try Script.verdict {
                for place in 0..<UInt64(deletes) { $0.delete(1...2 + place, .unknown) }
                $0.put(1, 11...12)
                $0.read(0, 13...14)
                $0.put(2, 15...16)
                $0.read(0, 17...18)
            }
        }
        #expect(try script(deletes: 1).kinds == [.notLinearizable])
        #expect(try script(deletes: 2).conclusion == .noViolation)
    }

    @Test func theOrderOfAKeyIsThatOfItsLogIndexes() throws {
        #expect(
            try Script.verdict {
                $0.put(1, 1...2, index: 9)
                $0.put(2, 3...4, index: 8)
            }.kinds == [.notLinearizable])
    }

    // MARK: Bounds and words

    @Test func aSearchIsGivenUpAfterItsSteps() throws {
        var script = Script()
        for value in 1...12 as ClosedRange<UInt64> { script.put(value, 1...100) }
        script.read(0, 101...102)
        #expect(try script.verdict(stepsMax: 50).conclusion == .unknown)
        #expect(try script.verdict().conclusion == .violation)
    }

    @Test func manyUnknownWritesCostLittle() throws {
        // Each of 400 timeouts doubles the orders of a search that tries all; here they only add up.
        var script = Script()
        var time: UInt64 = 1
        for round in 0..<400 as Range<UInt64> {
            script.put(2 * round + 1, time...time + 1, .unknown)
            script.put(2 * round + 2, time...time + 1)
            script.read(2 * round + 2, time + 2...time + 3)
            time += 4
        }
        for value in [1, 401, 799, 3] as [UInt64] {
            script.read(value, time...time + 1)
            time += 2
        }
        let good = try script.verdict()
        #expect(good.conclusion == .noViolation, "\(good.text())")
        script.read(1, time...time + 1)
        let bad = try script.verdict()
        #expect(bad.kinds == [.notLinearizable])
        #expect(bad.counts.steps < 1_000_000)
    }

    @Test func aViolationIsExplained() throws {
        let verdict = try Script.verdict {
            $0.put(1, 10...30, index: 11)
            $0.put(2, 60...80, index: 12)
            $0.read(1, 100...120, modified: 11)
            $0.put(3, 90...90, .unknown)
        }
        #expect(
            verdict.violations.first?.text == """
                key a: 2 of 4 operations can be put in an order; then the record holds value 2 (index 12).
                  the end of that order:
                    #1 client 1: put 1 → ok, index 11
                    #2 client 2: put 2 → ok, index 12
                  what comes next by its time, and cannot:
                    #3 client 3: read → value 1 modified at 11
                      it saw value 1, but the record holds value 2 (index 12)
                  of unknown outcome, and no help:
                    #4 client 4: put 3 → nobody knows
                  from 0.000000 s, a column is 0.000002 ms
                    #1 client 1 put 1  |---------|
                    #2 client 2 put 2                           |---------|
                    #4 client 4 put 3                                          |-------------------…
                    #3 client 3 read                                                |---------|
                """)
    }
}
