import Core
import Testing

@testable import Records

@Suite struct RecordTests {
    static let fields: [(FieldID, Value, ValueKind)] = [
        (FieldID(1), .string("Bắc Giang"), .string), (FieldID(2), .int64(-7), .int64), (FieldID(3), .null, .string),
        (FieldID(5), .list(["một", "hai"]), .list), (FieldID(200), .bool(true), .bool),
    ]
    static let key = Array("24".utf8)
    static let stored = RecordCodec.encode(
        key: key, schemaVersion: 3, modifiedAt: LogIndex(0x0102), time: LogTime(milliseconds: 0x0304), fields: fields)

    func masked(visible: [UInt16], mask: [UInt16], requested: [UInt16]? = nil, hidesNothing: Bool = false) throws -> [UInt8] {
        var out: [UInt8] = [0xEE]
        func set(_ ids: [UInt16]) -> FieldMask { FieldMask(ids.map { FieldID($0) }) }
        try RecordView(Self.stored.span.bytes).writeMasked(
            into: &out, key: Self.key.span.bytes, visible: set(visible), mask: set(mask), requested: requested.map(set),
            hidesNothing: hidesNothing)
        #expect(out.first == 0xEE)
        return Array(out.dropFirst())
    }

    @Test func theLayoutIsAsDocumented() {
        let small = RecordCodec.encode(
            key: [0x61], schemaVersion: 2, modifiedAt: LogIndex(5), time: LogTime(milliseconds: 6),
            fields: [(FieldID(2), .string("é"), .string), (FieldID(1), .null, .date)])
        let crc = Hex.encode(small[24..<28])
        #expect(
            Hex.encode(small) == "01" + "00" + "0002" + "00000002" + "0000000000000005" + "0000000000000006" + crc + "00000002"
                + "0001" + "05" + "00" + "ffffffff" + "0002" + "07" + "00" + "00000002" + "c3a9")
        var zeroed = small
        zeroed.replaceSubrange(24..<28, with: [0, 0, 0, 0])
        #expect(crc == Hex.encode(UInt64(CRC32C.of([0x61] + zeroed))).suffix(8))
    }

    /// What the structure's check knows of the kinds is what the kinds say.
    @Test func theTableOfKindsIsThatOfTheKinds() {
        for number in UInt8(0)..<16 {
            let known = RecordLayout.kindBytes >> (UInt64(number) * 4) & 15
            #expect(known == ValueKind(rawValue: number).map { UInt64($0.fixedBytes ?? 0) } ?? RecordLayout.noKind, "kind \(number)")
        }
    }

    @Test func valuesSurviveTheirBytes() throws {
        let record = try Record(decoding: Self.stored, key: Self.key)
        #expect(record.fields.map(\.id.rawValue) == [1, 2, 3, 5, 200])
        #expect(record.fields.map(\.value) == Self.fields.map(\.1))
        #expect(record.modifiedAt == LogIndex(0x0102) && record.modifiedTime == LogTime(milliseconds: 0x0304))
    }

    @Test func randomRecordsSurviveTheirBytes() throws {
        let seed = SystemRandom.uint64()
        var random = SeededRandom(seed: seed)
        for _ in 0..<300 {
            var fields: [(FieldID, Value, ValueKind)] = []
            for id in 1...UInt16(20) where Bool.random(using: &random) {
                let kind = ValueKind.allCases.randomElement(using: &random)!
                let value: Value =
                    switch kind {
                    case .bool: .bool(.random(using: &random))
                    case .int64: .int64(.random(in: .min ... .max, using: &random))
                    case .double: .double(.random(in: -1e9...1e9, using: &random))
                    case .decimal: .decimal(DecimalValue(unscaled: .random(in: .min ... .max, using: &random), scale: 4))
                    case .date: .date(CalendarDate(day: .random(in: -10_000...30_000, using: &random)))
                    case .timestamp: .timestamp(.random(in: 0...4_000_000_000_000, using: &random))
                    case .string: .string(String(repeating: "ữ", count: .random(in: 0...40, using: &random)))
                    case .bytes: .bytes((0..<Int.random(in: 0...40, using: &random)).map { UInt8($0) })
                    case .list: .list((0..<Int.random(in: 0...5, using: &random)).map { "\($0)" })
                    }
                fields.append((FieldID(id), Bool.random(using: &random) ? value : .null, kind))
            }
            let bytes = RecordCodec.encode(
                key: [9], schemaVersion: 1, modifiedAt: LogIndex(1), time: .zero, fields: fields.shuffled(using: &random))
            let record = try Record(decoding: bytes, key: [9])
            #expect(record.fields.map(\.value) == fields.map(\.1), "seed \(seed)")
        }
    }

    @Test func everyTruncationAndEveryFlippedBitIsRefused() {
        for count in 0..<Self.stored.count {
            #expect(throws: RecordError.self) { try Record(decoding: Array(Self.stored[..<count]), key: Self.key) }
        }
        for i in Self.stored.indices {
            for bit in 0..<8 {
                var altered = Self.stored
                altered[i] ^= UInt8(1 << bit)
                #expect(throws: RecordError.self) { try Record(decoding: altered, key: Self.key) }
            }
        }
    }

    @Test func theChecksumBindsTheRecordToItsKey() {
        #expect(throws: RecordError.checksum) { try Record(decoding: Self.stored, key: Array("25".utf8)) }
    }

    @Test func fullRightsCopyTheStoredBytes() throws {
        #expect(try masked(visible: [1, 2, 3, 5, 200], mask: [1, 2, 3, 5, 200], hidesNothing: true) == Self.stored)
    }

    @Test func withheldIsNotNull() throws {
        let bytes = try masked(visible: [1, 2, 3, 4], mask: [1, 3])
        let record = try Record(decoding: bytes, key: Self.key)
        #expect(record[FieldID(1)] == .string("Bắc Giang"))
        #expect(record[FieldID(2)] == .withheld)
        // Null is what is left out, so that an entry for it tells nothing of when the record was written.
        #expect(record[FieldID(3)] == nil)
        // The record has no field 4, and that is not to be seen either.
        #expect(record[FieldID(4)] == .withheld)
        #expect(record[FieldID(5)] == nil && record[FieldID(200)] == nil)
        #expect(record.modifiedAt == nil && record.modifiedTime == nil)
    }

    /// Two records that differ only in what is hidden give the same bytes.
    @Test func hiddenFieldsLeaveNoTrace() throws {
        let other = RecordCodec.encode(
            key: Self.key, schemaVersion: 3, modifiedAt: LogIndex(99), time: LogTime(milliseconds: 98),
            fields: [(FieldID(1), .string("Bắc Giang"), .string), (FieldID(2), .null, .int64), (FieldID(3), .null, .string)])
        var out: [UInt8] = []
        try RecordView(other.span.bytes).writeMasked(
            into: &out, key: Self.key.span.bytes, visible: FieldMask([FieldID(1), FieldID(2)]), mask: FieldMask([FieldID(1)]),
            hidesNothing: false)
        #expect(try out == masked(visible: [1, 2], mask: [1]))
    }

    /// A field that the dataset no longer has is not sent, though nothing is hidden.
    @Test func aDeletedFieldIsNotCopied() throws {
        let record = try Record(decoding: masked(visible: [1, 2, 3, 5], mask: [1, 2, 3, 5], hidesNothing: true), key: Self.key)
        #expect(record.fields.map(\.id.rawValue) == [1, 2, 3, 5])
        #expect(record[FieldID(3)] == .null && record.modifiedAt == LogIndex(0x0102) && record.schemaVersion == 3)
    }

    @Test func onlyWhatIsAskedForIsSent() throws {
        let record = try Record(
            decoding: try masked(visible: [1, 2, 3, 5, 200], mask: [1, 2, 3, 5, 200], requested: [2, 9], hidesNothing: true), key: Self.key)
        #expect(record.fields == [.init(id: FieldID(2), value: .int64(-7))])
        #expect(record.modifiedAt == LogIndex(0x0102))
    }
}

@Suite struct ValueTextTests {
    @Test(arguments: [
        ("2024-02-29", ValueKind.date), ("0001-01-01", .date), ("9999-12-31", .date), ("1969-12-31", .date), ("true", .bool), ("-5", .int64),
        ("1.50", .decimal), ("-0.05", .decimal), ("2024-02-29T23:59:59Z", .timestamp), ("1969-12-31T00:00:00.001Z", .timestamp), ("00ff", .bytes),
        ("a|b", .list), ("Đỗ", .string),
    ])
    func textsSurvive(_ text: String, _ kind: ValueKind) throws { #expect(try Value(text: text, kind: kind, scale: 2).text == text) }

    @Test(arguments: [
        ("2023-02-29", ValueKind.date), ("2024-13-01", .date), ("24-01-01", .date), ("2024-1-1", .date), ("yes", .bool), ("1.5", .int64), ("1.555", .decimal),
        ("99999999999999999999", .decimal), ("nan", .double), ("2024-02-29 23:59:59", .timestamp), ("2024-02-29T24:00:00Z", .timestamp),
        ("0g", .bytes), ("Đô\u{303}", .string), ("1.", .decimal), (".5", .decimal),
    ])
    func whatIsNoValueIsRefused(_ text: String, _ kind: ValueKind) {
        #expect(throws: ValueTextError.self) { try Value(text: text, kind: kind, scale: 2) }
    }

    /// The short way to the answer must never say yes where normalising says no.
    @Test func lettersThatPassWithoutNormalisingAreNormalised() {
        var passing: [Unicode.Scalar] = []
        for value in UInt32(0)...0x3_00FF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            var text = String(Character(scalar))
            guard text.withUTF8({ TextRules.isComposedLatin($0) }) else { continue }
            passing.append(scalar)
            #expect(TextRules.normalised(text).unicodeScalars.elementsEqual(text.unicodeScalars), "U+\(String(value, radix: 16))")
        }
        #expect(passing.count == 0x300 + 0x100)
        var random = SeededRandom(seed: 5)
        for _ in 0..<20_000 {
            var view = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 2...6, using: &random) { if let scalar = passing.randomElement(using: &random) { view.append(scalar) } }
            let text = String(view)
            #expect(TextRules.normalised(text).unicodeScalars.elementsEqual(text.unicodeScalars))
        }
    }

    @Test func decomposedVietnameseIsNotNFC() {
        #expect(TextRules.isNFC("Nguyễn Văn Ứng, tỉnh Bắc Giang"))
        #expect(!TextRules.isNFC("Nguye\u{302}\u{303}n"))
        #expect(!TextRules.isNFC(Array("o\u{31B}\u{301}".utf8)))
        #expect(!TextRules.isNFC([0xC3, 0x28]))
        #expect(TextRules.normalised("Nguye\u{302}\u{303}n").utf8.elementsEqual("Nguyễn".utf8))
    }

    @Test func whatIsPlainIsWellFormedAndInNFC() {
        func isPlain(_ bytes: [UInt8]) -> Bool { TextRules.isPlain(bytes.span.bytes) }
        for text in ["", "An", "Nguyễn Văn Ứng, tỉnh Bắc Giang", "12345678é", "1234567é", "\u{80}\u{2FF}\u{1E00}\u{1EFF}"] {
            #expect(isPlain(Array(text.utf8)), "\(text)")
        }
        let others: [[UInt8]] = [
            [0xC3], [0xC3, 0x28], [0xE1, 0xBB], [0xE1, 0xBB, 0x28], [0xC0, 0x80], [0xC1, 0xBF], Array("o\u{300}".utf8), Array("日".utf8), [0xE1, 0xBC, 0x80], [0x80],
            [0xFF], Array("12345678".utf8) + [0xE1],
        ]
        for bytes in others { #expect(!isPlain(bytes), "\(bytes)") }
        // Of any bytes: plain ones are text in NFC.
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let pieces: [[UInt8]] = [Array("abcdefgh".utf8), Array("é".utf8), Array("ễ".utf8), Array("x".utf8), [0xC3], [0xBB], [0xE1], [0x80], Array("\u{302}".utf8)]
        var plain = 0
        for _ in 0..<20_000 {
            let bytes = (0..<random.next() % 6).flatMap { _ in pieces[Int(random.next() % UInt64(pieces.count))] }
            guard isPlain(bytes) else { continue }
            plain += 1
            #expect(TextRules.isNFC(bytes), "seed \(seed): \(bytes)")
        }
        #expect(plain > 1_000)
    }
}

@Suite struct SchemaTests {
    let schema = Schema(
        version: 1,
        fields: [
            FieldDefinition(id: FieldID(1), name: "a", kind: .string, required: true, maxBytes: 4),
            FieldDefinition(id: FieldID(2), name: "b", kind: .decimal, scale: 2), FieldDefinition(id: FieldID(3), name: "c", kind: .double),
            FieldDefinition(id: FieldID(4), name: "d", kind: .list, maxBytes: 10), FieldDefinition(id: FieldID(5), name: "e", kind: .bytes),
        ])

    func broken(_ values: [(UInt16, Value)], complete: Bool = true) -> SchemaViolation? {
        do {
            try schema.check(values.map { (FieldID($0.0), $0.1) }, complete: complete)
            return nil
        } catch { return error }
    }

    @Test func noRecordIsLargerThanItsSchemaSays() {
        let values: [Value] = [
            .string("abcd"), .decimal(DecimalValue(unscaled: .max, scale: 2)), .double(1), .list(["ab", "cd"]),
            .bytes([UInt8](repeating: 1, count: Limits.fieldBytes)),
        ]
        let fields = zip(schema.fields, values).map { ($0.id, $1, $0.kind) }
        let record = RecordCodec.encode(key: [1], schemaVersion: 1, modifiedAt: LogIndex(1), time: .zero, fields: fields)
        #expect(record.count == schema.recordBytesMax)
    }

    @Test func eachRuleIsKept() {
        #expect(broken([(1, .string("abcd"))]) == nil)
        #expect(broken([(1, .string("abcde"))])?.rule == .tooLong)
        #expect(broken([(4, .list(["ab", "cd"]))], complete: false) == nil)
        #expect(broken([(4, .list(["ab", "cde"]))], complete: false)?.rule == .tooLong)
        #expect(broken([(4, .list(["", "", "", "", ""]))], complete: false)?.rule == .tooLong)
        #expect(broken([(5, .bytes([UInt8](repeating: 1, count: Limits.fieldBytes)))], complete: false) == nil)
        #expect(broken([(5, .bytes([UInt8](repeating: 1, count: Limits.fieldBytes + 1)))], complete: false)?.rule == .tooLong)
        #expect(broken([(2, .null)]) == SchemaViolation(field: FieldID(1), rule: .required))
        #expect(broken([(2, .null)], complete: false) == nil)
        #expect(broken([(1, .null)], complete: false)?.rule == .required)
        #expect(broken([(1, .string("a")), (1, .string("b"))])?.rule == .duplicateField)
        #expect(broken([(1, .string("a")), (9, .null)])?.rule == .unknownField)
        #expect(broken([(1, .string("a")), (700, .null)])?.rule == .unknownField)
        #expect(broken([(1, .int64(1))])?.rule == .wrongKind)
        #expect(broken([(1, .withheld)])?.rule == .notStorable)
        #expect(broken([(1, .string("e\u{301}"))])?.rule == .notNFC)
        #expect(broken([(1, .string("a")), (2, .decimal(DecimalValue(unscaled: 1, scale: 3)))])?.rule == .wrongScale)
        #expect(broken([(1, .string("a")), (3, .double(.infinity))])?.rule == .outOfRange)
    }

    @Test func aTimestampOfOneLengthSaysItsMillisecondsAlways() {
        #expect(TimestampText.write(1_700_000_000_000) == "2023-11-14T22:13:20Z")
        #expect(TimestampText.write(1_700_000_000_000, alwaysInMilliseconds: true) == "2023-11-14T22:13:20.000Z")
        #expect(TimestampText.write(1_700_000_000_007, alwaysInMilliseconds: true) == "2023-11-14T22:13:20.007Z")
        #expect(TimestampText.parse("2023-11-14T22:13:20.000Z") == 1_700_000_000_000)
    }
}
