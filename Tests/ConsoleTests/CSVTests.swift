import Core
import Testing

@testable import Console

@Suite struct CSVReaderTests {
    /// Every record's cells (nil for an empty cell without quotation marks) with its line.
    func read(_ bytes: [UInt8], block: Int = 1 << 18) throws -> [(line: Int, cells: [String?])] {
        var reader = CSVReader(ByteSource(bytes, name: "f.csv", block: block))
        var records: [(line: Int, cells: [String?])] = []
        while let record = try reader.next() {
            records.append((record.line, record.cells.indices.map { i in
                record.bytes(i).isEmpty && !record.cells[i].quoted ? nil : record.text(i) ?? "not UTF-8"
            }))
        }
        return records
    }

    @Test func recordsAreTheSameHoweverTheBytesArrive() throws {
        let text = "\u{FEFF}mã,tên\r\n1,\"a \"\"b\"\", c\"\n\n\"x\r\ny\",\r\n2,\"\"\n,e\u{301}"
        for block in [1, 2, 3, 5, 1 << 18] {
            let records = try read(Array(text.utf8), block: block)
            #expect(records.map(\.line) == [1, 2, 4, 6, 7])
            #expect(records.map(\.cells) == [["mã", "tên"], ["1", "a \"b\", c"], ["x\r\ny", nil], ["2", ""], [nil, "e\u{301}"]])
        }
    }

    @Test func bytesAreKeptAsTheyAre() throws {
        let cell = try #require(try read(Array("e\u{301}\r\n".utf8)).first?.cells[0])
        #expect(Array(cell.utf8) == [0x65, 0xCC, 0x81])
    }

    @Test func cellsKnowTheirPlace() throws {
        var reader = CSVReader(ByteSource(Array("mã,b\n\"x\ny\",z\n".utf8), name: "f.csv"))
        let first = try #require(try reader.next()), second = try #require(try reader.next())
        #expect(first.cells.map { [$0.line, $0.column] } == [[1, 1], [1, 4]])
        #expect(second.cells.map { [$0.line, $0.column] } == [[2, 1], [3, 4]])
    }

    @Test(arguments: [
        ("a,b\nc\"d,e\n", "f.csv:2:2: a quotation mark in a cell that does not begin with one; put the cell in quotation marks and double this one"),
        ("a\n\"b\"c\n", "f.csv:2:4: text after the cell's closing quotation mark; a quotation mark inside is written twice"),
        ("a\nbé,\"c\nd\n", "f.csv:2:4: the cell's quotation mark is never closed"), ("a\rb\n", "f.csv:1:2: a carriage return without a line feed"),
    ])
    func whatIsNotCSVHasItsPlace(text: String, message: String) {
        for block in [1, 1 << 18] {
            #expect { try read(Array(text.utf8), block: block) } throws: { Self.says($0, message) }
        }
    }

    static func says(_ error: any Error, _ message: String) -> Bool {
        guard let error = error as? CommandError else { return false }
        return error.number == 8004 && error.status == .badData && error.message.utf8.elementsEqual(message.utf8)
    }

    @Test func cellsAndRecordsAreBounded() {
        let long = [UInt8](repeating: UInt8(ascii: "a"), count: InputLimits.cellBytes + 1)
        let cell = InputError(file: "f.csv", line: 1, column: 1, "the cell has more than 1 MiB; is a quotation mark missing?")
        #expect(throws: cell.commandError) { try read(long) }
        #expect(throws: cell.commandError) { try read([UInt8(ascii: "\"")] + long) }
        #expect(throws: InputError(file: "f.csv", line: 1, column: 1_025, "the record has more than 1024 cells").commandError) {
            try read([UInt8](repeating: UInt8(ascii: ","), count: InputLimits.cells))
        }
    }

    @Test func notUTF8IsSeenInItsCell() throws {
        #expect(try read([0xC3, UInt8(ascii: ","), UInt8(ascii: "a")]).first?.cells == ["not UTF-8", "a"])
    }

    @Test func whatIsWrittenIsReadAgain() throws {
        let seed = SystemRandom.uint64()
        var random = SeededRandom(seed: seed)
        for _ in 0..<200 {
            let rows = (0..<Int.random(in: 1..<5, using: &random)).map { _ -> [String?] in
                (0..<3).map { _ in Bool.random(using: &random) ? nil : (WriterTests.texts + [",", "\"\"", "\r\n", " x "]).randomElement(using: &random) }
            }
            let text = rows.map { CSVWriter.record($0) }.joined()
            let read = try read(Array(text.utf8))
            #expect(read.map(\.cells).elementsEqual(rows, by: Self.same), "seed \(seed): \(rows)")
        }
    }

    /// By their bytes.
    static func same(_ a: [String?], _ b: [String?]) -> Bool { a.map { $0.map { Array($0.utf8) } } == b.map { $0.map { Array($0.utf8) } } }
}
