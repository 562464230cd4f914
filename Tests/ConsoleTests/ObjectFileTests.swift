import Catalogue
import Core
import Testing

@testable import Console

@Suite struct ObjectFileTests {
    func parse(_ text: String) throws -> [WrittenObject] { try ObjectFile.parse(Array(text.utf8), file: "f") }

    let yaml = """
        # Two agencies and a code list.
        kind: agency
        code: so-tai-chinh
        name: Sở Tài chính
        ---
        - kind: agency
          code: so-y-te
        - kind: codeList
          code: don-vi
          owner: so-tai-chinh
          class: open
          fields:
          - {name: ten, kind: string, sensitivity: public}
        """

    @Test func aFileHoldsSeveralObjects() throws {
        let objects = try parse(yaml)
        #expect(objects.map(\.kind) == [.agency, .agency, .dataset])
        #expect(objects.map(\.line) == [2, 6, 8])
        #expect(objects[0].document == ["code": "so-tai-chinh", "name": "Sở Tài chính"])
        #expect(objects[2].document["kind"] == "codeList")
    }

    @Test func theCatalogueTakesThemAndWhatItShowsCanBeAppliedAgain() throws {
        var catalogue = Catalogue()
        _ = catalogue.genesis(clusterName: "c", tokenKey: [], administratorAgency: "ops", administrator: "admin", at: LogIndex(1))
        for object in try parse(yaml) {
            let result = try catalogue.apply(CatalogueChange(kind: object.kind, document: object.document), at: LogIndex(2))
            #expect(result.effect == .created)
        }
        for kind in ObjectKind.allCases {
            for document in catalogue.documents(of: kind) {
                for text in [YAMLWriter.text(ObjectFile.written(document, kind: kind)), JSONWriter.indented(ObjectFile.written(document, kind: kind))] {
                    let object = try #require(try parse(text).first)
                    let result = try catalogue.apply(CatalogueChange(kind: object.kind, document: object.document), at: LogIndex(3))
                    #expect(result.effect == .unchanged, "\(text)")
                }
            }
        }
    }

    @Test func jsonIsTakenToo() throws {
        let objects = try parse("[{\"kind\":\"agency\",\"code\":\"a\"},\n{\"kind\":\"dataset\",\"code\":\"b\"}]\n{\"kind\":\"agreement\",\"code\":\"c\"}")
        #expect(objects.map(\.kind) == [.agency, .dataset, .agreement])
        #expect(objects.map(\.line) == [1, 2, 3])
        #expect(objects[1].document == ["code": "b"])
    }

    @Test(arguments: [
        ("code: a\n", "f:1: the object has no member kind; one of agency, principal, dataset, agreement, data, codeList, masterData"),
        ("kind: agncy\n", "f:1: kind must be one of agency, principal, dataset, agreement, data, codeList, masterData; did you mean \"agency\"?"),
        ("a\n", "f:1: expected an object with members"), ("", "f: the file holds no objects"), ("{\"kind\":\"agency\"", "f:1:1: the object has no end"),
    ])
    func mistakesHaveTheirPlace(text: String, message: String) {
        do {
            _ = try parse(text)
            Issue.record("taken")
        } catch {
            #expect("\(error)" == message)
        }
    }
}
