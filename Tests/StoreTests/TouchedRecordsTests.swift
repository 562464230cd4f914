import Catalogue
import Core
import Records
import Testing

@testable import Store

/// What entries are about: never less than what they change.
@Suite struct TouchedRecordsTests {
    private let touched = TouchedRecords()
    private let things = DatasetID(1), others = DatasetID(2)

    private func entry(_ index: UInt64, _ command: Command) -> LogEntry { entry(index, command.encoded()) }

    private func entry(_ index: UInt64, _ payload: [UInt8], kind: EntryKind = .command) -> LogEntry {
        LogEntry(index: LogIndex(index), term: Term(1), kind: kind, time: LogTime(milliseconds: Int64(index) * 10), payload: payload)
    }

    private func write(_ operations: [WriteOperation]) -> Command {
        .write(WriteCommand(principal: PrincipalID(1), session: SessionID(3), sequence: 7, policyIndex: LogIndex(2), operations: operations))
    }

    private func newest(_ dataset: DatasetID, _ key: String) -> UInt64 { touched.newest(dataset, Array(key.utf8).span.bytes).rawValue }

    @Test func everyOperationTouchesItsRecordAndNoOther() {
        let values: [Value] = [
            .null, .bool(true), .int64(-1), .string("một"), .bytes([1, 2, 3]), .decimal(DecimalValue(unscaled: 1, scale: 2)), .list(["a", "b"]),
        ]
        let fields = values.enumerated().map { WriteOperation.Field(FieldID(UInt16($0.offset + 1)), $0.element) }
        touched.note([
            entry(5, write([WriteOperation(kind: .put, dataset: things, key: Array("a".utf8), condition: .modifiedAt(LogIndex(3)), fields: fields)])),
            entry(6, write([WriteOperation(kind: .update, dataset: things, key: Array("b".utf8), condition: .present, fields: fields)])),
            entry(7, write([WriteOperation(kind: .delete, dataset: things, key: Array("c".utf8))])),
            entry(
                8,
                write([
                    WriteOperation(kind: .put, dataset: things, key: Array("d".utf8), condition: .absent, fields: fields),
                    WriteOperation(kind: .put, dataset: others, key: Array("a".utf8), fields: fields),
                ])),
        ])
        #expect([newest(things, "a"), newest(things, "b"), newest(things, "c"), newest(things, "d"), newest(others, "a")] == [5, 6, 7, 8, 8])
        #expect([newest(things, "e"), newest(others, "b"), newest(DatasetID(3), "a")] == [0, 0, 0])
        #expect(touched.newest(things) == LogIndex(8) && touched.newest(others) == LogIndex(8) && touched.newest(DatasetID(3)) == LogIndex(0))
        #expect(touched.time == LogTime(milliseconds: 80))
    }

    @Test func whatIsNoWriteTouchesNothingOrEverything() {
        touched.note([
            entry(3, .openSession(PrincipalID(1))), entry(4, [], kind: .empty), entry(5, [], kind: .time),
            entry(6, Membership.empty.encoded(), kind: .membership),
        ])
        #expect(newest(things, "a") == 0 && touched.newest(things) == LogIndex(0))
        #expect(touched.time == LogTime(milliseconds: 60))
        touched.note([entry(7, .catalogue(.init(actor: PrincipalID(1), change: .init(kind: .agency, document: ["code": "b"]))))])
        #expect(newest(things, "a") == 7 && touched.newest(others) == LogIndex(7))
        touched.note([entry(8, .genesis(.init(clusterName: "c", tokenKey: [UInt8](repeating: 1, count: 32), agency: "a", system: "s")))])
        #expect(newest(things, "a") == 8)
    }

    /// Whatever cannot be read may be about anything: cut off at each place, and with a byte that means nothing.
    @Test func whatCannotBeReadTouchesEverything() {
        let whole = write([
            WriteOperation(kind: .put, dataset: things, key: Array("a".utf8), condition: .modifiedAt(LogIndex(3)), fields: [.init(FieldID(1), .string("x"))])
        ]).encoded()
        for length in 0..<whole.count {
            let touched = TouchedRecords()
            touched.note([entry(9, Array(whole[..<length]))])
            #expect(touched.newest(others, [1].span.bytes) == LogIndex(9), "\(length) bytes")
        }
        touched.note([entry(10, [9, 9, 9])])
        #expect(newest(others, "z") == 10)
    }

    @Test func nothingIsKnownOfWhatWasThereBefore() {
        touched.noteEverything(through: LogIndex(40))
        #expect(newest(things, "a") == 40 && touched.newest(things) == LogIndex(40) && touched.time == nil)
    }

    /// Against a dictionary; and the keys that are taken for others are few.
    @Test func aRecordIsNeverTakenForUntouched() {
        let seed = SystemRandom.uint64()
        var random = SeededRandom(seed: seed)
        var known: [[UInt8]: UInt64] = [:]
        for index in 1...400 as ClosedRange<UInt64> {
            let keys = (0..<5).map { _ in Array("key-\(random.next() % 3_000)".utf8) }
            touched.note([entry(index, write(keys.map { WriteOperation(kind: .delete, dataset: things, key: $0) }))])
            for key in keys { known[key] = index }
        }
        for (key, index) in known where touched.newest(things, key.span.bytes).rawValue < index { Issue.record("seed \(seed): \(key)") }
        let mistaken = (0..<20_000).count { newest(things, "absent-\($0)") > 0 }
        // By reckoning two or three: 1,500 keys have 3,000 of 262,144 slots.
        #expect(mistaken < 20, "seed \(seed)")
    }
}
