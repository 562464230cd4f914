import Catalogue
import Configuration
import Core

/// An object of the catalogue as somebody wrote it, and where it stands.
package struct WrittenObject: Sendable, Equatable {
    package var kind: ObjectKind
    /// What the catalogue takes.
    package var document: Document
    package var file: String
    package var line: Int

    /// For messages: `file:line`.
    package var place: String { "\(file):\(line)" }
}

/// Files of catalogue objects, in YAML or JSON. A file holds one object or several: YAML documents, JSON values one after the other,
/// or a list. Each names its kind in the member `kind`: `agency`, `principal`, `dataset`, `agreement`; `data`, `codeList` and
/// `masterData` are the kinds of dataset, and `dataset` alone means `data`.
package enum ObjectFile {
    private static let datasetKinds = DatasetKind.allCases.map(\.rawValue)
    private static let kinds = ObjectKind.allCases.map(\.name) + datasetKinds

    /// Reads a file; `-` is the standard input. JSON if the first character that is not white space is `{` or `[`, YAML otherwise.
    package static func read(_ path: String) throws(CommandError) -> [WrittenObject] {
        let bytes: [UInt8]
        let name: String
        do throws(FileError) {
            var source = try ByteSource(path: path)
            name = source.name
            bytes = try source.readAll()
        } catch {
            throw .file(error.description)
        }
        do throws(InputError) {
            return try parse(bytes, file: name)
        } catch {
            throw error.commandError
        }
    }

    /// The objects of a file's text.
    package static func parse(_ bytes: [UInt8], file: String) throws(InputError) -> [WrittenObject] {
        guard bytes.count <= InputLimits.fileBytes else {
            throw InputError(file: file, "the file has more than \(ByteSize.text(InputLimits.fileBytes))")
        }
        var objects: [WrittenObject] = []
        let first = bytes.first { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 && $0 < 0x80 }
        if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
            var reader = JSONReader(bytes, file: file)
            for (line, value) in try reader.sequence() { objects.append(try object(value, file: file, line: line)) }
        } else {
            for part in try YAMLReader.documents(bytes, file: file) where part.document != .null {
                objects.append(try object(part.document, file: file, line: part.line))
            }
        }
        guard !objects.isEmpty else { throw InputError(file: file, "the file holds no objects") }
        return objects
    }

    private static func object(_ document: Document, file: String, line: Int) throws(InputError) -> WrittenObject {
        guard var members = document.members else { throw InputError(file: file, line: line, "expected an object with members") }
        guard let place = members.firstIndex(where: { $0.name == "kind" }) else {
            throw InputError(file: file, line: line, "the object has no member kind; one of \(kinds.joined(separator: ", "))")
        }
        let name = members[place].value.string ?? ""
        if let kind = ObjectKind(name: name) {
            members.remove(at: place)
            return WrittenObject(kind: kind, document: .object(members), file: file, line: line)
        }
        guard datasetKinds.contains(name) else {
            let hint = NearestName.hint(name, among: kinds)
            throw InputError(file: file, line: line, "kind must be one of \(kinds.joined(separator: ", "))\(hint)")
        }
        return WrittenObject(kind: .dataset, document: document, file: file, line: line)
    }

    /// A catalogue's document as `read` takes it again: with its kind in front.
    package static func written(_ document: Document, kind: ObjectKind) -> Document {
        guard kind != .dataset else { return document }
        return .object([.init("kind", .string(kind.name))] + (document.members ?? []))
    }
}
