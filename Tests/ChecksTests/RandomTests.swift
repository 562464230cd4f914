import Checks
import Core
import Testing

/// Histories of a simulated store that is right, and of one that errs once.
@Suite struct RandomTests {
    @Test(arguments: [0, 1, 2, 3] as [UInt64])
    func whatACorrectStoreShowsIsNoViolation(part: UInt64) throws {
        for seed in part * 250..<(part + 1) * 250 {
            var shape = SimulatedClients.Shape()
            shape.clients = 1 + Int(seed % 8)
            shape.keys = 1 + Int(seed % 3)
            shape.hasIndexes = seed % 2 == 0
            shape.unknown = [0, 5, 30][Int(seed % 7 % 3)]
            let verdict = Checker.check(try History(SimulatedClients.history(seed: seed, shape)))
            #expect(verdict.conclusion == .noViolation, "seed \(seed): \(verdict.text())")
            #expect(verdict.counts.steps < 100_000, "seed \(seed)")
        }
    }

    /// A read that shows what was surely overwritten before it was called.
    @Test func oneStaleReadIsFound() throws {
        var found = 0
        for seed in 0..<1_000 as Range<UInt64> {
            var shape = SimulatedClients.Shape()
            shape.hasIndexes = seed % 2 == 0
            var random = SeededRandom(seed: seed)
            var operations = SimulatedClients.history(seed: seed, shape)
            let reads = operations.indices.filter { operations[$0].kind == .read && operations[$0].outcome == .ok && !operations[$0].mayBeStale }
            guard let read = reads.randomElement(using: &random) else { continue }
            guard let old = Self.surelyOverwritten(operations, before: operations[read]) else { continue }
            operations[read].seen = old.written
            operations[read].seenModified = old.index
            let verdict = Checker.check(try History(operations))
            #expect(verdict.kinds.contains(.notLinearizable), "seed \(seed): \(verdict.text())")
            if shape.hasIndexes && operations[read].index != nil {
                #expect(verdict.kinds.contains(.notItsIndex), "seed \(seed): the log shows it too: \(verdict.text())")
            }
            found += 1
        }
        #expect(found > 500)
    }

    /// The value of an acknowledged write before another acknowledged put or delete before the read, each after the other.
    private static func surelyOverwritten(_ operations: [Operation], before read: Operation) -> Operation? {
        let writes = operations.filter { $0.key == read.key && $0.isWrite && $0.outcome == .ok }
        for last in writes where (last.returned ?? .max) < read.called {
            if let old = writes.first(where: { $0.written != 0 && $0.written != read.seen && ($0.returned ?? .max) < last.called }) { return old }
        }
        return nil
    }

    /// An acknowledged write whose value is gone from the log: nobody sees it, and it is not there at the end.
    @Test func oneLostWriteIsFound() throws {
        var found = 0
        for seed in 0..<600 as Range<UInt64> {
            var shape = SimulatedClients.Shape(keys: 20)
            shape.hasIndexes = seed % 2 == 0
            shape.unknown = 0
            var operations = SimulatedClients.history(seed: seed, shape)
            // The write of a key that has no other write and no condition of anybody on it.
            guard
                let lost = operations.first(where: { write in
                    write.kind == .put && write.outcome == .ok && !operations.contains { $0.key == write.key && $0.isWrite && $0.name != write.name }
                })
            else { continue }
            for place in operations.indices where operations[place].key == lost.key && operations[place].kind == .read {
                operations[place].seen = 0
                operations[place].seenModified = nil
            }
            let verdict = Checker.check(try History(operations))
            #expect(verdict.kinds.contains(.notLinearizable) && verdict.kinds.contains(.lost), "seed \(seed): \(verdict.text())")
            found += 1
        }
        #expect(found > 200)
    }

    @Test func aWriteThatHappensTwiceIsFound() throws {
        // Somebody else's write comes between the two times that one takes effect.
        var found = 0
        for seed in 0..<400 as Range<UInt64> {
            var shape = SimulatedClients.Shape(keys: 1, operations: 20)
            shape.unknown = 0
            shape.hasIndexes = false
            var operations = SimulatedClients.history(seed: seed, shape)
            let end = operations.compactMap(\.returned).max() ?? 0
            guard let last = operations.last(where: \.isFinal), last.seen != 0,
                let old = Self.surelyOverwritten(operations, before: last)
            else { continue }
            operations.append(Operation(name: 999, key: "k0", kind: .read, called: end + 20, returned: end + 30, outcome: .ok, seen: old.written))
            #expect(Checker.check(try History(operations)).kinds == [.notLinearizable], "seed \(seed)")
            found += 1
        }
        #expect(found > 100)
    }

    @Test(arguments: [0, 1, 2, 3] as [UInt64])
    func theVerdictIsThatOfAllPermutations(part: UInt64) throws {
        var bad = 0, good = 0
        for seed in part * 750..<(part + 1) * 750 {
            let operations = SmallHistory.random(seed: seed)
            let history = try History(operations)
            let verdict = Checker.check(history)
            let found = verdict.kinds.contains(.notLinearizable)
            let expected = !AllOrders(history.operations).exists
            #expect(found == expected, "seed \(seed): the search says \(found), all orders say \(expected)\n\(verdict.text())\n\(operations)")
            if expected { bad += 1 } else { good += 1 }
        }
        #expect(bad > 100 && good > 100, "\(bad) bad, \(good) good")
    }
}
