import Console
import KhoClient
import Testing

@testable import kho

@Suite struct RecordRowsTests {
    static let dataset = DatasetDescription(
        id: DatasetID(3), code: "ho-kinh-doanh", name: "Hộ kinh doanh", owner: "so", keyName: "tax_code", sharing: .sharedOnRequest, actions: [.get, .scan],
        schema: Schema(
            version: 1,
            fields: [
                FieldDefinition(id: FieldID(1), name: "name", kind: .string, required: true), FieldDefinition(id: FieldID(2), name: "capital", kind: .int64),
                FieldDefinition(id: FieldID(3), name: "rate", kind: .decimal, scale: 2), FieldDefinition(id: FieldID(5), name: "tags", kind: .list),
            ]))

    /// A record as it comes over the wire.
    func record(_ key: String, _ values: [(FieldID, Value)]) throws -> Record {
        let fields = values.map { id, value in (id, value, value.kind ?? .string) }
        let bytes = RecordCodec.encode(
            key: Array(key.utf8), schemaVersion: 1, modifiedAt: LogIndex(9), time: LogTime(milliseconds: 0), fields: fields)
        return try Record(decoding: bytes, key: Array(key.utf8))
    }

    @Test func everyKindOfValueHasItsDocument() {
        #expect(RecordRows.document(of: .null) == .null)
        #expect(RecordRows.document(of: .withheld) == ["withheld": true])
        #expect(RecordRows.document(of: .masked) == ["masked": true])
        #expect(RecordRows.document(of: .int64(5)) == 5)
        #expect(RecordRows.document(of: .bool(true)) == true)
        #expect(RecordRows.document(of: .double(0.5)) == .double(0.5))
        #expect(RecordRows.document(of: .list(["a", "b"])) == ["a", "b"])
        #expect(RecordRows.document(of: .bytes([0xAB])) == "ab")
        #expect(RecordRows.document(of: .decimal(DecimalValue(unscaled: 10, scale: 2))) == "0.10")
        #expect(RecordRows.document(of: .date(CalendarDate(day: 0))) == "1970-01-01")
        #expect(RecordRows.text(of: [0xFF, 0x00]) == "0xff00")
    }

    func pages(_ format: OutputFormat, _ count: Int = 2) throws -> String {
        var pages = RecordPages(rows: RecordRows(dataset: Self.dataset, fields: Array(Self.dataset.schema.fields.prefix(2))), format: format, terminal: Terminal())
        var out = pages.begin()
        for number in 0..<count {
            let values: [(FieldID, Value)] = number == 0 ? [(FieldID(1), .string("An"))] : [(FieldID(1), .string("Bình Minh")), (FieldID(2), .int64(7))]
            out += pages.take(try record("k\(number)", values))
        }
        return out + pages.end()
    }

    @Test func aScanIsOneDocumentHoweverManyPages() throws {
        #expect(try pages(.table) == "tax_code  name       capital\nk0        An               –\nk1        Bình Minh        7\n")
        #expect(try pages(.csv) == "tax_code,name,capital\r\nk0,An,\r\nk1,Bình Minh,7\r\n")
        for count in [0, 1, 2, 450] {
            let json = try JSONReader.document(Array(try pages(.json, count).utf8), file: "out")
            #expect(json["schema"] == "kho.records/1")
            #expect(json["records"]?.array?.count == count)
            let yaml = try YAMLReader.documents(Array(try pages(.yaml, count).utf8), file: "out")
            #expect(yaml.count == 1)
            #expect(yaml.first?.document["records"]?.array?.count == count)
            // One heading.
            #expect(try pages(.table, count).split(separator: "\n").count == count + 1)
        }
    }

    @Test func anUnknownFieldNamesTheNearestVisibleOne() throws {
        #expect(try Self.dataset.fields(named: "capital, name").map(\.name) == ["capital", "name"])
        do {
            _ = try Self.dataset.fields(named: "capitol")
            Issue.record("taken")
        } catch {
            #expect(error.message == "dataset ho-kinh-doanh has no field \"capitol\"; did you mean \"capital\"?")
            #expect(error.status == .badData)
        }
    }

    @Test func aFilterIsCheckedWithItsPlace() throws {
        try Self.dataset.check(filter: "name = 'Bình' AND capital > 3")
        do {
            try Self.dataset.check(filter: "name = 'Bình' AND capitol > 3")
            Issue.record("taken")
        } catch {
            #expect(error.details == ["name = 'Bình' AND capitol > 3", "                  ^"])
        }
    }

    @Test func fieldsOnTheCommandLine() throws {
        let schema = Self.dataset.schema
        func values(_ arguments: FieldArguments, complete: Bool = false) throws(CommandError) -> [(FieldID, Value)] {
            try arguments.values(schema, keyName: "tax_code", complete: complete)
        }
        let taken = try values(FieldArguments(words: ["name=a=b", "rate=1.5"], json: #"{"tags": ["x|y"]}"#, nulls: ["capital"]), complete: true)
        #expect(taken.map(\.0) == [FieldID(5), FieldID(1), FieldID(3), FieldID(2)])
        #expect(taken.map(\.1) == [.list(["x|y"]), .string("a=b"), .decimal(DecimalValue(unscaled: 150, scale: 2)), .null])
        #expect(try values(FieldArguments(words: ["name="])).map(\.1) == [.string("")])

        func details(_ arguments: FieldArguments, complete: Bool = false) -> [String] {
            do {
                _ = try values(arguments, complete: complete)
                return ["taken"]
            } catch { return [error.message] + error.details }
        }
        #expect(details(FieldArguments(words: ["capital=x", "rate=1.234"])) == [
            "2 values are not right", "capital: expected a whole number of 64 bits", "rate: expected a decimal number with at most 2 places",
        ])
        #expect(details(FieldArguments(words: ["capital=1"]), complete: true) == ["a value is not right", "name: the field must have a value"])
        #expect(details(FieldArguments(words: ["capitol=1"])).first == "there is no field \"capitol\"; did you mean \"capital\"?")
        #expect(details(FieldArguments(words: ["name=a"], nulls: ["name"])) == ["field name is given twice"])
        #expect(details(FieldArguments(words: ["name"])) == ["\"name\" is not field=value"])
        #expect(details(FieldArguments(json: "[]")) == ["--json must be an object with fields as members"])
    }
}
