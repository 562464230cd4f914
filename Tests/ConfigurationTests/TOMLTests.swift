import Core
import Testing

@testable import Configuration

@Suite struct TOMLTests {
    func values(_ text: String) throws -> [String: TOMLFile.Value] {
        Dictionary(uniqueKeysWithValues: try TOMLFile(parsing: text, name: "f.toml").entries.map { ($0.key, $0.value) })
    }

    @Test func everythingThatConfigurationsUseIsRead() throws {
        let text = """
            # a comment
            role = "query"   # another
            a.b = 1_000
            "quoted key" = 'C:\\path'
            on = true
            off=false
            [listen]
            peer = "[::1]:7401"

            [ table . "x" ]
            list = [
              "a", # first
              'b',
            ]
            nested = [[1, -2], []]
            escapes = "tab\\t \\"q\\" \\\\ \\u00e9 \\U0001F600"
            """
        #expect(try values(text) == [
            "role": .string("query"), "a.b": .integer(1_000), "quoted key": .string("C:\\path"), "on": .boolean(true), "off": .boolean(false),
            "listen.peer": .string("[::1]:7401"), "table.x.list": .array([.string("a"), .string("b")]),
            "table.x.nested": .array([.array([.integer(1), .integer(-2)]), .array([])]), "table.x.escapes": .string("tab\t \"q\" \\ é 😀"),
        ])
    }

    @Test func linesMayEndInCarriageReturnAndLineFeed() throws {
        #expect(try values("a = 1\r\n[t]\r\nb = [\r\n1,\r\n2]\r\n") == ["a": .integer(1), "t.b": .array([.integer(1), .integer(2)])])
    }

    @Test func entriesKnowTheirLine() throws {
        let file = try TOMLFile(parsing: "\n\na = [\n1,\n2\n]\nb = 2\n", name: "f")
        #expect(file["a"]?.line == 3)
        #expect(file["b"]?.line == 7)
        #expect(file["c"] == nil)
    }

    @Test(arguments: [
        ("a = 1\na = 2\n", "f.toml:2: a was given in line 1 already"), ("[t]\n[t]\n", "f.toml:2: table [t] was begun in line 1 already"),
        ("a.b = 1\n[a]\nb = 2\n", "f.toml:3: a.b was given in line 1 already"), ("[[t]]\n", "f.toml:1: arrays of tables are not used here"),
        ("a = {b = 1}\n", "f.toml:1: inline tables are not used here; write a [table]"), ("\na 1\n", "f.toml:2: expected = after the key a"),
        ("a =\n", "f.toml:1: expected a value"), ("a = 1 2\n", "f.toml:1: expected the end of the line"),
        ("a = yes\n", "f.toml:1: yes is no value: a text stands in \"quotation marks\", a number has digits only"),
        ("a = 1.5\n", "f.toml:1: 1.5 is no value: a text stands in \"quotation marks\", a number has digits only"),
        ("a = 1979-05-27\n", "f.toml:1: 1979-05-27 is no value: a text stands in \"quotation marks\", a number has digits only"),
        ("a = _1\n", "f.toml:1: _1 is no value: a text stands in \"quotation marks\", a number has digits only"),
        ("a = \"x\nb = 1\n", "f.toml:1: the string has no end"), ("a = \"\"\"x\"\"\"\n", "f.toml:1: strings of several lines are not used here"),
        ("a = \"\\q\"\n", "f.toml:1: unknown escape \\q"), ("a = \"\\ud800\"\n", "f.toml:1: expected 4 hexadecimal digits of a character"),
        ("a = \"\u{1}\"\n", "f.toml:1: a control character in a string"), ("a = [1\n\n", "f.toml:1: the array has no end"),
        ("a = [1 2]\n", "f.toml:1: expected , or ] in the array"), ("[t\n", "f.toml:1: expected ] after the table's name"),
        ("= 1\n", "f.toml:1: expected a key, as name = value, or a table, as [name]"), ("a = [[[[[1]]]]]\n", "f.toml:1: arrays are nested too deeply"),
        ("a = \"x\\", "f.toml:1: the string has no end"),
    ])
    func mistakesHaveTheirLine(text: String, message: String) {
        do {
            let file = try TOMLFile(parsing: text, name: "f.toml")
            Issue.record("taken: \(file)")
        } catch {
            #expect(error.description == message)
        }
    }
}

@Suite struct ConfigurationReaderTests {
    enum Colour: String, CaseIterable { case red, green }

    func reader(_ text: String) throws -> ConfigurationReader { ConfigurationReader(file: try TOMLFile(parsing: text, name: "f")) }

    func message(_ text: String, _ body: (ConfigurationReader) throws -> Void) -> String {
        do {
            try body(try reader(text))
            return "taken"
        } catch {
            return "\(error)"
        }
    }

    @Test func unknownKeysNameTheNearest() {
        #expect(message("listen.pear = \"x\"\n") { try $0.checkKeys(["listen.peer", "role"]) } == "f:1: unknown key listen.pear; did you mean \"listen.peer\"?")
        #expect(message("\nzzzzzz = 1\n") { try $0.checkKeys(["role"]) } == "f:2: unknown key zzzzzz")
        #expect(message("role = 1\n") { try $0.checkKeys(["role"]) } == "taken")
    }

    @Test func valuesOfAnotherKindAreRefused() {
        #expect(message("a = 1\n") { _ = try $0.string("a") } == "f:1: a must be a string, not a whole number")
        #expect(message("a = \"\"\n") { _ = try $0.string("a") } == "f:1: a must not be empty")
        #expect(message("") { _ = try $0.string("a") } == "f: a is missing")
        #expect(message("a = \"1\"\n") { _ = try $0.integer("a", in: 1...2) } == "f:1: a must be a whole number, not a string")
        #expect(message("a = 3\n") { _ = try $0.integer("a", in: 1...2) } == "f:1: a must be from 1 to 2, not 3")
        #expect(message("a = [1]\n") { _ = try $0.strings("a") } == "f:1: a must hold strings, not a whole number")
        #expect(message("a = true\n") { _ = try $0.size("a", in: 1...2) } == "f:1: a must be a number of bytes, not true or false")
        #expect(message("a = \"3 GB\"\n") { _ = try $0.size("a", in: 1...2) } == "f:1: a must be bytes or a text such as \"64 GiB\", not \"3 GB\"")
        #expect(message("a = \"3 KiB\"\n") { _ = try $0.size("a", in: 1...2_048) } == "f:1: a must be from 1 B to 2 KiB")
        #expect(message("a = \"gren\"\n") { reader in let _: Colour = try reader.choice("a") } == "f:1: a must be one of red, green, not \"gren\"; did you mean \"green\"?")
        #expect(message("a = \"N1\"\n") { _ = try $0.name("a") }.hasPrefix("f:1: a must have lower-case letters"))
        #expect(message("a = \"host:0\"\n") { _ = try $0.address("a", port: 1) } == "f:1: a must be host:port with a port from 1 to 65535, not \"host:0\"")
    }

    /// A table is refused like a key, also where nothing stands under it.
    @Test(arguments: [
        ("[listne]\n", "f:1: unknown table [listne]; did you mean \"listen\"?"), ("[listen]\n[foo]\n", "f:2: unknown table [foo]"),
        ("a = 1\n[listen]\n[listen.deep]\n[listen.deep.x]\n[\"listen.tls\"]\n", "taken"), ("[listen.peer]\n", "f:1: unknown table [listen.peer]; did you mean \"listen.deep\"?"),
        ("b = 1\n[foo]\n", "f:1: unknown key b"), ("[foo]\nb = 1\n", "f:2: unknown key foo.b"), ("[foo]\n[bar]\nb = 1\n", "f:1: unknown table [foo]"),
        ("[a]\n", "f:1: unknown table [a]"),
    ])
    func emptyTablesAreChecked(_ text: String, _ wanted: String) {
        let found = message(text) { try $0.checkKeys(["a", "listen.peer", "listen.tls.key", "listen.deep.x.y"]) }
        #expect(found.hasPrefix(wanted), "\(found)")
    }

    @Test func whatIsRightIsGiven() throws {
        let reader = try reader("s = \"x\"\nn = 2\nb = \"2 KiB\"\nl = [\"a\"]\nc = \"red\"\nh = \"host\"\n")
        #expect(try reader.string("s") == "x")
        #expect(try reader.integer("n", in: 1...2) == 2)
        #expect(try reader.size("b", in: 1...4_096) == 2_048)
        #expect(try reader.strings("l") == ["a"])
        #expect(try reader.choice("c") == Colour.red)
        #expect(try reader.address("h", port: 7400) == "host:7400")
        #expect(try reader.integer("none", in: 1...2) == nil)
    }

    @Test func whoListensEverywhereMustSayWhere() throws {
        let reader = try reader("listen.peer = \"0.0.0.0:1\"\nadvertise.admin = \"h\"\n")
        #expect(throws: ConfigurationError(
            file: "f", line: 1, message: "peer listens on every address; say with advertise.peer = \"host:port\" where others reach it")
        ) { try reader.advertised("peer", listening: "0.0.0.0:1") }
        #expect(try reader.advertised("admin", listening: "0.0.0.0:2") == "h:2")
        #expect(try reader.advertised("client", listening: "10.0.0.1:3") == "10.0.0.1:3")
    }
}

@Suite struct ValuesTests {
    @Test(arguments: [
        ("a:1", "a:1"), ("a", "a:7400"), ("10.0.0.1:65535", "10.0.0.1:65535"), ("[::1]:5", "[::1]:5"), ("[::1]", "[::1]:7400"),
    ])
    func hostsAndPorts(text: String, shown: String) { #expect(Endpoint(text, defaultPort: 7400)?.description == shown) }

    @Test(arguments: ["", ":1", "a:", "a:0", "a:65536", "a:x", "::1", "a b:1", "a/b:1", "[::1", "[::1]x", "[::1]:", "a,b:1", "a:-1"])
    func whatIsNoAddress(text: String) { #expect(Endpoint(text, defaultPort: 7400) == nil) }

    @Test func aPortMustComeFromSomewhere() { #expect(Endpoint("a") == nil) }

    @Test(arguments: [("64 GiB", 64 << 30), ("1TiB", 1 << 40), ("5 B", 5), ("1_024 KiB", 1 << 20), ("123", 123), ("0 B", 0)])
    func sizesAreRead(text: String, bytes: Int) { #expect(ByteSize.parse(text) == bytes) }

    @Test(arguments: ["", "GiB", "-1 GiB", "1.5 GiB", "1 GB", "9999999999 TiB", "x"])
    func whatIsNoSize(text: String) { #expect(ByteSize.parse(text) == nil) }

    @Test(arguments: [(0, "0 B"), (1_023, "1023 B"), (1 << 30, "1 GiB"), (2_254_857_830, "2.1 GiB"), (1_536, "1.5 KiB")])
    func sizesAreWritten(bytes: Int, text: String) { #expect(ByteSize.text(bytes) == text) }
}
