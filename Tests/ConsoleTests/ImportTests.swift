import Configuration
import Core
import Glibc
import Records
import Testing

@testable import Console

@Suite struct ImportTests {
    let schema = Schema(version: 1, fields: [
        .init(id: FieldID(1), name: "ho_ten", kind: .string, required: true, sensitivity: .personal, maxBytes: 20),
        .init(id: FieldID(2), name: "ngay_sinh", kind: .date), .init(id: FieldID(3), name: "so_tien", kind: .decimal, scale: 2),
        .init(id: FieldID(4), name: "nhan", kind: .list), .init(id: FieldID(5), name: "hoat_dong", kind: .bool), .init(id: FieldID(6), name: "so", kind: .int64),
    ])

    func csv(_ text: String, normalises: Bool = false) throws -> [RecordMapping.Outcome] {
        var reader = CSVReader(ByteSource(Array(text.utf8), name: "f.csv"))
        let header = try #require(try reader.next())
        var mapping = try CSVMapping(header: header, file: "f.csv", mapping: RecordMapping(schema: schema, keyName: "cccd", normalises: normalises))
        var outcomes: [RecordMapping.Outcome] = []
        while let record = try reader.next() { outcomes.append(mapping.map(record)) }
        return outcomes
    }

    func json(_ text: String) throws -> [RecordMapping.Outcome] {
        var reader = JSONLinesReader(ByteSource(Array(text.utf8), name: "f.jsonl"))
        var mapping = RecordMapping(schema: schema, keyName: "cccd")
        var outcomes: [RecordMapping.Outcome] = []
        while let line = try reader.next() { outcomes.append(mapping.map(line)) }
        return outcomes
    }

    func key(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func aRecordHasTheFilesFields() throws {
        let outcomes = try csv("ngay_sinh,cccd,ho_ten,so_tien,nhan,hoat_dong\n1990-02-28,001,Nguyễn An,12.5,a|b,true\n,002,\"\",,,\n")
        #expect(outcomes == [
            .record(.init(line: 2, key: key("001"), values: [
                (FieldID(2), .date(try #require(CalendarDate(text: "1990-02-28")))), (FieldID(1), .string("Nguyễn An")),
                (FieldID(3), .decimal(.init(unscaled: 1_250, scale: 2))), (FieldID(4), .list(["a", "b"])), (FieldID(5), .bool(true)),
            ])),
            // An empty cell is null, "" is a text without letters.
            .record(.init(line: 3, key: key("002"), values: [
                (FieldID(2), .null), (FieldID(1), .string("")), (FieldID(3), .null), (FieldID(4), .null), (FieldID(5), .null),
            ])),
        ])
    }

    @Test(arguments: [
        ("cccd,ho_ten,ngay_sin\n", "f.csv:1:13: the dataset has no field \"ngay_sin\"; did you mean \"ngay_sinh\"?"),
        ("cccd,ho_ten,cccd\n", "f.csv:1:13: column \"cccd\" is there twice"), ("ho_ten\n", "f.csv:1: the key's column \"cccd\" is missing"),
        ("cccd\n", "f.csv:1: column \"ho_ten\" is missing, and the field must have a value"),
    ])
    func aWrongHeaderEndsTheImport(text: String, message: String) {
        do {
            _ = try csv(text)
            Issue.record("taken")
        } catch {
            #expect("\(error)" == message)
        }
    }

    @Test func everyMistakeOfARecordIsNamedWithoutItsValue() throws {
        let secret = "bí mật"
        let long = String(repeating: secret, count: 5)
        let text = "cccd,ho_ten,ngay_sinh,so\n001,\(long),2023-02-30,x\(secret)\n"
        guard case let .rejected(rejects)? = try csv(text).first else { throw Failed() }
        #expect(rejects == [
            .init(line: 2, column: "ho_ten", rule: .schema(.tooLong), message: SchemaRule.tooLong.text),
            .init(line: 2, column: "ngay_sinh", rule: .schema(.wrongKind), message: "expected a date as YYYY-MM-DD"),
            .init(line: 2, column: "so", rule: .schema(.wrongKind), message: "expected a whole number of 64 bits"),
        ])
        #expect(!"\(rejects)".contains(secret))
    }

    func rule(_ row: String, normalises: Bool = false) throws -> String? {
        switch try csv("cccd,ho_ten\n" + row, normalises: normalises).last {
        case let .rejected(rejects)?: rejects.map { "\($0.line) \($0.column ?? "-") \($0.rule)" }.joined(separator: "; ")
        default: nil
        }
    }

    @Test func keysAreCheckedAsBytes() throws {
        #expect(try rule(",a\n") == "2 cccd missingKey")
        #expect(try rule("\"\",a\n") == "2 cccd missingKey")
        #expect(try rule("e\u{301},a\n") == "2 cccd keyNotNFC")
        #expect(try rule("\(String(repeating: "a", count: 508)),a\n") == "2 cccd keyTooLong")
        #expect(try rule("1,a\n2,b\n1,c\n") == "4 cccd duplicateKey")
        #expect(try rule("é,a\ne,b\n") == nil)
    }

    /// Only a line that is taken keeps a later one with its key out, and the message says which.
    @Test func aLineThatIsNotTakenDoesNotHoldItsKey() throws {
        #expect(try rule("1,\n1,b\n") == nil)
        #expect(try rule("1,a\n1,\n1,c\n") == "4 cccd duplicateKey")
        guard case let .rejected(rejects)? = try csv("cccd,ho_ten\n1,a\n2,b\n1,c\n").last else { throw Failed() }
        #expect(rejects.map(\.message) == ["line 2 has the same key, and the first line with a key counts"])
    }

    /// The error of a file that cannot be read further says at which line, for the remedy.
    @Test func aQuotationMarkThatIsNeverClosedNamesItsLine() {
        do {
            _ = try csv("cccd,ho_ten\n1,a\n2,\"b\n3,c\n")
            Issue.record("taken")
        } catch {
            #expect((error as? CommandError)?.line == 3)
        }
    }

    @Test func otherRulesOfALine() throws {
        #expect(try rule("1\n") == "2 - cells")
        #expect(try rule("1,a,b\n") == "2 - cells")
        #expect(try rule("1,\n") == "2 ho_ten required")
        #expect(try rule("1,e\u{301}\n") == "2 ho_ten notNFC")
        #expect(try rule("1,e\u{301}\n", normalises: true) == nil)
        #expect(try rule("\"e\u{301}\",a\nx,b\n\u{e9},c\n", normalises: true) == "4 cccd duplicateKey")
    }

    @Test func aCellThatIsNotUTF8IsRejected() throws {
        var reader = CSVReader(ByteSource(Array("cccd,ho_ten\n1,".utf8) + [0xFF, 0x0A, 0xFF] + Array(",a\n".utf8), name: "f.csv"))
        var mapping = try CSVMapping(header: try #require(try reader.next()), file: "f.csv", mapping: RecordMapping(schema: schema, keyName: "cccd"))
        for column in ["ho_ten", "cccd"] {
            guard case let .rejected(rejects) = mapping.map(try #require(try reader.next())) else { throw Failed() }
            #expect(rejects.map(\.rule) == [.notUTF8])
            #expect(rejects.map(\.column) == [column])
        }
    }

    @Test func jsonLinesMakeTheSameRecords() throws {
        let outcomes = try json("""
            {"cccd":"001","ho_ten":"Nguyễn An","ngay_sinh":"1990-02-28","so_tien":12.50,"nhan":["a|b"],"hoat_dong":true,"so":7}
            {"cccd":2,"ho_ten":5,"so_tien":3,"ngay_sinh":null}
            {"cccd":"3","ho_ten":true,"nhan":"a","so":1.5,"ngay_sin":"x","hoat_dong":"true"}
            [1]
            {"ho_ten":"x"}
            {"cccd":
            """)
        #expect(outcomes.count == 6)
        #expect(outcomes[0] == .record(.init(line: 1, key: key("001"), values: [
            (FieldID(1), .string("Nguyễn An")), (FieldID(2), .date(try #require(CalendarDate(text: "1990-02-28")))),
            (FieldID(3), .decimal(.init(unscaled: 1_250, scale: 2))), (FieldID(4), .list(["a|b"])), (FieldID(5), .bool(true)), (FieldID(6), .int64(7)),
        ])))
        #expect(outcomes[1] == .record(.init(line: 2, key: key("2"), values: [
            (FieldID(1), .string("5")), (FieldID(3), .decimal(.init(unscaled: 300, scale: 2))), (FieldID(2), .null),
        ])))
        let texts = outcomes[2...].map { outcome -> String in
            guard case let .rejected(rejects) = outcome else { return "taken" }
            return rejects.map { "\($0.line) \($0.column ?? "-") \($0.rule)" }.joined(separator: "; ")
        }
        #expect(texts == [
            "3 ho_ten wrongKind; 3 nhan wrongKind; 3 so wrongKind; 3 ngay_sin unknownField", "4 - notJSON", "5 cccd missingKey", "6 - notJSON",
        ])
    }

    @Test func rejectsAreAFileOfTheirOwn() throws {
        let path = "/tmp/kho-rejects-\(SystemRandom.uint64()).csv"
        defer { unlink(path) }
        var file = RejectsFile(path: path)
        #expect(!FileAccess.exists(path))
        try file.write([.init(line: 2, column: "a,b", rule: .cells, message: "m"), .init(line: 3, rule: .schema(.required), message: "say \"x\"")])
        try file.flush()
        #expect(file.count == 2)
        #expect(try FileAccess.text(path) == "line,column,rule,message\r\n2,\"a,b\",cells,m\r\n3,,required,\"say \"\"x\"\"\"\r\n")
    }
}

struct Failed: Error {}
