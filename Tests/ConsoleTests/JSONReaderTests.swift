import Core
import Testing

@testable import Console

@Suite struct JSONReaderTests {
    func read(_ text: String) throws -> Document { try JSONReader.document(Array(text.utf8), file: "f.json") }

    @Test func everyKindOfValueIsRead() throws {
        let text = #" { "a" : [ null, true, false, 0, -12, 1.5, 2e3, "x\n\u00e9\ud83d\ude00\/" ], "b": {} , "c":[]} "#
        #expect(try read(text) == ["a": [.null, true, false, 0, -12, .double(1.5), .double(2_000), "x\né😀/"], "b": .object([]), "c": []])
        #expect(try read("9223372036854775807") == .int(.max))
        #expect(try read("-9223372036854775808") == .int(.min))
        #expect(try read("\u{FEFF}1") == 1)
    }

    @Test(arguments: [
        ("", 1, 1, "the text ends where a value is expected"), ("{\n  \"a\": 1,\n}", 3, 1, "expected a member's name in \"quotation marks\""),
        ("[1,]", 1, 4, "expected a value"), ("[1 2]", 1, 4, "expected , or ]"), ("{\"a\" 1}", 1, 6, "expected : after the member's name"),
        ("{\"ă\":1,\"ă\":2}", 1, 8, "the object has this member already"), ("\"a", 1, 1, "the text has no closing quotation mark"),
        ("\"a\nb\"", 1, 3, "a control character in a text; write it as an escape"), ("01", 1, 1, "expected a value"), ("-", 1, 1, "expected a value"),
        ("1.", 1, 3, "expected digits after the decimal point"), ("1e", 1, 3, "expected digits of the exponent"), ("1 1", 1, 3, "expected the end of the text"),
        ("9223372036854775808", 1, 1, "the number needs more than 64 bits; write it as a text"), ("1e999", 1, 1, "the number is too large"),
        (#""\ud800""#, 1, 2, "half of a character"), (#""\ud800\u0041""#, 1, 2, "half of a character"), (#""\udc00""#, 1, 2, "half of a character"),
        (#""\x""#, 1, 2, "unknown escape"), (#""\u12""#, 1, 2, "expected four hexadecimal digits"), ("nul", 1, 1, "expected a value"),
        ("NaN", 1, 1, "expected a value"), ("// c\n1", 1, 1, "expected a value"), ("{\"a\":1", 1, 1, "the object has no end"), ("[1", 1, 1, "the array has no end"),
    ])
    func mistakesHaveTheirPlace(text: String, line: Int, column: Int, message: String) {
        #expect(throws: InputError(file: "f.json", line: line, column: column, message)) { try read(text) }
    }

    @Test func textThatIsNotUTF8IsRefused() {
        #expect(throws: InputError(file: "f", line: 1, column: 2, "the text is not UTF-8")) {
            try JSONReader.document([UInt8(ascii: "["), UInt8(ascii: "\""), 0xC3, UInt8(ascii: "\""), UInt8(ascii: "]")], file: "f")
        }
    }

    @Test func depthIsBoundedAndWhatIsReadCanBeSent() throws {
        let deepest = String(repeating: "[", count: Document.depth - 1) + "1" + String(repeating: "]", count: Document.depth - 1)
        let document = try read(deepest)
        #expect(try Document(decoding: document.encoded()) == document)
        #expect(throws: InputError.self) { try read("[" + deepest + "]") }
        #expect(throws: InputError.self) { try read(String(repeating: "[", count: 1_000_000)) }
    }

    @Test func everyTruncationIsRefused() {
        let bytes = Array(#"{"a":[1.5,"é\u00e9",null],"b":{"c":true}}"#.utf8)
        for count in 0..<bytes.count { #expect(throws: InputError.self) { try JSONReader.document(Array(bytes[..<count]), file: "f") } }
    }

    @Test func severalValuesHaveTheirLines() throws {
        var reader = JSONReader(Array("{\"a\":1}\n[ {\"b\":2},\n 3 ]\n[]\n4\n".utf8), file: "f")
        let values = try reader.sequence()
        #expect(values.map(\.line) == [1, 2, 3, 5])
        #expect(values.map(\.value) == [["a": 1], ["b": 2], 3, 4])
    }
}

@Suite struct JSONLinesTests {
    @Test func aWrongLineDoesNotHideTheNext() throws {
        for block in [1, 3, 1 << 18] {
            let text = "{\"k\":\"a\",\"d\":12.50}\n\n{\"k\":}\r\n{\"k\":\"b\"}"
            var reader = JSONLinesReader(ByteSource(Array(text.utf8), name: "f.jsonl", block: block))
            var lines: [JSONLinesReader.Line] = []
            while let line = try reader.next() { lines.append(line) }
            #expect(lines.map(\.number) == [1, 3, 4])
            #expect(try lines[0].value.get() == ["k": "a", "d": "12.50"])
            #expect(throws: InputError(file: "f.jsonl", line: 3, column: 6, "expected a value")) { try lines[1].value.get() }
            #expect(try lines[2].value.get() == ["k": "b"])
            #expect(reader.bytesRead == text.utf8.count)
        }
    }

    @Test func aLineWithoutEndIsRefused() throws {
        var reader = JSONLinesReader(ByteSource([UInt8](repeating: UInt8(ascii: "1"), count: InputLimits.lineBytes + 1), name: "f"))
        #expect(throws: InputError(file: "f", line: 1, "the line has more than 4 MiB").commandError) { try reader.next() }
    }
}

@Suite struct YAMLReaderTests {
    func read(_ text: String) throws -> [YAMLReader.Part] { try YAMLReader.documents(Array(text.utf8), file: "f.yaml") }

    @Test func scalarsMeanWhatPeopleMean() throws {
        let text = """
            a: [1, -2, 1.5, 1e3, true, ~, null, 007, 219, "219", yes, no, on, 2024-01-31, 12:30, 0x1F, v1.2, -, 1.2.3, "true"]
            """
        #expect(try read(text).first?.document["a"] == [
            1, -2, .double(1.5), .double(1_000), true, .null, .null, "007", 219, "219", "yes", "no", "on", "2024-01-31", "12:30", "0x1F", "v1.2", "-",
            "1.2.3", "true",
        ])
    }

    @Test func severalDocumentsAndListsHaveTheirLines() throws {
        let parts = try read("a: 1\n---\n- b: 2\n- c: 3\n")
        #expect(parts.map(\.document) == [["a": 1], ["b": 2], ["c": 3]])
        #expect(parts.map(\.line) == [1, 3, 4])
    }

    @Test func mistakesHaveTheirLine() {
        for (text, line) in [("a: 1\nb: [1\n", 3), ("a: 1\na: 2\n", 1), ("a: 1\n  b: 2\n", 2), ("a: *x\n", 1), ("a:\n- 99999999999999999999\n", 2), ("? [a]\n: b\n", 1)] {
            do {
                let parts = try read(text)
                Issue.record("\(text) was taken: \(parts)")
            } catch let error as InputError {
                #expect(error.line == line, "\(text): \(error)")
            } catch {
                Issue.record("\(error)")
            }
        }
    }

    @Test func aliasesCannotExplode() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for i in 1...12 { text += "a\(i): &a\(i) [\(Array(repeating: "*a\(i - 1)", count: 10).joined(separator: ", "))]\n" }
        #expect(throws: InputError.self) { try read(text) }
    }
}
