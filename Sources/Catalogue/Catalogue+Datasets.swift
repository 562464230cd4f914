import Core
import Records

extension Catalogue {
    private static let fieldMembers = [
        "name", "title", "kind", "scale", "required", "sensitivity", "codeList", "maxBytes", "renamedFrom",
    ]

    /// A field keeps its number by the name that it was renamed from, if there is a field of that name, or by its name.
    /// A field left out is deleted; its number is never used again, so that no right to it comes back with a new field.
    mutating func applyDataset(_ document: Document) throws(CatalogueError) -> CatalogueResult {
        let reader = try DocumentReader(document, allowed: ["code", "name", "owner", "class", "kind", "key", "fields"])
        let code = try reader.code("code")
        let owner = try agency(reader, "owner")
        let className = try reader.text("class")
        if let reason = DatasetClass.refused[className] { throw CatalogueError(path: "class", message: "refused: \(reason)") }
        let sharing: DatasetClass = try reader.choice("class")
        let kind: DatasetKind = try reader.choice("kind", default: .data)
        let old = dataset(code: code)
        var nextField = old?.nextField ?? 1
        guard let documents = try reader.array("fields"), !documents.isEmpty else {
            throw CatalogueError(path: "fields", message: "a dataset has at least one field")
        }
        guard documents.count <= Limits.fieldsPerDataset else {
            throw CatalogueError(path: "fields", message: "a dataset has at most \(Limits.fieldsPerDataset) fields")
        }
        var fields: [FieldDefinition] = []
        try Self.checkRenamings(documents)
        for (place, document) in documents.enumerated() {
            let field = try field(document, path: "fields[\(place)]", old: old?.schema, nextField: &nextField)
            guard !fields.contains(where: { $0.name == field.name || $0.id == field.id }) else {
                throw CatalogueError(path: "fields[\(place)].name", message: "a field of this name stands above")
            }
            fields.append(field)
        }
        let keyName = try reader.optionalText("key") ?? "key"
        guard !fields.contains(where: { $0.name == keyName }) else {
            throw CatalogueError(path: "key", message: "the key's name is a field's name too")
        }
        let largest = Schema(version: 0, fields: fields).recordBytesMax
        guard largest <= Limits.recordBytes else {
            throw CatalogueError(
                path: "fields",
                message: "records could have \(largest) bytes, more than the \(Limits.recordBytes) of a record; give some fields a smaller maxBytes")
        }
        let sorted = Schema(version: 0, fields: fields).fields
        let version = old.map { $0.schema.fields == sorted ? $0.schema.version : $0.schema.version + 1 } ?? 1
        let name = try reader.optionalText("name") ?? code
        let dataset = Dataset(
            id: DatasetID(try freshID(keeping: old?.id.rawValue, datasets.count)), code: code, name: name, owner: owner.id, sharing: sharing, kind: kind,
            keyName: keyName, schema: Schema(version: version, fields: sorted), nextField: nextField)
        let result = try result(dataset, replacing: old, code: code)
        put(dataset)
        return result
    }

    /// A name that a field was renamed from is neither a field of the document nor the former name of two: which of them keeps the number, and
    /// with it the values and the rights, would be a guess.
    private static func checkRenamings(_ documents: [Document]) throws(CatalogueError) {
        let names = documents.map { $0["name"]?.string }
        var former: [String] = []
        for (place, document) in documents.enumerated() {
            guard let from = document["renamedFrom"]?.string, from != document["name"]?.string else { continue }
            let path = "fields[\(place)].renamedFrom"
            guard !names.contains(from) else {
                throw CatalogueError(path: path, message: "\(from) stands in the document too; rename in one step and add in another, without renamedFrom")
            }
            guard !former.contains(from) else { throw CatalogueError(path: path, message: "another field above was renamed from \(from)") }
            former.append(from)
        }
    }

    private func field(_ document: Document, path: String, old: Schema?, nextField: inout UInt16) throws(CatalogueError) -> FieldDefinition {
        let reader = try DocumentReader(document, path: path, allowed: Self.fieldMembers)
        let name = try reader.text("name")
        guard name.utf8.allSatisfy({ (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "_") }),
            name.utf8.first.map({ $0 >= UInt8(ascii: "_") }) == true
        else { throw CatalogueError(path: reader.child("name"), message: "a field's name has lower-case letters a–z, digits and '_', and begins with a letter") }
        let kindName = try reader.text("kind")
        guard let kind = ValueKind(name: kindName) else { throw reader.notAmong("kind", kindName, ValueKind.allCases.map(\.name)) }
        let scale = try reader.int("scale", in: 0...18) ?? 0
        guard scale == 0 || kind == .decimal else { throw CatalogueError(path: reader.child("scale"), message: "only a decimal has a scale") }
        let sensitivityName = try reader.text("sensitivity")
        guard let sensitivity = Sensitivity(name: sensitivityName) else {
            throw reader.notAmong("sensitivity", sensitivityName, Sensitivity.allCases.map(\.name))
        }
        var codeList: DatasetID?
        if let list = try reader.optionalText("codeList") {
            guard let found = dataset(code: list), found.kind == .codeList, kind == .string else {
                throw CatalogueError(path: reader.child("codeList"), message: "expected a dataset of kind codeList, for a string")
            }
            codeList = found.id
        }
        // Where both names are there, the field of this name is dropped and the other one takes its place.
        let previousName = try reader.optionalText("renamedFrom")
        let previous = previousName.flatMap { old?.field(named: $0) } ?? old?.field(named: name)
        if let previous, previous.kind != kind || previous.scale != UInt8(scale) {
            throw CatalogueError(path: reader.child("kind"), message: "a field's kind cannot change; delete it and make one of another name")
        }
        let most = try reader.int("maxBytes", in: 1...Int64(Limits.recordBytes)).map(Int.init)
        // Records may hold values as long as was allowed, and updates keep them.
        if kind.fixedBytes == nil, let before = previous?.contentBytesMax, (most ?? Limits.fieldBytes) < before {
            throw CatalogueError(path: reader.child("maxBytes"), message: "it is \(before) and cannot become smaller: records may hold such values")
        }
        let id: FieldID
        if let previous {
            id = previous.id
        } else {
            guard nextField <= Limits.fieldID else {
                throw CatalogueError(path: path, message: "the dataset has used up its \(Limits.fieldID) field numbers")
            }
            id = FieldID(nextField)
            nextField += 1
        }
        return FieldDefinition(
            id: id, name: name, title: try reader.optionalText("title") ?? name, kind: kind, scale: UInt8(scale),
            required: try reader.bool("required", default: false), sensitivity: sensitivity, codeList: codeList, maxBytes: most)
    }
}
