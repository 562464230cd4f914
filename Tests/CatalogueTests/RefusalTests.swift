import Core
import Records
import Testing

@testable import Catalogue

/// Every way in which a document can be wrong: where the error points, and what it says.
@Suite struct RefusalTests {
    struct Case: CustomStringConvertible {
        let kind: ObjectKind
        let document: Document
        let path: String
        /// A part of the message.
        let says: String

        init(_ kind: ObjectKind, _ document: Document, _ path: String, _ says: String) {
            self.kind = kind
            self.document = document
            self.path = path
            self.says = says
        }

        var description: String { "\(kind) \(path): \(says)" }
    }

    func check(_ cases: [Case]) throws {
        for item in cases {
            var world = try World()
            let error = world.refusal(item.kind, item.document)
            #expect(error?.path == item.path, "\(item): \(error as Any)")
            #expect(error?.message.contains(item.says) == true, "\(item): \(error as Any)")
        }
    }

    static let long = Document.string(String(repeating: "x", count: 201))

    @Test func documents() throws {
        try check([
            Case(.agency, "a", "", "an object"), Case(.agency, ["a"], "", "an object"), Case(.agency, .object([]), "code", "missing"),
            Case(.agency, ["cod": "c"], "cod", "unknown member; did you mean \"code\"?"),
            Case(.agency, ["code": "c", "zzzzzzzz": 1], "zzzzzzzz", "unknown member"),
            Case(.agency, ["code": "c", "code": "d"], "code", "given twice"), Case(.agency, ["code": .null], "code", "missing"),
            Case(.agency, ["code": true], "code", "expected text"), Case(.agency, ["code": ["c"]], "code", "expected text"),
            Case(.agency, ["code": ""], "code", "1 to 200 bytes"), Case(.agency, ["code": Self.long], "code", "1 to 200 bytes"),
            Case(.agency, ["code": "Bắc"], "code", "a code has"), Case(.agency, ["code": "a/b"], "code", "a code has"),
            Case(.agency, ["code": "c d"], "code", "a code has"), Case(.agency, ["code": "C"], "code", "a code has"),
            Case(.agency, ["code": "c", "name": "o\u{302}"], "name", "normalisation form C"),
            Case(.agency, ["code": "c", "name": "a\nb"], "name", "control characters"),
            Case(.agency, ["code": "c", "name": "\u{1B}[2J"], "name", "control characters"),
            Case(.agency, ["code": "c", "name": "\u{7F}"], "name", "control characters"),
        ])
    }

    @Test func principals() throws {
        let many = Document.object((0...Limits.principalAttributes).map { .init("a\($0)", "x") })
        try check([
            Case(.principal, ["agency": "a"], "code", "missing"), Case(.principal, ["code": "x"], "agency", "missing"),
            Case(.principal, ["code": "x", "agency": "op"], "agency", "no such agency; did you mean \"ops\"?"),
            Case(.principal, ["code": "x", "agency": "a", "role": "node"], "role", "one of consumer, gateway, administrator"),
            Case(.principal, ["code": "x", "agency": "a", "role": "consumr"], "role", "did you mean \"consumer\"?"),
            Case(.principal, ["code": "sys", "agency": "a", "role": "administrator"], "role", "cannot change; it is consumer"),
            Case(.principal, ["code": "x", "agency": "a", "active": "yes"], "active", "true or false"),
            Case(.principal, ["code": "x", "agency": "a", "attributes": "x"], "attributes", "an object"),
            Case(.principal, ["code": "x", "agency": "a", "attributes": ["d": true]], "attributes.d", "expected text"),
            Case(.principal, ["code": "x", "agency": "a", "attributes": ["d": .null]], "attributes.d", "missing"),
            Case(.principal, ["code": "x", "agency": "a", "attributes": ["d": "1", "d": "2"]], "attributes.d", "given twice"),
            Case(.principal, ["code": "x", "agency": "a", "attributes": ["bad name": "1"]], "attributes.bad name", "letters"),
            Case(.principal, ["code": "x", "agency": "a", "attributes": ["": "1"]], "attributes.", "letters"),
            Case(.principal, ["code": "x", "agency": "a", "attributes": many], "attributes", "at most"),
        ])
    }

    @Test func datasets() throws {
        func houses(_ members: Document) -> Document { World.houses(members) }
        try check([
            Case(.dataset, houses(["owner": "aa"]), "owner", "no such agency; did you mean \"a\"?"),
            Case(.dataset, houses(["class": .null]), "class", "missing"),
            Case(.dataset, houses(["class": "secret"]), "class", "refused: state secrets"),
            Case(.dataset, houses(["class": "internal"]), "class", "refused: an agency's internal data"),
            Case(.dataset, houses(["class": "temporary"]), "class", "refused: temporary data"),
            Case(.dataset, houses(["class": "opened"]), "class", "one of open, sharedByDefault, sharedOnRequest; did you mean \"open\"?"),
            Case(.dataset, houses(["kind": "list"]), "kind", "one of data, codeList, masterData"),
            Case(.dataset, houses(["key": "name"]), "key", "a field's name too"),
            Case(.dataset, houses(["fields": "*"]), "fields", "expected a list"),
            Case(.dataset, houses(["fields": .null]), "fields", "at least one field"),
            Case(.dataset, houses(["fields": .array([])]), "fields", "at least one field"),
            Case(.dataset, houses(["filds": 1]), "filds", "did you mean \"fields\"?"),
        ])
    }

    @Test func fields() throws {
        func houses(_ field: Document) -> Document {
            World.houses(fields: [["name": "name", "kind": "string", "sensitivity": "public"], field])
        }
        func field(_ members: (String, Document)...) -> Document {
            var all: [Document.Member] = [.init("name", "extra"), .init("kind", "string"), .init("sensitivity", "public")]
            for (name, value) in members {
                if let place = all.firstIndex(where: { $0.name == name }) { all[place].value = value } else { all.append(.init(name, value)) }
            }
            return houses(.object(all))
        }
        try check([
            Case(.dataset, houses("extra"), "fields[1]", "an object"), Case(.dataset, field(("nam", "x")), "fields[1].nam", "did you mean \"name\"?"),
            Case(.dataset, field(("name", .null)), "fields[1].name", "missing"),
            Case(.dataset, field(("name", "tên")), "fields[1].name", "lower-case letters"),
            Case(.dataset, field(("name", "9a")), "fields[1].name", "begins with a letter"),
            Case(.dataset, field(("name", "name")), "fields[1].name", "stands above"),
            Case(.dataset, field(("renamedFrom", "name")), "fields[1].renamedFrom", "stands in the document too"),
            Case(.dataset, field(("kind", .null)), "fields[1].kind", "missing"),
            Case(.dataset, field(("kind", "int")), "fields[1].kind", "did you mean \"int64\"?"),
            Case(.dataset, field(("scale", 2)), "fields[1].scale", "only a decimal"),
            Case(.dataset, field(("kind", "decimal"), ("scale", 19)), "fields[1].scale", "from 0 to 18"),
            Case(.dataset, field(("kind", "decimal"), ("scale", "2")), "fields[1].scale", "a whole number"),
            Case(.dataset, field(("sensitivity", .null)), "fields[1].sensitivity", "missing"),
            Case(.dataset, field(("sensitivity", "privat")), "fields[1].sensitivity", "one of public, internal, personal, sensitive"),
            Case(.dataset, field(("codeList", "none")), "fields[1].codeList", "a dataset of kind codeList"),
            Case(.dataset, field(("codeList", "houses")), "fields[1].codeList", "a dataset of kind codeList"),
            Case(.dataset, field(("codeList", "units"), ("kind", "int64")), "fields[1].codeList", "for a string"),
            Case(.dataset, field(("maxBytes", 0)), "fields[1].maxBytes", "from 1 to"),
            Case(.dataset, field(("maxBytes", 1_048_576)), "fields", "more than the 1048576 of a record; give some fields a smaller maxBytes"),
            Case(.dataset, field(("name", "owner"), ("maxBytes", 99)), "fields[1].maxBytes", "it is 100 and cannot become smaller"),
            Case(.dataset, field(("renamedFrom", "owner"), ("maxBytes", 99)), "fields[1].maxBytes", "it is 100 and cannot become smaller"),
            Case(.dataset, field(("required", 1)), "fields[1].required", "true or false"),
            Case(.dataset, field(("name", "rate")), "fields[1].kind", "cannot change"),
            Case(.dataset, field(("name", "price"), ("kind", "decimal"), ("scale", 3), ("renamedFrom", "rate")), "fields[1].kind", "cannot change"),
        ])
    }

    @Test func agreements() throws {
        func g(_ members: Document) -> Document { World.agreement(members) }
        try check([
            Case(.agreement, g(["code": "G 1"]), "code", "a code has"), Case(.agreement, g(["dataset": .null]), "dataset", "missing"),
            Case(.agreement, g(["dataset": "house"]), "dataset", "no such dataset; did you mean \"houses\"?"),
            Case(.agreement, g(["consumer": .null]), "consumer", "missing"), Case(.agreement, g(["consumer": "b"]), "consumer", "agency/system"),
            Case(.agreement, g(["consumer": "b/none"]), "consumer", "no such principal"),
            Case(.agreement, g(["consumer": "c/sys"]), "consumer", "no such principal"),
            Case(.agreement, g(["consumer": "ops/admin"]), "consumer", "only a consumer"),
            Case(.agreement, g(["consumerAgency": "b"]), "consumerAgency", "one consumer"),
            Case(.agreement, g(["consumer": .null, "consumerAgency": "bb"]), "consumerAgency", "no such agency; did you mean \"b\"?"),
            Case(.agreement, g(["actions": .null]), "actions", "a list of get, scan, count, watch, export, write"),
            Case(.agreement, g(["actions": .array([])]), "actions", "a list of"), Case(.agreement, g(["actions": "get"]), "actions", "expected a list"),
            Case(.agreement, g(["actions": ["get", "scn"]]), "actions[1]", "did you mean \"scan\"?"),
            Case(.agreement, g(["actions": [1]]), "actions[0]", "expected one of"),
            Case(.agreement, g(["fields": .null]), "fields", "\"*\""), Case(.agreement, g(["fields": .array([])]), "fields", "\"*\""),
            Case(.agreement, g(["fields": "name"]), "fields", "expected a list"),
            Case(.agreement, g(["fields": ["name", "ownr"]]), "fields[1]", "no such field; did you mean \"owner\"?"),
            Case(.agreement, g(["where": "ownr = 'x'"]), "where", "at byte 1: unknown field"),
            Case(.agreement, g(["where": "owner = "]), "where", "at byte 9: expected a value"),
            Case(.agreement, g(["where": "rate > 'x'"]), "where", "at byte 8"),
            Case(.agreement, g(["where": .string(String(repeating: "x", count: 9_000))]), "where", "1 to 8192 bytes"),
            Case(.agreement, g(["where": "owner = 'x'", "actions": ["get", "write"]]), "where", "cannot depend on the record"),
            Case(.agreement, g(["from": "soon"]), "from", "YYYY-MM-DD"), Case(.agreement, g(["until": "2026-02-30"]), "until", "YYYY-MM-DD"),
            Case(.agreement, g(["from": "2026-01-01", "until": "2026-01-01"]), "until", "ends before it begins"),
            Case(.agreement, g(["state": "revokd"]), "state", "did you mean \"revoked\"?"),
            Case(.agreement, g(["purpose": .null]), "purpose", "missing"),
            Case(.agreement, g(["purpose": .string(String(repeating: "x", count: 1_001))]), "purpose", "1 to 1000 bytes"),
            Case(.agreement, g(["limits": 1]), "limits", "unknown member"),
        ])
    }

    @Test func verbs() throws {
        var world = try World()
        for kind in [ObjectKind.agency, .principal, .dataset] {
            for verb in [CatalogueChange.Verb.approve, .suspend, .revoke] {
                let error = world.refusal(kind, ["code": "a"], verb: verb)
                #expect(error?.path == "" && error?.message.contains("only an agreement") == true)
            }
        }
        try world.change(.agreement, World.agreement())
        #expect(world.refusal(.agreement, ["code": "h"], verb: .approve)?.message == "no such agreement; did you mean \"g\"?")
        #expect(world.refusal(.agreement, ["code": "g", "state": "approved"], verb: .approve)?.path == "state")
        #expect(world.refusal(.agreement, .object([]), verb: .suspend)?.path == "code")
    }

    @Test func thereAreAtMostSoManyFieldsAndNumbers() throws {
        var world = try World()
        func fields(_ range: Range<Int>) -> [Document] { range.map { ["name": .string("f\($0)"), "kind": "string", "sensitivity": "public"] } }
        #expect(world.refusal(.dataset, World.houses(fields: fields(0..<256)))?.path == "fields")
        // `houses` has used the numbers 1 to 4.
        #expect(world.refusal(.dataset, World.houses(fields: fields(0..<252)))?.path == "fields[251]")
        try world.change(.dataset, World.houses(fields: fields(0..<251)))
        // A number of a deleted field is not given again, so that there are none left.
        let error = world.refusal(.dataset, World.houses(fields: fields(1..<251) + fields(300..<301)))
        #expect(error?.path == "fields[250]" && error?.message.contains("used up") == true)
        try world.change(.dataset, World.houses(fields: fields(1..<251)))
    }

    /// Looking for what was meant takes time that grows with the text, on every replica.
    @Test func aTextLongerThanAnyNameResemblesNone() {
        let long = String(repeating: "a", count: 200)
        #expect(NearestName.of(long, among: [long + "b"]) == long + "b")
        #expect(NearestName.of(long + "a", among: [long + "b"]) == nil)
    }

    /// Whatever rule lets it pass: what does not decode is not kept.
    @Test func whatDoesNotDecodeIsNotKept() throws {
        let world = try World()
        let dataset = try #require(world.catalogue.dataset(code: "houses"))
        let condition = Condition(.compare(FieldID(1), .equal, .attribute(String(repeating: "x", count: Limits.nameBytes + 1))))
        let agreement = Agreement(
            id: AgreementID(99), code: "g", dataset: dataset.id, consumer: .agency(dataset.owner), actions: .get, fields: dataset.schema.mask,
            condition: condition, purpose: "p", from: nil, until: nil, state: .approved)
        do throws(CatalogueError) {
            _ = try world.catalogue.result(agreement, replacing: nil, code: "g")
            Issue.record("it was taken")
        } catch { #expect(error.message.contains("cannot be read again")) }
    }

    @Test func thereAreAtMostSoManyObjects() throws {
        var entries: [(key: [UInt8], value: [UInt8])] = []
        for n in 1...UInt32(Limits.catalogueObjects) {
            let agency = Agency(id: AgencyID(n), code: "a\(n)", name: "a")
            entries.append((Catalogue.key(.agency, n), agency.encoded()))
        }
        var catalogue = try Catalogue(loading: entries)
        #expect(throws: CatalogueError(path: "", message: "the catalogue holds at most 100000 objects of a kind")) {
            try catalogue.apply(CatalogueChange(kind: .agency, document: ["code": "b"]), at: LogIndex(9))
        }
        let result = try catalogue.apply(CatalogueChange(kind: .agency, document: ["code": "a7", "name": "b"]), at: LogIndex(9))
        #expect(result.effect == .updated)
    }
}
