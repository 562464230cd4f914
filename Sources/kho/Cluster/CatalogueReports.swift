import Catalogue
import Console
import KhoClient

/// How catalogue objects and changes of them are shown.
enum CatalogueReports {
    static func list(_ objects: [Document], kind: ObjectKind, columns: [Table.Column]) -> Report {
        let plural = kind == .agency ? "agencies" : kind.name + "s"
        let rows = objects.map { object -> Document in
            var members = object.members ?? []
            switch kind {
            case .dataset: members.append(.init("fieldCount", .int(Int64(object["fields"]?.array?.count ?? 0))))
            case .agreement: members.append(.init("consumerText", object["consumer"] ?? object["consumerAgency"]?.string.map { .string($0 + "/*") } ?? .null))
            case .agency, .principal: break
            }
            return .object(members)
        }
        return Report(schema: "kho.\(kind.name).list/1", body: .object([.init(plural, .array(rows))]), rows: plural, columns: columns)
    }

    /// One object; a dataset's fields as a table below its name.
    static func show(_ document: Document, kind: ObjectKind) -> Report {
        guard kind == .dataset else { return Report(schema: "kho.\(kind.name)/1", body: document) }
        func text(_ name: String) -> String { document[name]?.string ?? "" }
        return Report(
            schema: "kho.dataset/1", body: document, rows: "fields",
            columns: [
                .init("FIELD", "name"), .init("KIND", "kind"), .init("REQUIRED", "required"), .init("SENSITIVITY", "sensitivity"),
                .init("CODE LIST", "codeList"), .init("TITLE", "title"),
            ],
            heading: "\(text("code"))  \(text("name"))  owner \(text("owner")), class \(text("class")), \(text("kind")), key \(text("key"))")
    }

    /// What changes did: `{kind, code, effect, index}` each, with `place` where it came from a file.
    static func applied(_ results: [Document]) -> Report {
        var columns: [Table.Column] = [.init("KIND", "kind"), .init("CODE", "code"), .init("EFFECT", "effect"), .init("INDEX", "index", .count)]
        if results.contains(where: { $0["place"] != nil }) { columns.append(.init("FROM", "place")) }
        return Report(
            schema: "kho.apply/1", body: ["objects": .array(results)], rows: "objects", columns: columns,
            emphasis: { member, value in member == "effect" && value != "unchanged" ? .good : nil })
    }
}

/// What a node warns of, though it did what was asked: a line each on the standard error. The command succeeds.
enum ObjectWarnings {
    static func lines(_ answer: Document) -> [String] {
        (answer["warnings"]?.array ?? []).compactMap(\.string).map { "kho: warning: \(HumanText.escaped($0))" }
    }

    static func tell(_ answer: Document) {
        for line in lines(answer) { StandardStreams.writeError(line + "\n") }
    }
}
