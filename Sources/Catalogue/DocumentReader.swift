import Core
import Records

/// Takes an object's members out of a document, with the path of each in every error.
struct DocumentReader {
    let members: [Document.Member]
    let path: String

    /// Checks that it is an object and that it has no members but these.
    init(_ document: Document, path: String = "", allowed: [String]) throws(CatalogueError) {
        guard let members = document.members else { throw CatalogueError(path: path, message: "expected an object with members") }
        self.members = members
        self.path = path
        for (place, member) in members.enumerated() {
            guard allowed.contains(member.name) else {
                throw CatalogueError(
                    path: child(member.name), message: "unknown member\(NearestName.hint(member.name, among: allowed))")
            }
            guard !members[..<place].contains(where: { $0.name == member.name }) else {
                throw CatalogueError(path: child(member.name), message: "given twice")
            }
        }
    }

    func child(_ name: String) -> String { path.isEmpty ? name : path + "." + name }

    /// The member's value; null counts as absent.
    func value(_ name: String) -> Document? {
        guard let value = members.first(where: { $0.name == name })?.value, value != .null else { return nil }
        return value
    }

    func text(_ name: String, maxBytes: Int = Limits.nameBytes) throws(CatalogueError) -> String {
        guard let text = try optionalText(name, maxBytes: maxBytes) else { throw CatalogueError(path: child(name), message: "missing") }
        return text
    }

    /// Numbers are taken as their digits: a code such as 219 need not be quoted in YAML.
    func optionalText(_ name: String, maxBytes: Int = Limits.nameBytes) throws(CatalogueError) -> String? {
        switch value(name) {
        case nil: return nil
        case let .string(text)?:
            guard !text.isEmpty, text.utf8.count <= maxBytes else {
                throw CatalogueError(path: child(name), message: "expected 1 to \(maxBytes) bytes of text")
            }
            guard TextRules.isNFC(text) else { throw CatalogueError(path: child(name), message: SchemaRule.notNFC.text) }
            guard !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else {
                throw CatalogueError(path: child(name), message: "control characters are not allowed")
            }
            return text
        case let .int(number)?: return String(number)
        default: throw CatalogueError(path: child(name), message: "expected text")
        }
    }

    /// A code: lower-case letters, digits, `-`, `_`, `.`.
    func code(_ name: String) throws(CatalogueError) -> String {
        let code = try text(name)
        guard Self.isCode(code) else {
            throw CatalogueError(path: child(name), message: "a code has lower-case letters a–z, digits, '-', '_' and '.' only")
        }
        return code
    }

    static func isCode(_ text: String) -> Bool {
        text.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".")
        }
    }

    func bool(_ name: String, default standard: Bool) throws(CatalogueError) -> Bool {
        guard let value = value(name) else { return standard }
        guard let bool = value.bool else { throw CatalogueError(path: child(name), message: "expected true or false") }
        return bool
    }

    func int(_ name: String, in range: ClosedRange<Int64>) throws(CatalogueError) -> Int64? {
        guard let value = value(name) else { return nil }
        guard let int = value.int, range.contains(int) else {
            throw CatalogueError(path: child(name), message: "expected a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return int
    }

    /// One of an enumeration's names.
    func choice<T: RawRepresentable & CaseIterable>(_ name: String, default standard: T? = nil) throws(CatalogueError) -> T where T.RawValue == String {
        guard let text = try optionalText(name) else {
            if let standard { return standard }
            throw CatalogueError(path: child(name), message: "missing; one of \(T.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        guard let value = T(rawValue: text) else { throw notAmong(name, text, T.allCases.map(\.rawValue)) }
        return value
    }

    func notAmong(_ name: String, _ text: String, _ names: [String]) -> CatalogueError {
        CatalogueError(path: child(name), message: "expected one of \(names.joined(separator: ", "))\(NearestName.hint(text, among: names))")
    }

    /// A date or a time; a date means its first moment in UTC.
    func time(_ name: String) throws(CatalogueError) -> LogTime? {
        guard let text = try optionalText(name) else { return nil }
        if let date = CalendarDate(text: text) { return LogTime(milliseconds: Int64(date.day) * 86_400_000) }
        if let time = TimestampText.parse(text) { return LogTime(milliseconds: time) }
        throw CatalogueError(path: child(name), message: "expected a date as YYYY-MM-DD or a time as YYYY-MM-DDThh:mm:ssZ")
    }

    func array(_ name: String) throws(CatalogueError) -> [Document]? {
        guard let value = value(name) else { return nil }
        guard let array = value.array else { throw CatalogueError(path: child(name), message: "expected a list") }
        return array
    }
}
