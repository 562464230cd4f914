import Catalogue
import Configuration
import Core

/// How to reach a cluster, and as whom. Every member may be missing.
package struct Reach: Equatable, Sendable {
    /// Query nodes, `host:port`.
    package var endpoints: [String]?
    /// Nodes' administration services, `host:port`.
    package var adminEndpoints: [String]?
    /// Files in PEM.
    package var certificate: String?
    package var key: String?
    package var ca: String?

    package init(endpoints: [String]? = nil, adminEndpoints: [String]? = nil, certificate: String? = nil, key: String? = nil, ca: String? = nil) {
        self.endpoints = endpoints
        self.adminEndpoints = adminEndpoints
        self.certificate = certificate
        self.key = key
        self.ca = ca
    }

    /// The usual ports.
    package static let clientPort = 7_400
    package static let adminPort = 7_402
}

/// Named clusters, in `~/.config/kho/contexts.toml`; with the same members but no contexts, `/etc/kho/kho.toml`.
///
///     current = "bac-giang"
///     [contexts.bac-giang]
///     admin_endpoints = ["n1.kho.example:7402"]
///     certificate = "/home/an/kho/admin.crt"
package struct ContextFile: Equatable, Sendable {
    package struct Context: Equatable, Sendable {
        package var name: String
        package var reach: Reach

        package init(name: String, reach: Reach) {
            self.name = name
            self.reach = reach
        }
    }

    /// For messages and for writing.
    package let path: String
    package var current: String?
    package var contexts: [Context] = []
    /// Members outside any context: what holds where nothing else is said.
    package var defaults = Reach()

    package init(path: String) { self.path = path }

    private static let members = ["endpoints", "admin_endpoints", "certificate", "key", "ca"]

    /// Reads a file's text; a key that there is not or a value that is not right is an error with its line.
    package init(parsing text: String, path: String) throws(ConfigurationError) {
        self.path = path
        let file = try TOMLFile(parsing: text, name: path)
        let reader = ConfigurationReader(file: file)
        var names: [String] = []
        for entry in file.entries where entry.key.hasPrefix("contexts.") {
            let name = String(entry.key.dropFirst("contexts.".count).prefix { $0 != "." })
            guard Self.isName(name) else { throw reader.error(entry, "\"\(name)\" is no name of a context: \(Self.nameRule)") }
            if !names.contains(name) { names.append(name) }
        }
        try reader.checkKeys(["current"] + Self.members + names.flatMap { name in Self.members.map { "contexts.\(name).\($0)" } })
        current = try reader.optionalString("current")
        if let current, !names.contains(current), let entry = file["current"] {
            throw reader.error(entry, "there is no context \"\(current)\"\(NearestName.hint(current, among: names))")
        }
        defaults = try Self.reach(reader, prefix: "")
        for name in names { contexts.append(Context(name: name, reach: try Self.reach(reader, prefix: "contexts.\(name)."))) }
    }

    private static func reach(_ reader: ConfigurationReader, prefix: String) throws(ConfigurationError) -> Reach {
        Reach(
            endpoints: try addresses(reader, prefix + "endpoints", port: Reach.clientPort),
            adminEndpoints: try addresses(reader, prefix + "admin_endpoints", port: Reach.adminPort),
            certificate: try reader.optionalString(prefix + "certificate"), key: try reader.optionalString(prefix + "key"),
            ca: try reader.optionalString(prefix + "ca"))
    }

    private static func addresses(_ reader: ConfigurationReader, _ key: String, port: Int) throws(ConfigurationError) -> [String]? {
        guard let texts = try reader.strings(key), let entry = reader.file[key] else { return nil }
        guard !texts.isEmpty else { throw reader.error(entry, "\(key) must not be empty") }
        var addresses: [String] = []
        for text in texts {
            guard let address = Endpoint(text, defaultPort: port) else { throw reader.error(entry, "\(key) must hold host:port, not \"\(text)\"") }
            addresses.append(address.description)
        }
        return addresses
    }

    package static let nameRule = "lower-case letters a–z, digits, '-' and '_' only"

    /// Dots separate tables in the file, so a name has none.
    package static func isName(_ name: String) -> Bool { CertificateName.isPart(name) && !name.contains(".") }

    package subscript(name: String) -> Context? { contexts.first { $0.name == name } }

    /// The file of this path; an empty one if there is none.
    package static func load(_ path: String) throws(CommandError) -> ContextFile {
        guard FileAccess.exists(path) else { return ContextFile(path: path) }
        let text: String
        do throws(FileError) {
            text = try FileAccess.text(path)
        } catch {
            throw .configuration(error.description)
        }
        do throws(ConfigurationError) {
            return try ContextFile(parsing: text, path: path)
        } catch {
            throw .configuration(error.description, remedy: "edit \(path)")
        }
    }

    // MARK: Writing

    /// The file's text, which reads as the same again.
    package var text: String {
        var lines: [String] = []
        if let current { lines.append("current = \(Self.quoted(current))") }
        lines += Self.lines(defaults)
        for context in contexts {
            if !lines.isEmpty { lines.append("") }
            lines += ["[contexts.\(context.name)]"] + Self.lines(context.reach)
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func lines(_ reach: Reach) -> [String] {
        func list(_ name: String, _ texts: [String]?) -> String? { texts.map { "\(name) = [\($0.map(quoted).joined(separator: ", "))]" } }
        func text(_ name: String, _ text: String?) -> String? { text.map { "\(name) = \(quoted($0))" } }
        return [
            list("endpoints", reach.endpoints), list("admin_endpoints", reach.adminEndpoints), text("certificate", reach.certificate),
            text("key", reach.key), text("ca", reach.ca),
        ].compactMap { $0 }
    }

    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": out += "\\" + String(Character(scalar))
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            default:
                if scalar.value < 0x20 || scalar.value == 0x7F {
                    out += "\\u" + Hex.encode([0, UInt8(scalar.value)])
                } else {
                    out.unicodeScalars.append(scalar)
                }
            }
        }
        return out + "\""
    }

    /// Writes the file by one rename, readable by its owner only, and makes its folder.
    package func save() throws(CommandError) {
        do throws(FileError) {
            if let slash = path.lastIndex(of: "/"), slash != path.startIndex { try FileAccess.makeFolders(String(path[..<slash]), mode: 0o700) }
            try FileAccess.replace(path, Array(text.utf8), mode: 0o600)
        } catch {
            throw .file(error.description)
        }
    }
}
