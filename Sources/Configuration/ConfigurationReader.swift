import Catalogue
import Core

/// Takes typed values out of a TOML file; every error has the line of the value, or says which key is missing.
package struct ConfigurationReader {
    package let file: TOMLFile

    package init(file: TOMLFile) { self.file = file }

    /// Refuses keys that are not among these, and tables that none of these is in, with the nearest one that is. The first in the file.
    package func checkKeys(_ known: [String]) throws(ConfigurationError) {
        let tables = known.flatMap(Self.tables)
        let unknown = file.tables.first { !tables.contains($0.name) }
        if let unknown, !file.entries.contains(where: { $0.line < unknown.line && !known.contains($0.key) }),
            !file.entries.contains(where: { $0.key.hasPrefix(unknown.name + ".") })
        {
            throw ConfigurationError(
                file: file.name, line: unknown.line, message: "unknown table [\(unknown.name)]\(NearestName.hint(unknown.name, among: tables))")
        }
        for entry in file.entries where !known.contains(entry.key) {
            throw error(entry, "unknown key \(entry.key)\(NearestName.hint(entry.key, among: known))")
        }
    }

    /// The tables that a key is in: `a` and `a.b` of `a.b.c`.
    private static func tables(of key: String) -> [String] {
        let parts = key.split(separator: ".")
        return parts.indices.dropFirst().map { parts[..<$0].joined(separator: ".") }
    }

    package func error(_ entry: TOMLFile.Entry, _ message: String) -> ConfigurationError {
        ConfigurationError(file: file.name, line: entry.line, message: message)
    }

    private func wrongKind(_ entry: TOMLFile.Entry, _ expected: String) -> ConfigurationError {
        error(entry, "\(entry.key) must be \(expected), not \(entry.value.kind)")
    }

    package func optionalString(_ key: String) throws(ConfigurationError) -> String? {
        guard let entry = file[key] else { return nil }
        guard case let .string(text) = entry.value else { throw wrongKind(entry, "a string") }
        guard !text.isEmpty else { throw error(entry, "\(key) must not be empty") }
        return text
    }

    package func string(_ key: String) throws(ConfigurationError) -> String {
        guard let text = try optionalString(key) else { throw missing(key) }
        return text
    }

    private func missing(_ key: String) -> ConfigurationError {
        ConfigurationError(file: file.name, line: 0, message: "\(key) is missing")
    }

    package func strings(_ key: String) throws(ConfigurationError) -> [String]? {
        guard let entry = file[key] else { return nil }
        guard case let .array(values) = entry.value else { throw wrongKind(entry, "an array of strings") }
        var texts: [String] = []
        for value in values {
            guard case let .string(text) = value else { throw error(entry, "\(key) must hold strings, not \(value.kind)") }
            texts.append(text)
        }
        return texts
    }

    package func integer(_ key: String, in range: ClosedRange<Int>) throws(ConfigurationError) -> Int? {
        guard let entry = file[key] else { return nil }
        guard case let .integer(number) = entry.value else { throw wrongKind(entry, "a whole number") }
        guard let value = Int(exactly: number), range.contains(value) else {
            throw error(entry, "\(key) must be from \(range.lowerBound) to \(range.upperBound), not \(number)")
        }
        return value
    }

    /// Bytes: a whole number, or a text such as "64 GiB" (KiB, MiB, GiB, TiB).
    package func size(_ key: String, in range: ClosedRange<Int>) throws(ConfigurationError) -> Int? {
        guard let entry = file[key] else { return nil }
        let bytes: Int
        switch entry.value {
        case let .integer(number): bytes = Int(number)
        case let .string(text):
            guard let size = ByteSize.parse(text) else { throw error(entry, "\(key) must be bytes or a text such as \"64 GiB\", not \"\(text)\"") }
            bytes = size
        default: throw wrongKind(entry, "a number of bytes")
        }
        guard range.contains(bytes) else {
            throw error(entry, "\(key) must be from \(ByteSize.text(range.lowerBound)) to \(ByteSize.text(range.upperBound))")
        }
        return bytes
    }

    package func choice<T: RawRepresentable & CaseIterable>(_ key: String) throws(ConfigurationError) -> T where T.RawValue == String {
        let text = try string(key)
        if let value = T(rawValue: text) { return value }
        let names = T.allCases.map(\.rawValue)
        let message = "\(key) must be one of \(names.joined(separator: ", ")), not \"\(text)\"\(NearestName.hint(text, among: names))"
        guard let entry = file[key] else { throw missing(key) }
        throw error(entry, message)
    }

    /// A node's name: what certificates and tables can hold.
    package func name(_ key: String) throws(ConfigurationError) -> String {
        let text = try string(key)
        guard text.utf8.count <= Limits.nameBytes, CertificateName.isPart(text), let entry = file[key] else {
            throw ConfigurationError(
                file: file.name, line: file[key]?.line ?? 0,
                message: "\(key) must have lower-case letters a–z, digits, '-', '_' and '.' only, at most \(Limits.nameBytes) of them")
        }
        _ = entry
        return text
    }

    /// `host:port`; a host alone gets the usual port.
    package func address(_ key: String, port: Int) throws(ConfigurationError) -> String? {
        guard let text = try optionalString(key), let entry = file[key] else { return nil }
        guard let address = Endpoint(text, defaultPort: port) else {
            throw error(entry, "\(key) must be host:port with a port from 1 to 65535, not \"\(text)\"")
        }
        return address.description
    }

    /// What others are told of a service. One that listens on every address must say.
    package func advertised(_ service: String, listening: String) throws(ConfigurationError) -> String {
        let key = "advertise.\(service)"
        if let address = try address(key, port: Endpoint(listening)?.port ?? 0) { return address }
        guard let host = Endpoint(listening)?.host, host != "0.0.0.0", host != "::" else {
            let line = file["listen.\(service)"]?.line ?? 0
            throw ConfigurationError(
                file: file.name, line: line,
                message: "\(service) listens on every address; say with \(key) = \"host:port\" where others reach it")
        }
        return listening
    }
}

/// Numbers of bytes as people write them.
package enum ByteSize {
    private static let units: [(String, Int)] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)]

    package static func parse(_ text: String) -> Int? {
        for (unit, factor) in units where text.hasSuffix(unit) {
            let digits = text.dropLast(unit.count).filter { $0 != " " && $0 != "_" }
            guard let number = Int(digits), number >= 0 else { return nil }
            let (bytes, over) = number.multipliedReportingOverflow(by: factor)
            return over ? nil : bytes
        }
        return Int(text)
    }

    /// One place after the point, as `2.1 GiB`; whole below a KiB and where it is exact.
    package static func text(_ bytes: Int) -> String {
        for (unit, factor) in units where bytes >= factor {
            if bytes % factor == 0 { return "\(bytes / factor) \(unit)" }
            let tenths = Int((Double(bytes) / Double(factor) * 10).rounded())
            return "\(tenths / 10).\(tenths % 10) \(unit)"
        }
        return "0 B"
    }
}
