import Core
import Testing

@testable import Records

@Suite struct ConditionTests {
    static let schema = Schema(
        version: 1,
        fields: [
            FieldDefinition(id: FieldID(1), name: "name", kind: .string),
            FieldDefinition(id: FieldID(2), name: "district", kind: .string),
            FieldDefinition(id: FieldID(3), name: "capital", kind: .int64),
            FieldDefinition(id: FieldID(4), name: "licence_date", kind: .date),
            FieldDefinition(id: FieldID(5), name: "open", kind: .bool),
            FieldDefinition(id: FieldID(6), name: "rate", kind: .decimal, scale: 2),
            FieldDefinition(id: FieldID(7), name: "telephone", kind: .string),
        ])

    static let record = RecordCodec.encode(
        key: [1], schemaVersion: 1, modifiedAt: LogIndex(5), time: LogTime(milliseconds: 6),
        fields: [
            (FieldID(1), .string("Hộ kinh doanh An"), .string), (FieldID(2), .string("219"), .string),
            (FieldID(3), .int64(-5), .int64), (FieldID(4), .date(CalendarDate(text: "2024-02-29")!), .date),
            (FieldID(5), .bool(true), .bool), (FieldID(6), .decimal(DecimalValue(unscaled: 150, scale: 2)), .decimal),
            (FieldID(7), .null, .string),
        ])

    func parse(_ text: String) throws -> Condition { try Condition.parse(text) { Self.schema.field(named: $0) } }

    func evaluate(_ text: String, hiding hidden: [UInt16] = [], attributes: [(name: String, value: Value)] = []) throws -> Truth {
        let condition = try parse(text).substituting(attributes)
        #expect(try Condition(decoding: condition.encoded()) == condition, "\(text)")
        let view = try RecordView(Self.record.span.bytes)
        return condition.evaluate(view, shown: FieldMask.all.subtracting(FieldMask(hidden.map { FieldID($0) })))
    }

    @Test(arguments: [
        ("district = '219'", Truth.true), ("district <> '219'", .false), ("district != '213'", .true),
        ("district IN ('213', '219')", .true), ("district NOT IN ('213')", .true), ("capital < 0", .true),
        ("capital >= -5 AND capital <= -5", .true), ("capital > -5", .false), ("licence_date = '2024-02-29'", .true),
        ("licence_date < '2024-03-01'", .true), ("open = true", .true), ("open = FALSE", .false), ("rate = 1.5", .true),
        ("rate > 1.49", .true), ("name LIKE 'Hộ kinh%'", .true), ("name STARTS WITH 'Công'", .false),
        ("telephone IS NULL", .true), ("telephone IS NOT NULL", .false), ("telephone = '1'", .unknown),
        ("NOT telephone = '1'", .unknown), ("telephone = '1' OR open = true", .true), ("telephone = '1' AND open = false", .false),
        ("telephone IN ('1')", .unknown), ("NOT (district = '219' OR capital = 1)", .false),
        ("district = $principal.district", .unknown), ("NOT district = $principal.nothing", .unknown),
    ])
    func threeValuedLogic(_ text: String, _ expected: Truth) throws { #expect(try evaluate(text) == expected, "\(text)") }

    /// Whatever a filter says of a field that is not shown, the answer is UNKNOWN, and so is its opposite.
    @Test(arguments: [
        "district = '219'", "district <> '219'", "district IN ('219')", "district IS NULL", "district IS NOT NULL", "district LIKE '2%'",
        "NOT district = '213'", "district STARTS WITH '2'",
    ])
    func whatIsHiddenIsUnknown(_ text: String) throws {
        #expect(try evaluate(text, hiding: [2]) == .unknown)
        #expect(try evaluate("NOT (\(text))", hiding: [2]) == .unknown)
    }

    /// Whatever Swift writes of a double can be read again.
    @Test(arguments: [0.0, -0.0, 1.5, 1e20, 1e-20, -2.5e-7, .greatestFiniteMagnitude, .leastNonzeroMagnitude, 123_456_789.125])
    func everyDoubleIsReadAsItIsWritten(_ number: Double) throws {
        let field = FieldDefinition(id: FieldID(9), name: "x", kind: .double)
        let condition = Condition(.compare(FieldID(9), .less, .literal(.double(number))))
        #expect(try Condition.parse(condition.text { _ in "x" }) { $0 == "x" ? field : nil } == condition)
    }

    @Test(arguments: ["1e", "1e+", "1e5e5", "1+5", "1.5e2.5", "--1"])
    func whatIsNoNumberIsRefused(_ text: String) {
        let field = FieldDefinition(id: FieldID(9), name: "x", kind: .double)
        #expect(throws: ConditionError.self) { try Condition.parse("x = \(text)") { $0 == "x" ? field : nil } }
    }

    @Test func attributesOfThePrincipalArePutIn() throws {
        #expect(try evaluate("district = $principal.district", attributes: [("district", .string("219"))]) == .true)
        #expect(try evaluate("district = $principal.district", attributes: [("district", .string("213"))]) == .false)
    }

    @Test func textsParseToThemselves() throws {
        for text in ["district = '2''1'", "(capital > 3 OR NOT (open = true))", "name IN ('a', 'b') AND telephone IS NULL"] {
            let condition = try parse(text)
            #expect(try parse(condition.text { Self.schema.field($0)!.name }) == condition)
        }
    }

    @Test(arguments: [
        ("nothing = 1", 0, "unknown field \"nothing\""), ("capital = 'x'", 10, "expected a int64 without quotation marks"),
        ("capital =", 9, "expected a value"), ("district = 219", 11, "expected a string in quotation marks"),
        ("district = '219", 11, "a text without its closing '"), ("(capital = 1", 12, "expected )"),
        ("capital = 1 capital = 2", 12, "expected AND, OR or the end"), ("licence_date = '2023-02-29'", 15, "expected a date as YYYY-MM-DD"),
        ("open < true", 7, "truth values have no order"), ("name LIKE '%a%'", 10, "LIKE takes a text that ends in its only %"),
        ("capital = 99999999999999999999", 10, "expected a whole number of 64 bits"), ("", 0, "expected a field's name"),
        ("capital ; 1", 8, "a character that has no place here"),
    ])
    func errorsSayWhere(_ text: String, _ position: Int, _ message: String) {
        #expect(throws: ConditionError(position: position, message: message)) { try parse(text) }
    }

    @Test func sizeAndDepthAreBounded() throws {
        let deep = String(repeating: "(", count: Limits.conditionDepth - 1) + "capital = 1" + String(repeating: ")", count: Limits.conditionDepth - 1)
        _ = try parse(deep)
        #expect(throws: ConditionError.self) { try parse("(((" + deep + ")))") }
        let wide = Array(repeating: "capital = 1", count: Limits.conditionNodes - 1).joined(separator: " OR ")
        _ = try parse(wide)
        #expect(throws: ConditionError.self) { try parse(wide + " OR capital = 1") }
        #expect(throws: ConditionError.self) { try parse("name = '" + String(repeating: "x", count: Limits.conditionTextBytes) + "'") }
        let longest = "name = $principal." + String(repeating: "x", count: Limits.nameBytes)
        #expect(try Condition(decoding: parse(longest).encoded()).encoded() == parse(longest).encoded())
        #expect(throws: ConditionError(position: 7, message: "an attribute's name has at most \(Limits.nameBytes) bytes")) { try parse(longest + "x") }
    }

    /// What is taken is stored, and what is stored must be read again: by the limits of the bytes, the NOT within a comparison is a part and a level.
    @Test func whatIsParsedDecodesAtEveryLimit() throws {
        for comparison in ["capital IS NOT NULL", "capital NOT IN (1)", "name NOT LIKE 'x%'", "NOT capital = 1"] {
            let most = (Limits.conditionNodes - 1) / 2
            let wide = Array(repeating: comparison, count: most).joined(separator: " AND ")
            let condition = try parse(wide)
            #expect(try Condition(decoding: condition.encoded()) == condition)
            #expect(throws: ConditionError.self, "more than it decodes") { try parse(wide + " AND " + comparison) }
            // Levels: an OR and an AND in each pair of parentheses, and the comparison in the last.
            var deep = "capital = 1"
            for level in 1...Limits.conditionDepth { deep = "capital = 2 OR capital = 3 AND " + (level == 1 ? deep : "(\(deep))") }
            let deepest = try parse(deep)
            #expect(try Condition(decoding: deepest.encoded()) == deepest)
            #expect(throws: ConditionError(position: 0, message: "nested more than \(Limits.conditionDepth) levels deep")) {
                try parse(deep.replacing("AND capital = 1", with: "AND capital IS NOT NULL"))
            }
        }
    }

    /// Its elements' lengths are bytes too, so that it is longer than its text.
    @Test func aListInAConditionDecodesOrIsRefused() throws {
        let tags = FieldDefinition(id: FieldID(9), name: "tags", kind: .list)
        func parse(_ separators: Int) throws(ConditionError) -> Condition {
            try Condition.parse("tags IN ('" + String(repeating: "|", count: separators) + "')") { $0 == "tags" ? tags : nil }
        }
        let longest = try parse(4_094)
        #expect(try Condition(decoding: longest.encoded()) == longest)
        #expect(throws: ConditionError.self) { try parse(4_096) }
    }

    @Test func everyTruncationOfTheBytesIsRefused() throws {
        let bytes = try parse("district IN ('1', '2') AND NOT (capital = 3 OR name LIKE 'x%') AND telephone IS NULL").encoded()
        for count in 0..<bytes.count {
            #expect(throws: DecodingError.self) { try Condition(decoding: Array(bytes[..<count])) }
        }
    }
}
