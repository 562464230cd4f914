import Checks
import Glibc
import Testing

@Suite struct HistoryFileTests {
    let path = "/tmp/kho-history-\(getpid())-\(UInt64.random(in: 0 ... .max))"

    private func bytes() -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        return Array(buffer[..<max(0, read(file, &buffer, buffer.count))])
    }

    /// What the file of a small run holds.
    private func written() throws -> [UInt8] {
        let writer = try HistoryWriter(path: path, by: "a \"test\"\n\u{1}\\ of Kho")
        defer { unlink(path) }
        let put = try writer.call(Operation(name: 0, client: 3, session: 9, key: "khóa \"1\"\t", kind: .put, written: 7, condition: .absent, called: 10))
        let update = try writer.call(Operation(name: 0, client: 4, key: "b", kind: .update, written: 8, condition: .modifiedAt(5), called: 11))
        try writer.answer(put, at: 20, .written(index: 55))
        let read = try writer.call(Operation(name: 0, client: 3, key: "b", kind: .read, mayBeStale: true, called: 21))
        try writer.answer(update, at: 22, .refused(index: nil))
        try writer.answer(read, at: 23, .read(value: 0, modified: nil, index: 56, ageMilliseconds: 4))
        let delete = try writer.call(Operation(name: 0, client: 5, key: "b", kind: .delete, condition: .present, called: 24))
        try writer.answer(delete, at: 25, .unknown)
        let failed = try writer.call(Operation(name: 0, client: 5, key: "b", kind: .delete, called: 26))
        try writer.answer(failed, at: 27, .failed)
        try writer.final(key: "khóa \"1\"\t", at: 100, value: 7, modified: 55, index: 60)
        try writer.end(at: 110)
        writer.close()
        #expect(throws: ChecksError.self) { try writer.end(at: 111) }
        return bytes()
    }

    @Test func whatWasWrittenIsRead() throws {
        let history = try History(bytes: try written(), name: "file")
        #expect(history.torn == [] && history.hasEnd)
        var expected = [
            Operation(
                name: 1, client: 3, session: 9, key: "khóa \"1\"\t", kind: .put, written: 7, condition: .absent, called: 10, returned: 20, outcome: .ok,
                index: 55),
            Operation(name: 2, client: 4, key: "b", kind: .update, written: 8, condition: .modifiedAt(5), called: 11, returned: 22, outcome: .refused),
            Operation(name: 3, client: 3, key: "b", kind: .read, mayBeStale: true, called: 21, returned: 23, outcome: .ok, index: 56, ageMilliseconds: 4),
            Operation(name: 4, client: 5, key: "b", kind: .delete, condition: .present, called: 24, returned: 25, outcome: .unknown),
            Operation(name: 5, client: 5, key: "b", kind: .delete, called: 26, returned: 27, outcome: .failed),
            Operation(
                name: 0, key: "khóa \"1\"\t", kind: .read, called: 100, returned: 110, outcome: .ok, index: 60, seen: 7, seenModified: 55, isFinal: true),
            Operation(name: 0, key: "b", kind: .read, called: 100, returned: 110, outcome: .ok, isFinal: true),
        ]
        for place in expected.indices { expected[place].number = place }
        #expect(history.operations == expected)
        #expect(Checker.check(history).conclusion == .noViolation)
    }

    @Test func aTornLineIsIgnoredAndTold() throws {
        let whole = try written()
        let firstLine = try #require(whole.firstIndex(of: 0x0A))
        for length in firstLine + 1...whole.count {
            let part = Array(whole[..<length])
            let history = try History(bytes: part, name: "file")
            #expect(history.torn == (part.last == 0x0A ? [] : ["file"]))
            let lines = part.reduce(0) { $1 == 0x0A ? $0 + 1 : $0 }
            let calls = [0, 0, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 5, 5][lines]
            #expect(history.operations.filter { !$0.isFinal }.count == calls, "\(lines) lines")
            // An answer that was torn away leaves the outcome unknown: never a violation of a good history.
            #expect(Checker.check(history).conclusion == .noViolation)
        }
        #expect(throws: ChecksError.self) { try History(bytes: Array(whole[..<firstLine]), name: "file") }
        #expect(throws: ChecksError.self) { try History(bytes: [], name: "file") }
    }

    @Test(arguments: [
        ("{\"call\":1,\"at\":1,\"do\":\"read\",\"key\":\"a\"}", "the first line is the header"),
        ("{\"history\":2}", "version 2"),
        ("{\"history\":1} x", "something follows"),
        ("nothing", "expected {"),
        ("{\"history\":1,\"history\":1}", "stands twice"),
        ("{\"history\":1,\"color\":1}", "not known here"),
    ])
    func aWrongFirstLineIsRefused(line: String, words: String) throws { try expectRefused([line], line: 1, words) }

    @Test(arguments: [
        ("{\"history\":1}", "not the first line"),
        ("{\"call\":1,\"at\":1,\"do\":\"dance\",\"key\":\"a\"}", "do is read"),
        ("{\"call\":1,\"at\":1,\"do\":\"put\",\"key\":\"a\"}", "have a value"),
        ("{\"call\":1,\"at\":1,\"do\":\"put\",\"key\":\"a\",\"value\":0}", "have a value"),
        ("{\"call\":1,\"at\":1,\"do\":\"read\",\"key\":\"a\",\"if\":\"absent\"}", "no condition"),
        ("{\"call\":1,\"at\":1,\"do\":\"delete\",\"key\":\"a\",\"if\":\"maybe\"}", "if is"),
        ("{\"call\":1,\"at\":1,\"do\":\"delete\",\"key\":\"a\",\"stale\":true}", "only a read"),
        ("{\"call\":1,\"do\":\"delete\",\"key\":\"a\"}", "at is missing"),
        ("{\"call\":1,\"at\":-1,\"do\":\"delete\",\"key\":\"a\"}", "whole number"),
        ("{\"call\":1,\"at\":18446744073709551616,\"do\":\"delete\",\"key\":\"a\"}", "whole number"),
        ("{\"call\":01,\"at\":1,\"do\":\"delete\",\"key\":\"a\"}", "whole number"),
        ("{\"call\":1,\"at\":1,\"do\":\"delete\",\"key\":\"\\u0041\"}", "escape"),
        ("{\"call\":1,\"at\":1,\"do\":\"delete\",\"key\":\"a", "no end"),
        ("{\"call\":7,\"at\":1,\"do\":\"delete\",\"key\":\"a\"}", "called twice"),
        ("{\"ok\":9,\"at\":100}", "never called"),
        ("{\"ok\":7,\"at\":1}", "before its call"),
        ("{\"ok\":7,\"at\":100,\"value\":3}", "has a value"),
        ("{\"ok\":8,\"at\":100}", "has no value"),
        ("{\"refused\":8,\"at\":100}", "cannot be refused"),
        ("{\"at\":100}", "no event"),
        ("{}", "expected \""),
    ])
    func aWrongLineIsRefusedWithItsNumber(line: String, words: String) throws {
        let before = ["{\"history\":1}", "{\"call\":7,\"at\":5,\"do\":\"delete\",\"key\":\"a\"}", "{\"call\":8,\"at\":5,\"do\":\"read\",\"key\":\"a\"}"]
        try expectRefused(before + [line], line: 4, words)
    }

    private func expectRefused(_ lines: [String], line: Int, _ words: String) throws {
        let text = lines.map { $0 + "\n" }.joined()
        let refused = #expect(throws: ChecksError.self) { try History(bytes: Array(text.utf8), name: "file") }
        guard case let .line(path, number, what)? = refused else {
            Issue.record("not refused as a line: \(text)")
            return
        }
        #expect(path == "file" && number == line && what.contains(words), "line \(number): \(what)")
    }

    @Test func aValueBelongsToOneWrite() {
        #expect(throws: ChecksError.self) {
            try Script.verdict {
                $0.put(1, 1...2)
                $0.put(1, 3...4, key: "b")
            }
        }
    }

    @Test func keysAreComparedAsBytes() throws {
        // é in one scalar and in two: the same text for Swift, two keys for Kho.
        let verdict = try Script.verdict {
            $0.put(1, 1...2, key: "\u{E9}")
            $0.put(2, 3...4, key: "e\u{301}")
            $0.read(1, 5...6, key: "\u{E9}")
        }
        #expect(verdict.conclusion == .noViolation)
        #expect(verdict.counts.keys == 2)
    }

    @Test func filesOfOneRunAreJudgedTogether() throws {
        var paths: [String] = []
        defer { for path in paths { unlink(path) } }
        // The second process reads what the first has overwritten.
        for (part, value) in [("1", 1), ("2", 2)] as [(String, UInt64)] {
            let path = path + "-" + part
            paths.append(path)
            let writer = try HistoryWriter(path: path, by: part)
            let name = try writer.call(Operation(name: 0, client: 1, key: "a", kind: .put, written: value, called: 10 * value))
            try writer.answer(name, at: 10 * value + 1, .written(index: 10 + value))
            if part == "2" {
                let read = try writer.call(Operation(name: 0, client: 1, key: "a", kind: .read, called: 30))
                try writer.answer(read, at: 31, .read(value: 1, modified: 11, index: nil, ageMilliseconds: 0))
            }
        }
        let verdict = Checker.check(try History(reading: paths))
        #expect(verdict.kinds == [.notLinearizable])
        #expect(verdict.counts.clients == 2)
        #expect(verdict.violations[0].text.contains("#2.2 client 2.1: read"))
        #expect(throws: ChecksError.self) { try History(reading: [path + "-3"]) }
    }
}
