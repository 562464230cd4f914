import Core
import Testing

@testable import Console

@Suite struct HumanTextTests {
    @Test(arguments: [
        ("Sở Tài chính", "Sở Tài chính"), ("a\nb\tc\r", "a\\nb\\tc\\r"), ("\u{1B}[31mred", "\\u{1B}[31mred"), ("\u{7F}\u{9B}", "\\u{7F}\\u{9B}"),
        ("\u{202E}gpj.exe", "\\u{202E}gpj.exe"), ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"), ("a\u{200B}b\u{FEFF}", "a\\u{200B}b\\u{FEFF}"),
        ("\u{2028}\u{E000}", "\\u{2028}\\u{E000}"), ("\r\n", "\\r\\n"),
    ])
    func whatATerminalWouldActOnIsEscaped(text: String, shown: String) {
        #expect(HumanText.escaped(text).utf8.elementsEqual(shown.utf8))
    }

    @Test(arguments: [("Bắc Giang", 9), ("Nguyễn Thị Ướt", 14), ("e\u{301}", 1), ("漢字", 4), ("한", 2), ("", 0)])
    func widthsAreThoseOfATerminal(text: String, width: Int) { #expect(HumanText.width(text) == width) }

    @Test(arguments: [(0, "0"), (999, "999"), (1_000, "1,000"), (-184_211, "-184,211"), (1_234_567, "1,234,567")])
    func numbersAreGrouped(number: Int, text: String) { #expect(HumanText.grouped(number) == text) }

    @Test(arguments: [(5, "5s"), (65, "1m 05s"), (3_725, "1h 02m"), (90_000, "1d 01h")])
    func durationsHaveTwoUnits(seconds: Int, text: String) { #expect(HumanText.duration(seconds: seconds) == text) }
}

@Suite struct ReportTests {
    let report = Report(
        schema: "kho.cluster.status/1",
        body: [
            "cluster": "bac-giang",
            "nodes": [
                ["node": "n1", "state": "healthy", "applied": 184_211, "lag": .null, "data": 2_254_857_830, "sync": .double(0.34)],
                ["node": "n3", "state": "lagging", "applied": 183_020, "lag": 1_191, "data": 1_073_741_824, "sync": .double(91)],
            ],
        ],
        rows: "nodes",
        columns: [
            .init("NODE", "node"), .init("STATE", "state"), .init("APPLIED", "applied", .count), .init("LAG", "lag", .count),
            .init("SYNC", "sync", .milliseconds), .init("DATA", "data", .bytes),
        ],
        heading: "Cluster bac-giang", emphasis: { member, value in member == "state" && value == "lagging" ? .bad : nil })

    @Test func tablesAreAligned() {
        #expect(report.rendered(.table) == """
            Cluster bac-giang
            NODE  STATE    APPLIED    LAG     SYNC     DATA
            n1    healthy  184,211      –   0.3 ms  2.1 GiB
            n3    lagging  183,020  1,191  91.0 ms    1 GiB

            """)
    }

    @Test func coloursAreOnlyForTerminalsThatWantThem() {
        #expect(!report.rendered(.table, on: Terminal(outputIsTerminal: true, allowsColour: false)).contains("\u{1B}"))
        #expect(!report.rendered(.table, on: Terminal(outputIsTerminal: false, allowsColour: true)).contains("\u{1B}"))
        let coloured = report.rendered(.table, on: Terminal(outputIsTerminal: true, allowsColour: true))
        #expect(coloured.contains("\u{1B}[31mlagging\u{1B}[0m"))
        #expect(coloured.contains("\u{1B}[1mNODE\u{1B}[0m  "))
    }

    @Test func jsonNamesItsSchema() throws {
        let document = try JSONReader.document(Array(report.rendered(.json).utf8), file: "json")
        #expect(document.members?.first == .init("schema", "kho.cluster.status/1"))
        #expect(document["nodes"]?.array?[1]["lag"] == 1_191)
    }

    @Test func yamlSaysTheSameAsJSON() throws {
        let yaml = try YAMLReader.documents(Array(report.rendered(.yaml).utf8), file: "yaml")
        #expect(yaml.map(\.document) == [try JSONReader.document(Array(report.rendered(.json).utf8), file: "json")])
    }

    @Test func csvHasTheTablesColumns() {
        #expect(report.rendered(.csv).split(separator: "\r\n").map(String.init) == [
            "node,state,applied,lag,sync,data", "n1,healthy,184211,,0.34,2254857830", "n3,lagging,183020,1191,91.0,1073741824",
        ])
    }

    @Test func oneObjectIsAListOfItsMembers() {
        let report = Report(schema: "kho.x/1", body: ["name": "Sở Y tế", "open": true, "fields": ["a", "b"], "evil": "\u{1B}[2J"])
        #expect(report.rendered(.table) == "name    Sở Y tế\nopen    yes\nfields  a, b\nevil    \\u{1B}[2J\n")
    }

    @Test func columnsOfUnknownRowsAreTheirMembers() {
        let table = Table(rows: [["code": "219", "n": 7], ["code": "1", "m": 3, "n": 10]])
        #expect(table.rendered() == "CODE   N  M\n219    7  –\n1     10  3\n")
    }
}

@Suite struct WriterTests {
    @Test func jsonEscapesWhatATerminalWouldActOn() throws {
        let evil: Document = .string("\u{1B}[31m\u{202E}\u{9B}\n\"\\\u{E0001}")
        let text = JSONWriter.compact(evil)
        #expect(text == #""\u001b[31m\u202e\u009b\n\"\\\udb40\udc01""#)
        #expect(try JSONReader.document(Array(text.utf8), file: "x") == evil)
    }

    @Test func jsonIsIndentedByTwo() {
        let document: Document = ["a": [1, ["b": .null]], "c": [], "d": .object([])]
        #expect(JSONWriter.indented(document) == """
            {
              "a": [
                1,
                {
                  "b": null
                }
              ],
              "c": [],
              "d": {}
            }
            """)
        #expect(JSONWriter.compact(document) == #"{"a":[1,{"b":null}],"c":[],"d":{}}"#)
    }

    @Test func randomDocumentsSurviveJSONAndYAML() throws {
        let seed = SystemRandom.uint64()
        var random = SeededRandom(seed: seed)
        for _ in 0..<300 {
            let document = Self.document(&random, depth: 4)
            let source = Comment(rawValue: "seed \(seed): \(document)")
            #expect(try JSONReader.document(Array(JSONWriter.compact(document).utf8), file: "x") == document, source)
            #expect(try JSONReader.document(Array(JSONWriter.indented(document).utf8), file: "x") == document, source)
            // A list at the top of a YAML file stands for several documents.
            let object: Document = ["top": document]
            #expect(try YAMLReader.documents(Array(YAMLWriter.text(object).utf8), file: "x").map(\.document) == [object], source)
        }
    }

    static let texts = [
        "", " ", "yes", "NO", "null", "~", "001", "12", "1.5", "-", "- a", "a: b", "a #b", "#", "'", "\"", "Sở Y tế", "2024-01-31", "a\nb", "\u{1B}", "{", "[x]",
        "&a", "*a", "!t", "%", "@", "`", "|", ">", "e\u{301}", "\u{1F600}", "true", "1e5", "0x1F", ".inf", "a ", "=", "<<", "x\u{FEFF}", "\u{85}", "?", "a,b",
    ]

    static func document(_ random: inout SeededRandom, depth: Int) -> Document {
        switch Int.random(in: 0..<(depth == 0 ? 5 : 8), using: &random) {
        case 0: .null
        case 1: .bool(.random(using: &random))
        case 2: .int(Int64(bitPattern: random.next()) >> Int64.random(in: 0..<64, using: &random))
        case 3: .double(Double.random(in: -1e6...1e6, using: &random) * (Bool.random(using: &random) ? 1 : 1e200))
        case 4: .string(texts.randomElement(using: &random) ?? "")
        case 5: .array((0..<Int.random(in: 0..<4, using: &random)).map { _ in document(&random, depth: depth - 1) })
        default:
            .object(texts.shuffled(using: &random).prefix(Int.random(in: 0..<4, using: &random)).map {
                .init($0, document(&random, depth: depth - 1))
            })
        }
    }
}

@Suite struct CommandErrorTests {
    @Test func errorsSayWhatWhyAndWhatToDo() {
        let error = CommandError(
            2003, "no quorum: 1 of 3 voters answers", details: ["n2 127.0.0.1:7411  connection refused"], remedy: "kho doctor --node n2",
            status: .unreachable)
        #expect(error.description == """
            kho: error KHO-2003: no quorum: 1 of 3 voters answers
              n2 127.0.0.1:7411  connection refused
              try: kho doctor --node n2
            """)
    }

    @Test func numbersHaveFourDigits() { #expect(CommandError(7, "x").description == "kho: error KHO-0007: x") }

    @Test func nothingInAnErrorActsOnATerminal() {
        let error = CommandError(1, "a\u{1B}[2J", details: ["b\nkho: all is well"], remedy: "c\u{202E}")
        #expect(error.description == "kho: error KHO-0001: a\\u{1B}[2J\n  b\\nkho: all is well\n  try: c\\u{202E}")
    }

    @Test func statusesAreThoseOfSysexits() {
        #expect(CommandError.usage("").status.rawValue == 64)
        #expect(CommandError.badData("").status.rawValue == 65)
        #expect(CommandError.bug("").status.rawValue == 70)
        #expect(CommandError.configuration("").status.rawValue == 78)
        #expect(CommandError.checkFailed("").status.rawValue == 2)
    }
}

@Suite struct ProgressTests {
    @Test func aBarHasRateAndRemainingTime() {
        var state = ProgressState(title: "import", total: 240_000, unit: "records")
        state.done = 120_000
        #expect(
            state.line(elapsedMilliseconds: 3_000, columns: 100, bar: true)
                == "import  [###############···············]  50%  120,000 of 240,000 records  40,000/s  3s left")
        #expect(state.line(elapsedMilliseconds: 3_000, columns: 70, bar: true).utf8.count <= 70)
    }

    @Test func withoutATotalThereIsNoBar() {
        var state = ProgressState(title: "export", total: nil, unit: "records")
        state.done = 1_500
        #expect(state.line(elapsedMilliseconds: 1_500, columns: 80, bar: true) == "export  1,500 records  1,000/s")
    }

    @Test func aTerminalSeesALineThatIsDrawnOverAndAFileWholeLines() {
        for onTerminal in [true, false] {
            let written = Written()
            let start = MonotonicTime(nanoseconds: 1_000_000_000)
            var progress = Progress(
                ProgressState(title: "t", total: 10, unit: "rows"), on: Terminal(errorsAreTerminal: onTerminal, columns: 60), startingAt: start
            ) { written.append($0) }
            progress.update(1, at: start.adding(milliseconds: 50))
            #expect(written.texts.isEmpty)
            progress.update(2, at: start.adding(milliseconds: 6_000))
            progress.finish(10, at: start.adding(milliseconds: 6_001))
            #expect(written.texts.count == (onTerminal ? 3 : 2))
            #expect(written.texts.allSatisfy { $0.hasPrefix("\r\u{1B}[K") || $0 == "\n" } == onTerminal)
            #expect(written.texts.joined().contains("100%"))
        }
    }
}
